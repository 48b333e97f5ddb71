"""What is timed in torch: every call runs, gives the gradients that its name tells, and on one thread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from validation import timing, timing_flows, timing_torch, timing_vae  # noqa: E402
from validation.__main__ import main  # noqa: E402
from validation.contest import Contest  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing_torch, "LAWS", 6)
    monkeypatch.setattr(timing_torch, "MANY", 30)
    monkeypatch.setattr(timing_vae, "HIDDEN", 8)
    monkeypatch.setattr(timing_vae, "BATCH", 4)
    monkeypatch.setattr(timing_vae, "SAMPLES", 5)
    monkeypatch.setattr(timing_vae, "TEST_IMAGES", 5)
    monkeypatch.setattr(timing_flows, "HIDDEN", 8)
    monkeypatch.setattr(timing_flows, "POINTS", 6)
    monkeypatch.setattr(timing_flows, "STEPS", 3)


def test_every_call_runs(small: None) -> None:
    pytest.importorskip("torchdiffeq")
    made = timing.contests(("torch", "vae", "flows"))
    assert len({contest.name for contest in made}) == len(made)
    for contest in made:
        contest.ours()
        contest.theirs()


def test_gradients_are_worked_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every leaf, and not added to those of the call before."""
    leaves = tuple(torch.ones(3, requires_grad=True) for _ in range(2))
    call = timing_torch._gradient(leaves, lambda: leaves[0] * leaves[1], (3,))
    call()
    before = [leaf.grad.clone() for leaf in leaves if leaf.grad is not None]
    call()
    assert len(before) == 2
    assert all(torch.equal(leaf.grad, old) for leaf, old in zip(leaves, before, strict=True))


@pytest.mark.parametrize("decoder", ["geo", None])
def test_posterior_means_are_spread(decoder: str | None) -> None:
    """About the origin, at half of the mean distance of the prior's draws."""
    model = timing_vae.model(10, decoder)
    mu = model.encode(timing_vae._images(timing_vae.BATCH)).mean
    assert mu.mean(dim=0).norm() < 1e-3 * mu.norm(dim=-1).mean()
    distance = model.prior().sample((10_000,), model="tangent").norm(dim=-1).mean()
    assert 0.45 < mu.norm(dim=-1).mean() / distance < 0.55


def test_a_step_trains() -> None:
    model = timing_vae.model(2, "wrapped")
    step, before = timing_vae._step(model), [parameter.clone() for parameter in model.parameters()]
    step()
    assert all(not torch.equal(new, old) for new, old in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("divergence", ["exact", "rademacher"])
def test_a_flow_and_its_network_take_the_same_steps(divergence: str, small: None) -> None:
    """Both sides leave a gradient in every parameter, anew at each call; n evaluations are those of the solver."""
    made, solver = timing_flows.field(), timing_flows.flows.FixedGrid(3)
    n = timing_flows._evaluations(made, solver, divergence)
    assert n == 13
    for call in (timing_flows._gradient(made, solver, divergence), timing_flows._network(made, n)):
        found = []
        for _ in range(2):
            call()
            found.append([p.grad.clone() for p in made.parameters() if p.grad is not None])
        assert len(found[0]) == len(list(made.parameters()))
        assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    velocity = made(torch.tensor(0.5), timing_flows.points())
    assert velocity.square().sum(dim=-1).mean().sqrt().item() == pytest.approx(timing_flows.SPEED)


def test_record_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Rates, memory and torch's version are in it; too much memory misses its target; threads are as they were."""
    threads: set[int] = set()
    call = Contest("a", "b", lambda: threads.add(torch.get_num_threads()), lambda: None, work=(1.0, "things"))
    peak = {"name": "m", "metric": "peak memory, MiB", "value": 100.0, "interval95": None, "n": 1, "published": None}
    monkeypatch.setattr(timing_vae, "contests", lambda: [call])
    monkeypatch.setattr(timing_vae, "memory", lambda: [peak])
    arguments = ["timing", "--only", "vae", "--repetitions", "5", "--out", str(tmp_path)]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert main(arguments) == 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads == {1}
    written = json.loads((tmp_path / "record.json").read_text())
    assert written["versions"]["torch"] == torch.__version__
    assert [row["metric"] for row in written["rows"]] == [
        "time over b",
        "milliseconds",
        "things",
        "things",
        peak["metric"],
    ]
    peak["value"] = 3000.0
    assert main(arguments) == 1
    assert "m: 3000 MiB, at most 2048 MiB were allowed" in capsys.readouterr().out


def test_memory_of_an_adjoint_solve() -> None:
    """In a process of its own; that it does not grow with the steps stands in test_flows_solvers."""
    pytest.importorskip("torchdiffeq")
    (entry,) = timing_flows.memory((0.1,))
    assert 50.0 < entry["value"] < timing_vae.MEMORY_LIMIT
    assert "dopri5 at 0.1, adjoint" in entry["name"]


def test_memory_is_that_of_its_own_process() -> None:
    """What this process holds, 512 MiB more the second time, does not count."""
    (before,) = timing_vae.memory([(2, None)])
    kept = torch.ones(2**27)
    (after,) = timing_vae.memory([(2, None)])
    del kept
    assert 50.0 < before["value"] < timing_vae.MEMORY_LIMIT
    assert abs(after["value"] - before["value"]) < 128.0
