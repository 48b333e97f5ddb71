"""Laws on a device: what they tell is what they tell on the CPU, draws follow the core's cdf, nothing waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

import hyperdist as hd
import hyperdist_torch as ht
from hyperdist.testing.holm import ALPHA
from hyperdist_torch.constraints import unit_sphere
from validation.device_parts import CLOSE, Finding, Results, Setting, counted_waits, distance, judged

SEED = 7
DRAWS, FEW = 200_000, 20_000
"""Draws that are tested against the cdf, on an accelerator and in a small run."""
POINTS = 64
"""Points at which densities are compared, and draws of which gradients are."""
WAITS = {"inverse": 3, "rejection": 30}
"""Looks at values that draws may take: whether coordinates hold them, and one or two per round of proposals."""


@dataclass(frozen=True)
class Case:
    """A law by its name in both packages, with parameters in the order of the constructors."""

    name: str
    label: str
    parameters: tuple[Any, ...]
    model: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.label}"

    def given(self, dtype: torch.dtype) -> list[Tensor]:
        """The parameters as tensors on the processor."""
        return [torch.as_tensor(np.asarray(p), dtype=dtype) for p in self.parameters]

    def leaves(
        self, setting: Setting, dtype: torch.dtype, grad: bool = False, given: list[Tensor] | None = None
    ) -> list[Tensor]:
        """The parameters, or those ``given``, on the device."""
        given = self.given(dtype) if given is None else given
        # c = 0 is the end of its range: there is no derivative to both sides.
        return [setting.onto(p, grad and not (i == 2 and bool((p == 0.0).all()))) for i, p in enumerate(given)]

    def of(self, *leaves: Tensor, validate: bool | None = None) -> Any:
        """The torch law."""
        options = {} if self.model is None else {"model": self.model}
        return getattr(ht, self.name)(*leaves, **options, validate_args=validate)

    def core(self) -> Any:
        """The NumPy law."""
        options = {} if self.model is None else {"model": self.model}
        return getattr(hd, self.name)(*self.parameters, **options)

    def radii(self, x: Tensor, leaves: list[Tensor]) -> Tensor:
        """Distance from the centre; hyperbolic centres are the origin where this is asked for."""
        mu = leaves[0]
        if self.model is None:
            half = 0.5 * torch.linalg.vector_norm(x - mu, dim=-1)
            other = 0.5 * torch.linalg.vector_norm(x + mu, dim=-1)
            return 2.0 * torch.atan2(half, other)
        return torch.linalg.vector_norm(x, dim=-1)


def _unit(m: int) -> np.ndarray:
    direction = np.cos(1.0 + np.arange(m))
    return direction / np.linalg.norm(direction)


RADIAL = [
    Case("RiemannianNormal", "d=1", (np.zeros(1), 0.7, 1.0), "tangent"),
    Case("RiemannianNormal", "d=2", (np.zeros(2), 1.5, 1.0), "tangent"),
    Case("RiemannianNormal", "d=10", (np.zeros(10), 0.8, 1.4), "tangent"),
    Case("RiemannianNormal", "d=50 c=0", (np.zeros(50), 1.0, 0.0), "tangent"),
    Case("VonMisesFisher", "m=2", (_unit(2), 3.0)),
    Case("VonMisesFisher", "m=3", (_unit(3), 50.0)),
    Case("VonMisesFisher", "m=50", (_unit(50), 200.0)),
    Case("SphericalRiemannianNormal", "m=2", (_unit(2), 1.2)),
    Case("SphericalRiemannianNormal", "m=3", (_unit(3), 0.4)),
    Case("SphericalRiemannianNormal", "m=20", (_unit(20), 2.0)),
]
"""Laws of one radius about a centre, hyperbolic ones at the origin in tangent coordinates, where |v| is the radius."""

OTHERS = [
    Case("RiemannianNormal", "d=2 ball, batch", (0.4 * _unit(2), np.array([[0.1], [0.9]]), np.array([0.5, 1.0])),
         "poincare"),
    Case("RiemannianNormal", "d=5 off the origin", (1.5 * _unit(5), 0.8, 0.7), "tangent"),
    Case("WrappedNormal", "d=3 ball", (0.4 * _unit(3), np.array([0.2, 0.5, 0.9]), 1.0), "poincare"),
    Case("WrappedNormal", "d=10 off the origin", (1.5 * _unit(10), np.full(10, 0.4), 1.2), "tangent"),
    Case("WrappedNormal", "d=2 c=0", (0.4 * _unit(2), np.array([0.6, 0.6]), 0.0), "poincare"),
    Case("VonMisesFisher", "m=10, batch", (_unit(10), np.array([0.1, 12.0, 1e4]))),
    Case("ToroidalWrappedNormal", "d=3", (np.array([0.3, 3.1, -2.0]), np.array([0.2, 1.7, 3.0]))),
]  # fmt: skip

DTYPES = (torch.float32, torch.float64)


def _name(what: Any, dtype: torch.dtype) -> str:
    return f"{what} {str(dtype).removeprefix('torch.')}"


def told(law: Any, x: Tensor) -> Results:
    """What a law tells at points x, with the first derivative in x and a second one."""
    x = x.requires_grad_()
    density = law.log_prob(x)
    (slope,) = torch.autograd.grad(density.sum(), x, create_graph=True)
    found = {"log_prob": density, "entropy": law.entropy(), "variance": law.variance,
             "log_normalizer": law.log_normalizer(), "score in x": slope}  # fmt: skip
    if slope.requires_grad:
        (found["second derivative in x"],) = torch.autograd.grad(slope.square().sum(), x, create_graph=True)
    return found


def _radius(law: Any, p: Tensor) -> Results:
    radius = law.radius
    r = radius.icdf(p)
    return {"radius.icdf": r, "radius.log_prob": radius.log_prob(r.detach()), "radius.cdf": radius.cdf(r.detach()),
            "radius.log_sf": radius.log_sf(r.detach()), "radius.entropy": radius.entropy(),
            "radius.mean": radius.mean}  # fmt: skip


Tell = Callable[[Any, Tensor], Results]


def _results(place: Setting, case: Case, tell: Tell, inputs: list[Tensor]) -> Results:
    """What is told at a place of parameters and points, gradients of the sum of all in the parameters included."""
    *given, x = inputs
    leaves = case.leaves(place, x.dtype, grad=True, given=given)
    found = tell(case.of(*leaves), place.onto(x))
    total = torch.stack([value.double().sum() for value in found.values() if value.requires_grad]).sum()
    moved = [p for p in leaves if p.requires_grad]
    gradients = torch.autograd.grad(total, moved, allow_unused=True)
    return found | {f"gradient in parameter {i}": g for i, g in enumerate(gradients) if g is not None}


def _judged(setting: Setting, case: Case, tell: Tell, x: Tensor) -> tuple[float, float, str, int]:
    """Of ``judged``, and how many functions there are."""
    inputs = [*case.given(x.dtype), x.detach().cpu()]
    found = _results(setting, case, tell, inputs)

    def again(inputs: list[Tensor]) -> Results:
        return _results(setting.processor(), case, tell, inputs)

    return *judged(x.dtype, found, inputs, again, CLOSE[x.dtype]), len(found)


def values(setting: Setting) -> Iterator[Finding]:
    """Densities, entropies, moments and their derivatives against the CPU's; radial cdf and quantiles too.

    In float64 to ``CLOSE``; in float32 against float64, to ``CLOSE`` or four times the CPU's own float32 error: see
    ``device_parts.judged``.
    """
    for dtype in DTYPES:
        for case in (*RADIAL, *OTHERS):
            leaves = case.leaves(setting, dtype)
            with torch.no_grad():
                x = case.of(*leaves).sample((POINTS,), generator=setting.generator(SEED))
            seen = [_judged(setting, case, told, x)]
            if case in RADIAL:
                seen.append(_judged(setting, case, _radius, torch.linspace(0.01, 0.99, POINTS, dtype=dtype)))
            error, bound, what, _ = max(seen, key=lambda one: one[0] / one[1])
            count = sum(one[3] for one in seen)
            yield Finding(_name(case, dtype), f"largest error, {count} functions ({what})", error, bound, n=POINTS)


def contract(setting: Setting) -> Iterator[Finding]:
    """Draws: place, dtype, shape, support, density from the radius and from the point; equal and other seeds."""
    for dtype in DTYPES:
        for case in (*RADIAL, *OTHERS):
            leaves = case.leaves(setting, dtype, grad=True)
            law, faults = case.of(*leaves), []
            for method in ("rejection", "inverse"):
                draws = [law.rsample_and_log_prob((POINTS,), method=method, generator=setting.generator(seed))
                         for seed in (SEED, SEED, SEED + 1)]  # fmt: skip
                (x, log_prob), again, other = draws
                expected = (POINTS, *law.batch_shape, *law.event_shape)
                faults += [text for text, fault in {
                    f"{method}: shape": tuple(x.shape) != expected,
                    f"{method}: device": x.device.type != setting.device.type,
                    f"{method}: dtype": x.dtype != dtype or log_prob.dtype != dtype,
                    f"{method}: support": not bool(law.support.check(x).all()),
                    f"{method}: not finite": not bool(torch.isfinite(log_prob).all()),
                    f"{method}: equal seeds differ": not torch.equal(x, again[0]),
                    f"{method}: other seeds agree": torch.equal(x, other[0]),
                    f"{method}: density": distance(law.log_prob(x), log_prob) > _readable(case, dtype),
                }.items() if fault]  # fmt: skip
                total = x.sum() + log_prob.sum()
                gradients = torch.autograd.grad(total, [p for p in leaves if p.requires_grad], allow_unused=True)
                faults += [f"{method}: gradient" for g in gradients if g is not None and not torch.isfinite(g).all()]
            yield Finding(
                _name(case, dtype), "; ".join(["broken promises", *faults]), float(len(faults)), 0.0, n=POINTS
            )


def _readable(case: Case, dtype: torch.dtype) -> float:
    """What the density at a point may differ by from that of its radius: the rounding of coordinates, times the largest
    score of the cases, 1e4 on the sphere (kappa) and 1e3 else."""
    return (2e4 if case.name == "VonMisesFisher" else 2e3) * torch.finfo(dtype).eps


def without_parameters(setting: Setting) -> Iterator[Finding]:
    """Uniform laws and mixtures: draws in the support, densities against the CPU's."""
    axes, kappa = torch.eye(3), torch.tensor([20.0, 5.0, 1.0])
    makers: dict[str, Callable[[torch.device], Any]] = {
        "SphericalUniform": lambda device: ht.SphericalUniform(2, device=device),
        "ToroidalUniform": lambda device: ht.ToroidalUniform(2, device=device),
        "Mixture of VonMisesFisher": lambda device: ht.Mixture(
            torch.full((3,), 1.0 / 3.0, device=device), ht.VonMisesFisher(axes.to(device), kappa.to(device))
        ),
    }
    for name, make in makers.items():
        law = make(setting.device)
        torch.manual_seed(SEED)
        x = law.sample((POINTS,))
        off = distance(law.log_prob(x), make(torch.device("cpu")).log_prob(x.cpu()))
        missing = float((~law.support.check(x)).sum()) if name != "SphericalUniform" else float(
            (~unit_sphere.check(x)).sum()
        )  # fmt: skip
        yield Finding(f"{name} float32", "largest error against the CPU", off, CLOSE[torch.float32], n=POINTS)
        yield Finding(f"{name} float32", "draws off the support", missing, 0.0, n=POINTS)


