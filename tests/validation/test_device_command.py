"""The run on a device, on the CPU: right numbers and a record; a wrong number, a raise and a stop are told."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from validation import device, device_laws, device_page, device_parts  # noqa: E402
from validation.__main__ import main  # noqa: E402
from validation.device_parts import Finding, Setting  # noqa: E402
from validation.record import REPORTS, ROOT  # noqa: E402

pytestmark = pytest.mark.torch

CPU = Setting(torch.device("cpu"), True, float("inf"))


def record(out: Path) -> dict:
    return json.loads((out / "record.json").read_text(encoding="utf-8"))


def test_a_part_is_run_recorded_and_shown(tmp_path: Path) -> None:
    assert main(["device", "--small", "--device", "cpu", "--only", "uniform", "--out", str(tmp_path)]) == 0
    made = record(tmp_path)
    assert made["rows"]
    assert all(row["kept"] for row in made["rows"])
    assert made["machine"]["accelerator"] is None
    assert list(made["settings"]["parts"]) == ["uniform laws and mixtures"]
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert text == device_page.page(made)
    assert "no accelerator was at hand" in text


def test_a_wrong_number_and_a_raise_fail_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Planted: parameters that differ by a thousandth between the two places, and a part that raises."""
    leaves = device_laws.Case.leaves

    def shifted(self, setting, *options, **more):
        scale = 1.0 if setting.deadline == math.inf else 1.001
        return [(scale * p.detach()).requires_grad_(p.requires_grad) for p in leaves(self, setting, *options, **more)]

    def broken(setting):
        raise FloatingPointError("out | of range")
        yield

    monkeypatch.setattr(device_laws.Case, "leaves", shifted)
    monkeypatch.setattr(device_laws, "RADIAL", device_laws.RADIAL[1:2])
    monkeypatch.setattr(device_laws, "OTHERS", [])
    monkeypatch.setattr(device_laws, "PARTS", {"broken": broken, "values": device_laws.values})
    assert main(["device", "--device", "cpu", "--only", "broken", "values", "--out", str(tmp_path)]) == 1
    rows = record(tmp_path)["rows"]
    assert [row["kept"] for row in rows] == [False] * 3
    assert "raised FloatingPointError: out \\| of range" in (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "! RiemannianNormal d=2" in capsys.readouterr().out


def test_nothing_is_begun_after_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(setting):
        time.sleep(0.2)
        yield Finding("a", "b", 0.0, 1.0)

    monkeypatch.setattr(device_laws, "PARTS", {"first": slow, "second": slow})
    options = ["device", "--device", "cpu", "--only", "first", "second", "--seconds", "0.1", "--out", str(tmp_path)]
    assert main(options) == 0
    settings = record(tmp_path)["settings"]
    assert (list(settings["parts"]), settings["left"]) == (["first"], ["second"])
    assert "Not run: second." in (tmp_path / "table.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "nothing"], "--only must begin the name of a part"),
        (["--seconds", "0"], "--seconds must be > 0"),
        *([] if torch.cuda.is_available() else [(["--device", "cuda"], "no CUDA device")]),
    ],
)
def test_what_cannot_begin(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", *options]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "bound", "kept"), [(1.0, None, True), (1.0, 1.0, True), (1.1, 1.0, False), (float("nan"), 1.0, False)]
)
def test_bounds(value: float, bound: float | None, kept: bool) -> None:
    assert Finding("a", "b", value, bound).kept is kept


def test_distance_of_tensors() -> None:
    inf, nan = float("inf"), float("nan")
    a, b = torch.tensor([1.0, inf, nan, -inf]), torch.tensor([1.0, inf, nan, -inf])
    assert device_parts.distance(a, b) == 0.0
    assert device_parts.distance(torch.tensor([3.0]), torch.tensor([1.0])) == 1.0
    for off in ([1.0], [inf]):
        assert device_parts.distance(torch.tensor([nan]), torch.tensor(off)) == inf


def cubed(inputs: list) -> dict:
    """Next to 1 rounding of x decides the value: 1e4 (x^3 - 1)."""
    return {"value": 1e4 * (inputs[0] ** 3 - 1.0)}


def test_float32_may_err_as_much_as_the_processor_does_and_float64_may_not() -> None:
    x = 1.0 + 1e-4 * torch.rand(64, generator=torch.Generator().manual_seed(1))
    own = device_parts.judged(torch.float32, cubed([x]), [x], cubed, 1e-6)
    assert 1e-6 < own[0] < own[1]
    for shift in (4.0 * own[1], float("nan")):
        error, bound, which = device_parts.judged(
            torch.float32, {"value": cubed([x])["value"] + shift}, [x], cubed, 1e-6
        )
        assert (error > bound, which) == (True, "value")
    error, bound, _ = device_parts.judged(torch.float64, cubed([x.double() + 1e-8]), [x.double()], cubed, 1e-6)
    assert error > bound == 1e-6


def test_neighbours_of_inputs() -> None:
    x = torch.tensor([0.0, 1.0, -3.0])
    assert device_parts._moved(x, 0) is x
    other = device_parts._moved(x, 1)
    assert other[0] == 0.0
    assert ((other - x)[1:].abs() > 0.0).all()
    assert ((other - x).abs() <= 2.0 * torch.finfo(x.dtype).eps * x.abs()).all()


def test_what_takes_too_long_is_stopped() -> None:
    def compiler() -> None:
        while True:
            with contextlib.suppress(Exception):
                time.sleep(0.01)

    with pytest.raises(TimeoutError, match="not done after 0 seconds"), device_parts.within(0.05):
        compiler()
    with device_parts.within(0.05):
        pass
    time.sleep(0.1)


def test_models_trained_at_once_are_trained_as_one_each() -> None:
    """Two equal models with equal draws would stay equal; with draws of their own they part, and both learn."""
    from validation import device_timing, timing_vae

    models = [timing_vae.model(2, "geo") for _ in range(2)]
    before = models[0].encoder.sigma.weight.detach().clone()
    step, parameters = device_timing.stacked_step(models, timing_vae._images(16))
    step()
    weight = parameters["encoder.sigma.weight"].detach()
    assert not torch.equal(weight[0], weight[1])
    assert (weight - before).abs().amax(dim=(1, 2)).min() > 0.0


def test_it_needs_torch_scipy_and_numpy_alone() -> None:
    code = (
        "import sys\n"
        "for name in ('rich', 'tqdm', 'arviz', 'jinja2', 'mpmath', 'matplotlib', 'hypothesis', 'pytest', 'lightning',\n"
        "             'torchdiffeq', 'gpytorch', 'sklearn', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "from validation import device, device_laws, device_models, device_timing\n"
        "device._chosen(None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_committed_page_is_that_of_its_record() -> None:
    made = record(REPORTS / "device")
    assert (REPORTS / "device" / "table.md").read_text(encoding="utf-8") == device_page.page(made)


def test_waits_are_not_counted_on_a_processor() -> None:
    with device_parts.counted_waits(CPU) as seen:
        torch.ones(3).sum().item()
    assert seen == []
    assert list(device_laws.waits(CPU)) == []
    assert device._chosen(["waits"])
