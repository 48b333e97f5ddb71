"""Checkpoints of models with parts of one's own: what loads, what is refused at save, what is refused at load."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows, vae  # noqa: E402
from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo, load, save  # noqa: E402
from tests.hyperdist_torch.test_vae_parts import Encoder, LearntPrior, StudentT, decoder, student  # noqa: E402

CONFIG = VAEConfig(latent_dim=2, data_shape=(4, 3), hidden=8, c=0.7)
PARTS: dict[str, Any] = {"encoder": Encoder, "decoder": decoder, "likelihood": StudentT, "prior": LearntPrior}


def made(*names: str) -> dict[str, Any]:
    return {name: PARTS[name]() for name in names}


@pytest.mark.parametrize("names", [("encoder",), ("decoder",), ("likelihood",), ("prior",), tuple(PARTS)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_own_parts_come_back(tmp_path: Path, names: tuple[str, ...], dtype: torch.dtype) -> None:
    """By keyword and by a factory, to the bit; and any of them that lacks is named."""
    path, model = tmp_path / "model.pt", PoincareVAE(CONFIG, **made(*names)).to(dtype)
    save(model, path)
    for read in (
        load(path, CONFIG, **made(*names)),
        load(path, factory=lambda config: PoincareVAE(config, **made(*names))),
    ):
        assert read.state_dict().keys() == model.state_dict().keys()
        for name, value in model.state_dict().items():
            assert torch.equal(read.state_dict()[name], value), name
            assert read.state_dict()[name].dtype == value.dtype
        x = torch.rand(5, 4, 3, dtype=dtype)
        if "prior" not in names or dtype == torch.float32:
            values = [elbo(m, x, generator=torch.Generator().manual_seed(1)) for m in (read, model)]
            assert torch.equal(*values)
    with pytest.raises(ValueError, match=rf"model.pt holds a PoincareVAE with parts of one's own: .*{names[0]} \("):
        load(path)
    with pytest.raises(ValueError, match=r"factory must give the PoincareVAE of .* own parts .* got one with"):
        load(path, factory=PoincareVAE)


def test_functions_come_back(tmp_path: Path) -> None:
    """Parts without numbers: a function, a partial one, a ready likelihood with settings of its own."""
    path = tmp_path / "model.pt"
    for likelihood, name in (
        (student, "student"),
        (functools.partial(student), "partial"),
        (vae.BernoulliLikelihood((4, 3)), ""),
        (vae.NormalLikelihood((4, 3), 0.3), "NormalLikelihood"),
    ):
        save(PoincareVAE(CONFIG, likelihood=likelihood), path)
        if name:
            with pytest.raises(ValueError, match=rf"likelihood \({name}\). Give load\(path, likelihood=...\), or load"):
                load(path)
            assert load(path, likelihood=likelihood).likelihood is likelihood
        else:
            assert type(load(path).likelihood) is vae.BernoulliLikelihood
    config = VAEConfig(2, (4, 3), likelihood="normal")
    save(PoincareVAE(config, likelihood=vae.NormalLikelihood((4, 3), 0.3)), path)
    with pytest.raises(ValueError, match=r"likelihood \(NormalLikelihood\)"):
        load(path)


def test_every_ready_likelihood_comes_back(tmp_path: Path) -> None:
    for likelihood in vae.config.LIKELIHOODS:
        classes = 4 if likelihood == "categorical" else 0
        model = PoincareVAE(VAEConfig(2, (3,), hidden=4, likelihood=likelihood, classes=classes))
        save(model, tmp_path / "model.pt")
        read = load(tmp_path / "model.pt", model.config)
        assert repr(read) == repr(model)
        assert all(torch.equal(read.state_dict()[name], value) for name, value in model.state_dict().items())


def test_parts_that_took_a_ready_one_s_place(tmp_path: Path) -> None:
    path, model = tmp_path / "model.pt", PoincareVAE(CONFIG)
    model.decoder = decoder()
    save(model, path)
    assert torch.equal(load(path, decoder=decoder()).decoder[0].weight, model.decoder[0].weight)


class Extra(Encoder):
    """One with a state of its own kind."""

    def __init__(self, extra: Any) -> None:
        super().__init__()
        self.extra = extra

    def get_extra_state(self) -> Any:
        return self.extra

    def set_extra_state(self, state: Any) -> None:
        self.extra = state


class Buffered(Encoder):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", value)


def test_buffers_of_own_parts(tmp_path: Path) -> None:
    """A mask of infinities, a number expanded, a view, an extra state that is a tensor; lazy layers once run."""
    path = tmp_path / "model.pt"
    values = [torch.tensor([0.0, -torch.inf]), torch.ones(()).expand(5), torch.ones(10)[::2], torch.ones(3).bool()]
    for value in values:
        save(PoincareVAE(CONFIG, encoder=Buffered(value)), path)
        read = load(path, encoder=Buffered(torch.zeros_like(value)))
        assert torch.equal(read.encoder.mask, value)
    save(PoincareVAE(CONFIG, encoder=Extra(torch.tensor(7))), path)
    assert load(path, encoder=Extra(torch.tensor(0))).encoder.extra.item() == 7
    lazy = nn.Sequential(nn.LazyLinear(12), nn.Unflatten(-1, (4, 3)))
    model = PoincareVAE(CONFIG, decoder=lazy)
    with pytest.raises(ValueError, match=r"decoder.0.weight must have been initialised to be saved: run the model"):
        save(model, path)
    elbo(model, torch.rand(5, 4, 3))
    save(model, path)
    read = load(path, decoder=nn.Sequential(nn.LazyLinear(12), nn.Unflatten(-1, (4, 3))))
    assert torch.equal(read.decoder[0].weight, lazy[0].weight)


def broken(name: str) -> PoincareVAE:
    """A model that could not be loaded again."""
    if name == "extra state":
        return PoincareVAE(CONFIG, encoder=Extra({"words": ["a"]}))
    if name == "sparse":
        return PoincareVAE(CONFIG, encoder=Buffered(torch.eye(3).to_sparse()))
    if name == "NaN":
        model = PoincareVAE(CONFIG, encoder=Encoder())
        nn.init.constant_(model.encoder.mean.bias, torch.nan)
        return model
    model = PoincareVAE(CONFIG)
    if name == "another activation":
        model.decoder.body[1] = nn.Tanh()
    elif name == "another width":
        model.decoder.output = nn.Linear(8, 11)
    elif name == "a layer more":
        model.encoder.body.append(nn.Linear(8, 8))
    elif name == "parametrised":
        nn.utils.parametrizations.weight_norm(model.decoder.output)
    elif name == "on meta":
        model.encoder = Encoder().to("meta")
    return model


REFUSED = {
    "extra state": r"encoder._extra_state must be a dense tensor to be saved, got dict",
    "sparse": r"encoder.mask must be a dense tensor to be saved, got one of layout torch.sparse_coo",
    "NaN": r"encoder.mean.bias must be finite to be saved",
    "another activation": r"got Tanh for decoder.body.1, where it has ReLU: give parts of your own to PoincareVAE\(enc",
    "another width": r"decoder.output.weight has shape \(11, 8\) in the file",
    "a layer more": r"got Linear for encoder.body.2, where it has nothing",
    "parametrised": r"got ParametrizedLinear for decoder.output, where it has Linear",
    "on meta": r"encoder.body.weight must be a dense tensor to be saved, got one .* on meta",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=REFUSED[name]):
        save(broken(name), tmp_path / "model.pt")
    assert not list(tmp_path.iterdir())


def test_a_save_leaves_the_generator(tmp_path: Path) -> None:
    model = PoincareVAE(CONFIG)
    before = torch.random.get_rng_state()
    save(model, tmp_path / "model.pt")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_parts_that_are_not_the_file_s(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save(PoincareVAE(CONFIG, **made("encoder", "decoder")), path)
    for parts, match in (
        (made("encoder"), r"with parts of one's own: decoder \(Sequential\). Give load\(path, encoder=..., decoder"),
        (made("encoder", "decoder", "prior"), r"holds a PoincareVAE with the ready prior: leave out yours"),
        ({**made("decoder"), "encoder": Encoder(2)}, r"encoder.scale.weight has shape \(1, 7\) in the file, \(2, 7\)"),
        ({**made("encoder"), "decoder": nn.Linear(2, 12)}, "decoder.weight is in the configuration alone"),
    ):
        with pytest.raises(ValueError, match=match):
            load(path, **parts)
    with pytest.raises(ValueError, match="factory makes all parts: give it, or encoder, not both"):
        load(path, factory=PoincareVAE, encoder=Encoder())
    content = torch.load(path, weights_only=True)
    for own in ({}, {"encoder": 3}, {"head": "Linear"}, {"encoder": "Encoder"}, ["encoder"]):
        torch.save({**content, "own": own}, path)
        with pytest.raises(ValueError, match=r"model.pt is damaged"):
            load(path, **made("encoder", "decoder"))


def test_training_refuses_what_it_could_not_resume(tmp_path: Path) -> None:
    """A state with a class of one's own in it: at the first checkpoint, not when the run is to go on."""
    pytest.importorskip("lightning")
    from hyperdist_torch import training

    model = PoincareVAE(CONFIG, encoder=Extra(ht))
    with pytest.raises(ValueError, match=r"last.ckpt \(model.encoder._extra_state\)"):
        training.fit(model, torch.rand(8, 4, 3), elbo, training.Schedule(1, 4, 1e-3), tmp_path, accelerator="cpu")
    model = PoincareVAE(CONFIG, encoder=Extra({"words": ["a"]}))
    for epochs in (1, 2):
        schedule = training.Schedule(epochs, 4, 1e-3)
        fitted = training.fit(model, torch.rand(8, 4, 3), elbo, schedule, tmp_path, accelerator="cpu", resume=True)
    assert len(fitted.curve) == 2


def test_a_changed_flow_is_not_saved(tmp_path: Path) -> None:
    model = flows.Flow(flows.FlowConfig("sphere", 2, hidden=4))
    model.field = flows.FrameField(flows.Sphere(2), hidden=5)
    with pytest.raises(ValueError, match="a Flow must be as its configuration builds it to be saved"):
        flows.save(model, tmp_path / "flow.pt")