def draws(setting: Setting) -> Iterator[Finding]:
    """Kolmogorov and Smirnov's test of the radii against the core's cdf, and gradients of draws against the core's.

    The false-alarm rate of all tests together is at most 1e-6.
    """
    n, tests = FEW if setting.small else DRAWS, 2 * 2 * len(RADIAL)
    for dtype in DTYPES:
        for case in RADIAL:
            core, grad = case.core(), case.leaves(setting, dtype, grad=True)
            with torch.no_grad():
                leaves = case.leaves(setting, dtype)
                for method, size in (("rejection", n), ("inverse", min(n, FEW))):
                    x = case.of(*leaves).sample((size,), method=method, generator=setting.generator(SEED))
                    r = case.radii(x.double(), [p.double() for p in leaves]).cpu().numpy()
                    p = float(stats.kstest(r, core.radius.cdf).pvalue)
                    yield Finding(_name(case, dtype), f"alarm: KS of {method} draws, p = {p:.2g}",
                                  float(p < ALPHA / tests), 0.0, n=size)  # fmt: skip
            yield from _gradients(setting, case, dtype, core, grad)


def _gradients(setting: Setting, case: Case, dtype: torch.dtype, core: Any, leaves: list[Tensor]) -> Iterator[Finding]:
    """dr/d sigma, dr/d kappa and dr/dc of draws; that the distance from mu does not change with mu."""
    x = case.of(*leaves).rsample((POINTS,), generator=setting.generator(SEED + 1))
    r = case.radii(x, leaves) if case.model is None else torch.linalg.vector_norm(x, dim=-1)
    expected = core.radius.parameter_gradient(r.detach().cpu().double().numpy())
    worst = 0.0
    for which, name in enumerate(("mu", "kappa" if case.name == "VonMisesFisher" else "sigma", "c")):
        if which >= len(leaves) or not leaves[which].requires_grad or (which == 0 and case.model is not None):
            continue
        slopes = [torch.autograd.grad(part, leaves[which], retain_graph=True)[0] for part in r[:8]]
        if which == 0:
            # The radius does not change with mu, but for the rounding of coordinates over sin r.
            worst = max(worst, *(float(s.abs().max()) * float(r[i].detach().sin()) for i, s in enumerate(slopes)))
        else:
            want = torch.from_numpy(np.asarray(expected[name])[:8])
            worst = max(worst, distance(torch.stack(slopes), want))
    yield Finding(_name(case, dtype), "largest error of a draw's gradients against the core", worst,
                  1e-9 if dtype == torch.float64 else 1e-3, n=8)  # fmt: skip


