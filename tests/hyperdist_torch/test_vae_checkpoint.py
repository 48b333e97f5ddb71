"""Checkpoints: what was saved comes back to the bit; what is damaged, old or of another model is refused."""

from __future__ import annotations

import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from hyperdist_torch import checkpoint, flows  # noqa: E402
from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo, load, save  # noqa: E402


def build(**changes: Any) -> PoincareVAE:
    settings = {"latent_dim": 2, "data_shape": (6,), "hidden": 8, "c": 0.7, "learn_c": True, "learn_prior_std": True}
    return PoincareVAE(VAEConfig(**{**settings, **changes}))


def trained() -> PoincareVAE:
    """A model whose every parameter has left its start."""
    model = build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_trip(tmp_path: Path, dtype: torch.dtype) -> None:
    model, path = trained().to(dtype), tmp_path / "model.pt"
    save(model, path)
    read = load(path, expect=model.config)
    assert read.config == model.config
    assert read.state_dict().keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert read.state_dict()[name].dtype == value.dtype
        assert torch.equal(read.state_dict()[name], value), name
    x = torch.rand(4, 6, dtype=dtype)
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    assert torch.equal(elbo(read, x, generator=generators[0]), elbo(model, x, generator=generators[1]))
    assert [p.requires_grad for p in read.parameters()] == [True] * len(list(model.parameters()))
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pt"]


def test_truncated_at_any_length(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save(trained(), path)
    content = path.read_bytes()
    for size in (0, 1, 100, len(content) // 2, len(content) - 100, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"model.pt cannot be read as a checkpoint: it is truncated or not one"):
            load(path)


def test_flipped_bits(tmp_path: Path) -> None:
    """One byte in 40 places of the file: refused, or (in the archive's padding and dates) without effect."""
    path, model = tmp_path / "model.pt", trained()
    save(model, path)
    content = path.read_bytes()
    refused = 0
    for at in range(0, len(content), len(content) // 40):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        try:
            state = load(path).state_dict()
        except ValueError as error:
            refused += "model.pt" in str(error)
        else:
            assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert refused >= 10


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"version": 0}, "has checkpoint version 0, this code reads 1"),
        ({"version": None}, "has checkpoint version None"),
        ({"format": "another"}, "is not a checkpoint of a PoincareVAE"),
        ({"digest": "0" * 64}, "is damaged: its digest"),
        ({"config": None}, "is damaged"),
        ({"state": {}}, "is damaged"),
        ({"state": {"x": 3}}, "is damaged"),
    ],
)
def test_changed_content(tmp_path: Path, change: dict[str, Any], match: str) -> None:
    path = tmp_path / "model.pt"
    save(trained(), path)
    torch.save({**torch.load(path, weights_only=True), **change}, path)
    with pytest.raises(ValueError, match=rf"model.pt {match}"):
        load(path)


def test_content_that_contradicts_itself(tmp_path: Path) -> None:
    """A right digest over a configuration of another network, or over none that is valid."""
    path = tmp_path / "model.pt"
    save(trained(), path)
    content = torch.load(path, weights_only=True)
    for changes, match in (
        ({"hidden": 9}, "holds other parameters than"),
        ({"c": -1.0}, "holds no valid configuration"),
    ):
        config = {**content["config"], **changes}
        digest = checkpoint.digest(1, config, content["state"])
        torch.save({**content, "config": config, "digest": digest}, path)
        with pytest.raises(ValueError, match=rf"model.pt {match}"):
            load(path)


def crafted(path: Path, config: dict[str, Any] | None = None, **state: Any) -> None:
    """A file whose digest, where it can be worked out, is that of its changed content."""
    save(trained(), path)
    content = torch.load(path, weights_only=True)
    content["config"] |= config or {}
    content["state"] |= state
    try:
        content["digest"] = checkpoint.digest(1, content["config"], content["state"])
    except (TypeError, ValueError, RuntimeError):
        content["digest"] = "0" * 64
    torch.save(content, path)


