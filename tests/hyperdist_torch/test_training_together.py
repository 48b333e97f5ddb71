"""Several processes that train one model: what one process does with the same batches, to rounding."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from hyperdist_torch import training  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402
from tests.support.torch import together  # noqa: E402

ROOT = Path(__file__).parents[2]


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """By gloo, with batches that do not divide."""
    command = [sys.executable, "-m", together.__name__, str(tmp_path), "ddp"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    found = torch.load(tmp_path / "found.pt")
    fitted, model = together.train(tmp_path / "one", 1)
    torch.testing.assert_close(found["curve"], list(fitted.curve), rtol=1e-12, atol=0.0)
    torch.testing.assert_close(found["state"], model.state_dict(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("environment", "arguments", "first"),
    [
        ({}, (1, 1), True), ({"LOCAL_RANK": "1"}, (2, 1), False), ({"RANK": "3"}, (2, 2), False),
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, (1, 2), False), ({"SLURM_PROCID": "1"}, (1, 2), False),
        # Processes of srun that share nothing, such as shares of a table.
        ({"SLURM_PROCID": "1"}, (1, 1), True),
    ],
)  # fmt: skip
def test_the_first_process_leads(
    environment: dict[str, str], arguments: tuple[int, int], first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert training.leads(*arguments) is first


def test_wrong_nodes_and_strategies_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(12)))
    common = ["vae", "--data", str(table), "--likelihood", "normal", "--out", str(tmp_path / "out"), "--quiet"]
    with pytest.raises(SystemExit, match="2"):
        main([*common, "--num-nodes", "0"])
    assert "--num-nodes: must be an integer >= 1, got '0'" in capsys.readouterr().err
    assert main([*common, "--strategy", "magic"]) == 2
    assert "magic" in capsys.readouterr().err
