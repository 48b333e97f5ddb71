"""The closure below a synset, ranks and precision by hand, how points are learnt, and ``mammals``, quick."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from hyperdist.geometry import tangent  # noqa: E402
from hyperdist_torch.experiments import mammals, reconstruction  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402
from hyperdist_torch.experiments.riemannian_adam import RiemannianAdam  # noqa: E402
from hyperdist_torch.fast.distance import dist_sq  # noqa: E402

LINKS = [("cat.1", "mammal.1"), ("dog.1", "mammal.1"), ("pug.1", "dog.1"), ("pug.1", "toy.1"), ("toy.1", "dog.1"),
         ("mammal.1", "animal.1"), ("fish.1", "animal.1")]  # fmt: skip
"""A pug is a dog, a toy and a mammal; fish is not below."""


def test_closure_has_all_that_is_above_and_nothing_from_beside() -> None:
    found = mammals.closure(LINKS, "mammal.")
    assert set(found.names) == {"mammal.1", "cat.1", "dog.1", "toy.1", "pug.1"}
    pairs = {(found.names[u], found.names[v]) for u, v in np.argwhere(found.above)}
    assert pairs == {
        ("cat.1", "mammal.1"), ("dog.1", "mammal.1"), ("toy.1", "dog.1"), ("toy.1", "mammal.1"), ("pug.1", "toy.1"),
        ("pug.1", "dog.1"), ("pug.1", "mammal.1"),
    }  # fmt: skip


def test_closure_refuses_circles_and_names_of_none() -> None:
    with pytest.raises(ValueError, match="must not go round in a circle"):
        mammals.closure([*LINKS, ("dog.1", "pug.1")], "mammal.")
    with pytest.raises(ValueError, match=r"root must begin the name of one node, got 'bird.', which begins 0"):
        mammals.closure(LINKS, "bird.")


def test_ranks_and_precision_by_hand() -> None:
    """On a line: 0 has 1 and 3 above it and the rival 2 between them, so ranks 1 and 2, precisions 1 and 2/3."""
    above = np.zeros((4, 4), dtype=bool)
    above[0, [1, 3]] = True
    x = torch.tensor([[0.0], [1.0], [2.0], [3.0]], dtype=torch.float64)
    for c in (0.0, 1.0):
        found = mammals.scores(above, x, c)
        assert found[mammals.RANK] == 1.5
        assert found[mammals.PRECISION] == pytest.approx((1.0 + 2.0 / 3.0) / 2.0, rel=1e-12)


def test_equal_distances_count_against() -> None:
    above = np.zeros((3, 3), dtype=bool)
    above[0, 1] = True
    found = mammals.scores(above, torch.tensor([[0.0], [1.0], [-1.0]], dtype=torch.float64), 1.0)
    assert found[mammals.RANK] == 2.0
    assert found[mammals.PRECISION] == 0.5


@pytest.mark.parametrize("c", [0.0, 1.0])
def test_riemannian_adam_first_step_is_as_long_as_its_rate(c: float) -> None:
    """Whatever the gradient: its moments are its own, and only the row that has one moves, along its geodesic."""
    x = torch.tensor([[0.7, -0.2, 0.4], [1.0, 2.0, 0.0]], dtype=torch.float64)
    points = RiemannianAdam(x, c)
    points.step(torch.tensor([[3.0, -1.0, 50.0], [0.0, 0.0, 0.0]], dtype=torch.float64), 0.05)
    curvature = torch.full((), c, dtype=torch.float64)
    moved = dist_sq(points.x, x, curvature).sqrt()
    assert moved[0].item() == pytest.approx(0.05, rel=1e-6)
    assert moved[1].item() == 0.0


SPACES = [(0.0, reconstruction.Flat), (1.0, reconstruction.Hyperbolic)]


@pytest.mark.parametrize(("c", "space"), SPACES)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 4.0])
def test_gradient_of_the_loss_is_that_of_automatic_differentiation(c: float, space: type, scale: float) -> None:
    """Against the loss as it is written, with the distances of ``dist_sq``, and torch's gradient taken to the frames.

    Radii reach 4 times 3.5: an eps in a direction moves a point by exp(14) eps = 3e-10, and its frame turns as much.
    """
    rng = np.random.default_rng(5)
    n, sharpness, rows = 30, 3.0, np.array([2, 3, 5, 7, 11])
    x = scale * rng.standard_normal((n, 3))
    above = rng.random((n, n)) < 0.2
    np.fill_diagonal(above, False)
    others = ~(above | np.eye(n, dtype=bool))
    at, curvature = torch.tensor(x, requires_grad=True), torch.tensor(c, dtype=torch.float64)
    wanted = torch.zeros((), dtype=torch.float64)
    for u in rows:
        distance = (dist_sq(at[u], at, curvature) + 1e-300).sqrt()
        total = (-sharpness * distance[torch.from_numpy(others[u])]).logsumexp(0)
        wanted = wanted + torch.nn.functional.softplus(total + sharpness * distance[torch.from_numpy(above[u])]).sum()
    (gradient,) = torch.autograd.grad(wanted, at)
    points = space(x)
    distance = points.distances(rows)
    with torch.no_grad():
        np.testing.assert_allclose(distance, dist_sq(at[rows][:, None], at, curvature).sqrt(), rtol=1e-9, atol=1e-12)
    found = points.pull(reconstruction.slopes(distance, above[rows], others[rows], sharpness))
    framed = tangent.from_frame(x, gradient.numpy(), np.float64(c))
    np.testing.assert_allclose(found, framed, rtol=0.0, atol=1e-8 * float(np.abs(framed).max()))


@pytest.mark.parametrize(("c", "space"), SPACES)
def test_points_move_along_geodesics(c: float, space: type) -> None:
    rng = np.random.default_rng(6)
    x = np.concatenate([1e-3 * rng.standard_normal((5, 4)), 5.0 * rng.standard_normal((5, 4))])
    step = 0.3 * rng.standard_normal(x.shape)
    step[[2, 7]] = 0.0
    points = space(x)
    points.move(step)
    np.testing.assert_allclose(points.x, tangent.boost(x, step, np.float64(c)), rtol=1e-12, atol=1e-14)


def test_rate_burns_in_and_falls_and_sharpness_grows() -> None:
    schedule = reconstruction.Schedule(epochs=100, rate=0.2, burn_in=0.1, sharpness=(0.5, 8.0))
    assert reconstruction.at(schedule, 9)[0] == pytest.approx(0.002)
    assert reconstruction.at(schedule, 10)[0] == pytest.approx(0.2)
    assert reconstruction.at(schedule, 55)[0] == pytest.approx(0.1)
    assert reconstruction.at(schedule, 0)[1] == 0.5
    assert reconstruction.at(schedule, 50)[1] == pytest.approx(2.0)


def test_learning_puts_what_is_above_nearest() -> None:
    """A tree of 31 nodes: its mean rank falls below 1.1, from about 8 where points are random."""
    links = [(f"n{i}", "top" if i < 3 else f"n{(i - 1) // 2}") for i in range(1, 31)]
    found = mammals.closure(links, "top")
    x = reconstruction.learn(found.above, 5, 1.0, 0, reconstruction.Schedule(epochs=300))
    scored = mammals.scores(found.above, torch.from_numpy(x), 1.0)
    assert scored[mammals.RANK] < 1.1
    assert scored[mammals.PRECISION] > 0.95


def test_leaves_cells_record_and_table_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "trees", tmp_path / "out"
    data.mkdir()
    lines = ["child\tparent\trelation", *(f"{child}\t{parent}\t@" for child, parent in LINKS)]
    (data / "wordnet-nouns.tsv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))

    def run(*more: str) -> int:
        return main(["mammals", "--quick", "--data-dir", str(tmp_path), "--out", str(out), *more])

    assert run() == 0
    assert "5 synsets, 7 pairs" in capsys.readouterr().out
    assert {path.stem for path in (out / "cells").iterdir()} == {"hyperbolic-d2-seed0", "euclidean-d2-seed0"}
    (out / "cells" / "hyperbolic-d2-seed0.json").unlink()  # the record is enough
    assert run("--resume", "--seeds", "0", "1", "--spaces", "hyperbolic") == 0
    assert "hyperbolic-d2-seed0: kept" in capsys.readouterr().out
    record = json.loads((out / "record.json").read_text())
    row = next(row for row in record["rows"] if row["name"] == "hyperbolic, d = 2")
    assert row["n"] == 2
    assert math.isfinite(row["value"])
    assert "| Euclidean | 2 |" in (out / "table.md").read_text()


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"wordnet-nouns.tsv.gz is neither in"):
        mammals.load(tmp_path)
    (tmp_path / "wordnet-nouns.tsv.gz").write_bytes(gzip.compress(b"child\tparent\trelation\ncat.1\tmammal.1\n"))
    with pytest.raises(ValueError, match="line 2: must have child, parent and relation"):
        mammals.load(tmp_path)