BIAS = "decoder.output.bias"
TENSORS = {
    "meta": (lambda: torch.zeros(6, device="meta"), "is damaged"),
    "sparse": (lambda: torch.ones(6).to_sparse(), "is damaged"),
    "quantized": (lambda: torch.quantize_per_tensor(torch.ones(6), 0.1, 0, torch.qint8), "is damaged"),
    "one number for all": (lambda: torch.ones(()).expand(6), "is damaged"),
    "10^15 numbers": (lambda: torch.ones(()).expand(10**15), "is damaged"),
    "complex": (lambda: torch.ones(6, dtype=torch.complex64), f"holds other parameters .*{BIAS} has torch.complex64"),
    "conjugated": (lambda: torch.ones(6, dtype=torch.complex64).conj(), "holds other parameters"),
    "integers": (
        lambda: torch.ones(6, dtype=torch.int64),
        f"holds other parameters .*{BIAS} has torch.int64 in the file",
    ),
    "another shape": (lambda: torch.ones(7), rf"holds other parameters .*{BIAS} has shape \(7,\) in the file, \(6,\)"),
    "NaN": (lambda: torch.full((6,), torch.nan), f"holds no trained model: {BIAS} must be finite"),
    "infinity": (lambda: torch.full((6,), torch.inf), f"holds no trained model: {BIAS} must be finite"),
    "eight bits": (lambda: torch.full((6,), torch.nan).to(torch.float8_e5m2), f"holds no trained model: {BIAS}"),
}


@pytest.mark.filterwarnings("ignore:.*quantize:UserWarning", "ignore:.*Storage is deprecated:UserWarning")
@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_that_no_model_has(tmp_path: Path, kind: str) -> None:
    value, match = TENSORS[kind]
    crafted(tmp_path / "model.pt", **{BIAS: value()})
    with pytest.raises(ValueError, match=f"model.pt {match}"):
        load(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"latent_dim": 10**9}, "holds other parameters .*has shape"),
        ({"hidden": 10**9}, "holds other parameters .*has shape"),
        ({"layers": 10**9}, r"holds other parameters .*the file holds \d+, its configuration has more"),
        ({"latent_dim": 10**30}, "holds "),
        ({"layers": 10**30}, "holds "),
        ({"data_shape": [10**9] * 3}, "holds other parameters"),
        ({"c": 10**400}, "holds no valid configuration"),
        ({"c": "1"}, "holds no valid configuration"),
        ({"data_shape": None}, "holds no valid configuration"),
        ({1: 2}, "is damaged"),
        ({"c": torch.ones(2)}, "is damaged"),
        ({"c": {1, 2}}, "is damaged"),
    ],
    ids=str,
)
def test_configurations_that_no_model_has(tmp_path: Path, config: dict[Any, Any], match: str) -> None:
    """Refused before memory is taken or layers are made."""
    crafted(tmp_path / "model.pt", config)
    with pytest.raises(ValueError, match=f"model.pt {match}"):
        load(tmp_path / "model.pt")


@pytest.mark.parametrize(
    "changes", [{"d": 10**9}, {"layers": 10**9}, {"hidden": 10**9}, {"n_features": 10**9}], ids=str
)
def test_flows_that_no_file_holds(tmp_path: Path, changes: dict[str, Any]) -> None:
    path, model = tmp_path / "flow.pt", flows.Flow(flows.FlowConfig("lorentz", 2, hidden=4, features="points"))
    flows.save(model, path)
    content = torch.load(path, weights_only=True)
    content["config"] |= changes
    content["digest"] = checkpoint.digest(1, content["config"], content["state"])
    torch.save(content, path)
    with pytest.raises(ValueError, match=r"flow.pt holds other parameters"):
        flows.load(path)