def waits(setting: Setting) -> Iterator[Finding]:
    """How often the host waits for the device, without validation: never in densities and on the way back."""
    if not setting.accelerated:
        return
    for case in (*RADIAL, *OTHERS):
        leaves = case.leaves(setting, torch.float32, grad=True)
        moved = [p for p in leaves if p.requires_grad]
        x = case.of(*leaves).sample((POINTS,), generator=setting.generator(SEED))

        def tell(case: Case = case, leaves: Any = leaves, moved: Any = moved, x: Tensor = x) -> None:
            law = case.of(*leaves, validate=False)
            total = law.log_prob(x).sum() + law.entropy().sum()
            torch.autograd.grad(total, moved, allow_unused=True)

        tell()  # a first call carries the tables over that it keeps
        with counted_waits(setting) as seen:
            tell()
        yield _waited(case, "log_prob, entropy and backward", seen, 0)
        for method, most in WAITS.items():
            case.of(*leaves, validate=False).rsample((FEW,), method=method)
            with counted_waits(setting) as seen:
                y = case.of(*leaves, validate=False).rsample((FEW,), method=method)
            yield _waited(case, f"rsample, {method}", seen, most)
            with counted_waits(setting) as seen:
                torch.autograd.grad(y.sum(), moved, allow_unused=True)
            yield _waited(case, f"its backward, {method}", seen, 0)


def _waited(case: Case, what: str, seen: list[str], most: int) -> Finding:
    """How many, and where the first ones were."""
    where = f" ({', '.join(dict.fromkeys(seen[:3]))})" if len(seen) > most else ""
    return Finding(str(case), f"waits of {what}{where}", float(len(seen)), float(most))


PARTS = {"contract": contract, "values": values, "uniform laws and mixtures": without_parameters, "draws": draws,
         "waits": waits}  # fmt: skip
