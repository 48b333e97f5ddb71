"""What flows are given: every refusal names the argument, its value and what it must be."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from tests.support.torch import flows as shared  # noqa: E402

# torch.func.jvp with torch 2.13
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def _id(value: Any) -> str:
    return str(value).replace(" ", "")


def law(space: flows.Space, **options: Any) -> flows.RiemannianCNF:
    return flows.RiemannianCNF(shared.base(space), shared.field(space), solver=flows.FixedGrid(2), **options)


OFF = {
    "sphere": [0.6, 0.8, 0.1],
    "torus": [0.1, math.pi],
    "lorentz": [1.0, 0.5, 0.1],
    "poincare": [0.9, 0.0],
    "euclidean": [math.inf, 0.0],
}


@pytest.mark.parametrize("space", shared.SURFACES, ids=_id)
@pytest.mark.parametrize("validate", [None, False])
def test_rows_off_the_space(space: flows.Space, validate: bool | None) -> None:
    """The first row that is no point is named, counted over the whole batch, also without ``validate_args``."""
    q = law(space, validate_args=validate)
    for bad in (OFF[space.name], [math.nan] * space.width):
        x = shared.points(space, 6)
        x[4] = x[5] = torch.tensor(bad, dtype=x.dtype)
        with pytest.raises(
            ValueError, match=r"value must lie on .*: 2 of 6 rows do not, the first is row 4, .*"
        ) as found:
            shared.carried(q, x.reshape(2, 3, -1))
        assert repr(space) in str(found.value)
        assert ("nan" if math.isnan(bad[0]) else f"{bad[0]:g}") in str(found.value)


@pytest.mark.parametrize("space", [space for space in shared.SURFACES if space.model], ids=_id)
@pytest.mark.parametrize("model", ["poincare", "lorentz", "tangent"])
def test_nan_rows_in_any_model(space: flows.Space, model: str) -> None:
    q = law(space)
    x = q.sample((4,), model=model)
    x[2] = math.nan
    with pytest.raises(ValueError, match=r"1 of 4 rows do not, the first is row 2, .*nan"):
        q.log_prob(x, model=model)


@pytest.mark.parametrize("space", shared.SURFACES, ids=_id)
def test_widths_and_types(space: flows.Space) -> None:
    q, w = law(space), space.width
    options: dict[str, Any] = {"model": space.model} if space.model else {}
    for shape in ((5, w + 1), (5, w - 1), ()):
        with pytest.raises(ValueError, match=rf"value must have {w} coordinates on its last axis, got shape \("):
            q.log_prob(torch.zeros(shape, dtype=shared.DOUBLE), **options)
    with pytest.raises(TypeError, match=r"value must be a torch.Tensor, got list"):
        q.log_prob([0.0] * w, **options)  # type: ignore[arg-type]
    if not space.model:
        with pytest.raises(ValueError, match="model is for hyperbolic laws, RiemannianCNF takes none, got 'poincare'"):
            q.log_prob(shared.points(space, 2), model="poincare")
    else:
        with pytest.raises(ValueError, match=r"model must be one of .*, got 'ball'"):
            q.log_prob(shared.points(space, 2), model="ball")
    if not isinstance(space, flows.Euclidean):  # torch's own laws fail there
        assert q.log_prob(shared.points(space, 4)[:0], **options).shape == (0,)


def test_batches_that_do_not_broadcast() -> None:
    space = flows.Torus(2)
    made = shared.field(space, context_width=1)
    q = flows.RiemannianCNF(shared.base(space), made, context=torch.zeros(3, 1).double())
    with pytest.raises(ValueError, match=r"value.*\(4,\).*batch.*\(3,\)"):
        q.log_prob(shared.points(space, 4))
    with pytest.raises(ValueError, match=r"base.*\(2,\).*context.*\(3,\)"):
        flows.RiemannianCNF(shared.base(space).expand((2,)), made, context=torch.zeros(3, 1).double())


def normal(d: int) -> Any:
    return torch.distributions.MultivariateNormal(torch.zeros(d), torch.eye(d))


BASES = [
    (flows.Sphere(2), ht.SphericalUniform(3), r"base must have event shape \(3,\) on Sphere\(2\), got \(4,\)"),
    (flows.Torus(3), normal(2), r"base must have event shape \(3,\) on Torus\(3\), got \(2,\)"),
    (flows.Sphere(2), ht.WrappedNormal(torch.zeros(3), 1.0), r"base must be a law on Sphere\(2\), got WrappedNormal"),
    (flows.Lorentz(2), normal(2), r"base must be a law on Lorentz\(2, c=1\), got Multivariate"),
    (flows.Sphere(2), ht.ToroidalUniform(3), r"base must be a law on Sphere\(2\), got ToroidalUniform"),
    (flows.Sphere(2), normal(3), r"base must be a law on Sphere\(2\), got Multivariate"),
    (flows.Torus(3), ht.SphericalUniform(2), r"base must be a law on Torus\(3\), got SphericalUniform"),
    (flows.Euclidean(3), ht.SphericalUniform(2), r"base must be a law on Euclidean\(3\), got SphericalUniform"),
    (flows.PoincareBall(2), ht.WrappedNormal(torch.zeros(2), 1.0, 0.5), r"base must have the curvature c = 1.*0\.5"),
    (flows.Euclidean(2), ht.WrappedNormal(torch.zeros(2), 1.0, 0.5), r"base must have the curvature c = 0.*0\.5"),
]


@pytest.mark.parametrize(("space", "base", "message"), BASES, ids=_id)
def test_a_base_on_another_space(space: flows.Space, base: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        flows.RiemannianCNF(base, flows.FrameField(space))


def test_rows_of_another_model_are_named_as_they_were_given() -> None:
    q = flows.RiemannianCNF(ht.WrappedNormal(torch.zeros(2), 1.0), flows.FrameField(flows.Lorentz(2)))
    with pytest.raises(ValueError, match=r"row 1, \[3\.0, 4\.0\]"):
        q.log_prob(torch.tensor([[0.1, 0.2], [3.0, 4.0]]), model="poincare")


def test_flow_matching_of_a_batch_is_refused() -> None:
    made = flows.FrameField(flows.Sphere(2), context_width=1)
    q = flows.RiemannianCNF(ht.SphericalUniform(2), made, context=torch.zeros(4, 1))
    with pytest.raises(ValueError, match=r"q must have no batch shape, got \(4,\)"):
        flows.flow_matching(q, ht.SphericalUniform(2).sample((4,)))


@pytest.mark.parametrize("space", shared.SURFACES, ids=_id)
def test_flow_matching_looks_at_its_points(space: flows.Space) -> None:
    """As ``log_prob`` does: width, finite, on the space; nothing trains in silence."""
    q, x = law(space), shared.points(space, 6)
    for bad in (OFF[space.name], [math.nan] * space.width):
        off = x.clone()
        off[4] = torch.tensor(bad, dtype=x.dtype)
        with pytest.raises(ValueError, match=r"x must lie on .*: 1 of 6 rows do not, the first is row 4, "):
            flows.flow_matching(q, off)
    for shape in ((6, space.width + 1), (6, space.width - 1)):
        with pytest.raises(ValueError, match=rf"x must have {space.width} coordinates on its last axis, got shape"):
            flows.flow_matching(q, torch.zeros(shape, dtype=x.dtype))
    for off in (x[0], x[None]):
        with pytest.raises(ValueError, match=rf"x must have shape \(n, {space.width}\), got"):
            flows.flow_matching(q, off)
    with pytest.raises(TypeError, match=r"x must be a torch.Tensor, got list"):
        flows.flow_matching(q, x.tolist())  # type: ignore[arg-type]


def test_units_are_told() -> None:
    degrees = torch.tensor([[45.0, 120.0]], dtype=shared.DOUBLE)
    for call in (
        lambda: law(flows.Torus(2)).log_prob(degrees),
        lambda: flows.flow_matching(law(flows.Torus(2)), degrees),
    ):
        with pytest.raises(ValueError, match=r"row 0, \[45.0, 120.0\]; angles are in radians, in \[-pi, pi\)"):
            call()
    with pytest.raises(ValueError, match=r"row 0, \[2.0, 0.0, 0.0\]; divide vectors by their lengths"):
        flows.flow_matching(law(flows.Sphere(2)), 2.0 * torch.eye(3, dtype=shared.DOUBLE))


def test_flow_matching_is_of_the_flow_itself() -> None:
    pushed = flows.StereographicFlow(law(flows.Euclidean(2)))
    with pytest.raises(TypeError, match=r"q must be a RiemannianCNF, got StereographicFlow: match its flow"):
        flows.flow_matching(pushed, shared.points(flows.Sphere(2), 3))  # type: ignore[arg-type]


def test_log_targets_of_another_shape_or_that_are_nan() -> None:
    q, target = law(flows.Sphere(2)), shared.base(flows.Sphere(2))
    assert flows.reverse_kl(q, target.log_prob, 5).shape == (5,)
    for wrong in (lambda x: target.log_prob(x)[:, None], lambda x: target.log_prob(x).sum()):
        with pytest.raises(ValueError, match=r"log_target must return shape \(5,\) for points of shape \(5, 3\), got"):
            flows.reverse_kl(q, wrong, 5)
    with pytest.raises(ValueError, match=r"log_target must be a number or -inf, got nan at \[.*\] \(5 of 5 points\)"):
        flows.reverse_kl(q, lambda x: target.log_prob(x) * math.nan, 5)
    with pytest.raises(ValueError, match="samples must be an integer >= 1, got 0"):
        flows.reverse_kl(q, target.log_prob, 0)
    assert flows.reverse_kl(q, lambda x: target.log_prob(x) - math.inf, 5).isinf().all()


@pytest.mark.parametrize("space", [space for space in shared.SURFACES if space.name != "euclidean"], ids=_id)
def test_pushed_flows_look_at_their_points(space: flows.Space) -> None:
    """In every model that they take."""
    flat = law(flows.Euclidean(2))
    q = flows.WrappedFlow(flat, space)
    for model in ("poincare", "lorentz", "tangent") if space.model else (None,):
        options: dict[str, Any] = {"model": model} if model else {}
        x = q.sample((4,), **options)
        assert torch.isfinite(q.log_prob(x, **options)).all()
        with pytest.raises(ValueError, match=rf"value must have {x.shape[-1]} coordinates on its last axis, got shape"):
            q.log_prob(torch.zeros(4, x.shape[-1] + 1, dtype=x.dtype), **options)
        with pytest.raises(TypeError, match=r"value must be a torch.Tensor, got list"):
            q.log_prob(x.tolist(), **options)  # type: ignore[arg-type]
        for bad in (math.nan, 9.0) if model != "tangent" else (math.nan,):
            x[2] = bad
            with pytest.raises(ValueError, match=r"value must lie on .*: 1 of 4 rows do not, the first is row 2, "):
                q.log_prob(x, **options)


def test_another_dtype_than_the_field_s() -> None:
    """By name, not by the error of a matrix product."""
    single = flows.FrameField(flows.Sphere(2), hidden=4)
    q = flows.RiemannianCNF(ht.SphericalUniform(2), single)
    x = shared.points(flows.Sphere(2), 3)
    for call in (lambda: q.log_prob(x), lambda: flows.flow_matching(q, x), lambda: single(torch.tensor(0.0), x)):
        with pytest.raises(TypeError, match=r"points must be torch.float32, as the field is, got torch.float64"):
            call()
    with pytest.raises(TypeError, match=r"x must be float32 or float64, got torch.bfloat16"):
        flows.flow_matching(q, x.bfloat16())


OPTIONS = [
    (lambda: flows.Sphere(0), "d must be an integer >= 1, got 0"),
    (lambda: flows.Lorentz(2, -1.0), r"c must be > 0, got .*-1\.0"),
    (lambda: flows.PoincareBall(2, 0.0), r"c must be > 0, got .*0\.0"),
    (lambda: flows.FrameField(flows.Torus(2), frame="ambient"), r"frame must be 'local' or 'generators' on Torus\(2\), "
     "got 'ambient'"),
    (lambda: flows.FrameField(flows.Sphere(2), frame="killing"), "frame must be one of ambient, .*, got"),
    (lambda: flows.FrameField(flows.Sphere(2), context_width=-1), "context_width must be >= 0, got -1"),
    (lambda: flows.FrameField(flows.Sphere(2), hidden=0), "hidden must be an integer >= 1, got 0"),
    (lambda: flows.FrameField(flows.Sphere(2), layers=0), "layers must be an integer >= 1, got 0"),
    (lambda: flows.FrameField(flows.Sphere(2), activation="relu"), "activation must be one of sine, .*, got 'relu'"),
    (lambda: flows.FrameField(flows.Sphere(2), scale=0.0), r"scale must be > 0, got .*0\.0"),
    (lambda: flows.FrameField(flows.Sphere(2), finest=1.0), "finest must be > 0 and < 1, got 1"),
    (lambda: flows.Waves(flows.Sphere(2), 4, 0.0), "finest must be > 0 and < 1, got 0"),
    (lambda: flows.Waves(flows.Sphere(2), 4, math.nan), "finest must be > 0 and < 1, got nan"),
    (lambda: flows.Waves(flows.Sphere(2), 0, 0.1), "n must be an integer >= 1, got 0"),
    (lambda: flows.flow_matching(law(flows.Sphere(2)), shared.points(flows.Sphere(2), 2), finest=2.0),
     "finest must be > 0 and < 1, got 2"),
    (lambda: flows.FlowConfig("sphere", 2, finest=-0.1), r"finest must be > 0 and < 1, got -0\.1"),
    (lambda: flows.FlowConfig("sphere", 2, features="waves"), "finest must be given for features 'waves', got None"),
    (lambda: flows.GeodesicDistances(flows.Sphere(2), 0), "n must be an integer >= 1, got 0"),
    (lambda: flows.GeodesicDistances(flows.Sphere(2), 2, "lines"), "to must be one of points, planes, got 'lines'"),
    (lambda: flows.GeodesicDistances(flows.Torus(2), 2, "planes"), "to must be 'points' on the torus"),
    (lambda: law(flows.Sphere(2), divergence="hutch"), "divergence must be one of exact, .*, got 'hutch'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), OPTIONS)
def test_options(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_contexts_of_the_wrong_width() -> None:
    space = flows.Sphere(2)
    x, t = shared.points(space, 3), torch.tensor(0.0, dtype=shared.DOUBLE)
    for context_width, context in ((2, None), (0, torch.zeros(3, 1)), (2, torch.zeros(3, 1))):
        made = shared.field(space, context_width=context_width)
        shape = "None" if context is None else r"\(3, 1\)"
        for call in (made, made.with_divergence):
            with pytest.raises(ValueError, match=f"context must have {context_width} numbers a row, got shape {shape}"):
                call(t, x, context)


def test_features_of_another_space() -> None:
    with pytest.raises(ValueError, match=r"features must be of Sphere\(2\), got those of Torus\(3\)"):
        flows.FrameField(flows.Sphere(2), features=flows.Coordinates(flows.Torus(3)))
    with pytest.raises(ValueError, match=r"features must be of Lorentz\(2, c=1\), got those of Lorentz\(2, c=2\)"):
        flows.FrameField(flows.Lorentz(2), features=flows.Coordinates(flows.Lorentz(2, 2.0)))


def test_names() -> None:
    """What a printed model shows."""
    assert repr(flows.PoincareBall(2, 0.5)) == "PoincareBall(2, c=0.5)"
    assert "Sphere(2), frame='local'" in repr(flows.FrameField(flows.Sphere(2), frame="local"))
    assert repr(law(flows.Sphere(2))) == "RiemannianCNF()"