def test_a_configuration_that_holds_itself(tmp_path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    crafted(tmp_path / "model.pt", {"c": endless})
    with pytest.raises(ValueError, match=r"model.pt is damaged"):
        load(tmp_path / "model.pt")


def test_entries_that_are_tensors(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save(trained(), path)
    content = torch.load(path, weights_only=True)
    for name, match in (("format", "is not a"), ("version", "has checkpoint version"), ("digest", "is damaged")):
        torch.save({**content, name: torch.ones(2)}, path)
        with pytest.raises(ValueError, match=rf"model.pt {match}"):
            load(path)
    torch.save({**content, "state": {**content["state"], 3: torch.ones(2)}}, path)
    with pytest.raises(ValueError, match=r"model.pt is damaged"):
        load(path)


def test_a_compressed_file(tmp_path: Path) -> None:
    """It could unpack to any size; torch writes none."""
    path, packed = tmp_path / "model.pt", tmp_path / "packed.pt"
    save(trained(), path)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as other:
        for entry in archive.infolist():
            other.writestr(entry.filename, archive.read(entry))
    with pytest.raises(ValueError, match=r"packed.pt cannot be read as a checkpoint: .*compressed"):
        load(packed)


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_a_broken_model_is_not_saved(tmp_path: Path, value: float) -> None:
    model = trained()
    with torch.no_grad():
        model.get_parameter(BIAS)[3] = value
    with pytest.raises(ValueError, match=f"{BIAS} must be finite to be saved"):
        save(model, tmp_path / "model.pt")
    assert not list(tmp_path.iterdir())


def test_parameters_with_gradients_in_the_file(tmp_path: Path) -> None:
    """As a state that torch.save wrote by hand has them."""
    model = trained()
    crafted(tmp_path / "model.pt", **{BIAS: model.get_parameter(BIAS)})
    assert torch.equal(load(tmp_path / "model.pt").get_parameter(BIAS), model.get_parameter(BIAS))


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_text("not a model")
    with pytest.raises(ValueError, match=r"model.pt cannot be read"):
        load(path)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match=r"model.pt is not a checkpoint"):
        load(path)
    torch.save(build(), path)
    with pytest.raises(ValueError, match=r"model.pt cannot be read"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.pt")


@dataclass(frozen=True)
class Widths:
    """The least that a configuration is."""

    width: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Mixed(nn.Module):
    """A model with a buffer of another dtype and a counter."""

    count: Tensor
    unsaved: Tensor

    def __init__(self, config: Widths) -> None:
        super().__init__()
        self.config, self.linear = config, nn.Linear(config.width, 1)
        self.register_buffer("fine", torch.full((2,), 0.1, dtype=torch.float64))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("unsaved", torch.zeros(3), persistent=False)


MIXED = checkpoint.Format("tests.mixed", 2, lambda values: Widths(**values), Mixed, "Mixed")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_any_model_with_a_configuration(tmp_path: Path, dtype: torch.dtype) -> None:
    """Each tensor comes back in its own dtype; what is not in the file follows the parameters."""
    model, path = Mixed(Widths(3)), tmp_path / "model.pt"
    model.linear.to(dtype)
    model.count += 7
    checkpoint.save(model, path, MIXED)
    read = checkpoint.load(path, MIXED, expect=Widths(3))
    for name, value in model.state_dict().items():
        assert read.state_dict()[name].dtype == value.dtype
        assert torch.equal(read.state_dict()[name], value), name
    assert read.unsaved.dtype == dtype
    assert all(parameter.requires_grad for parameter in read.parameters())
    with pytest.raises(ValueError, match=r"model.pt is not a checkpoint of a PoincareVAE"):
        load(path)
    with pytest.raises(ValueError, match=r"model.pt holds another model: width = 3, not 4"):
        checkpoint.load(path, MIXED, expect=Widths(4))


def test_another_model(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save(trained(), path)
    with pytest.raises(ValueError, match=r"model.pt holds another model: latent_dim = 2, not 3; prior = "):
        load(path, expect=build(latent_dim=3, prior="normal").config)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, model = tmp_path / "model.pt", trained()
    save(model, path)
    before = path.read_bytes()

    def half(content: Any, file: Any) -> None:
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="no space left"):
        save(build(), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pt"]
