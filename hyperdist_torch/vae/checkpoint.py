"""Auto-encoders on disc."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hyperdist_torch import checkpoint
from hyperdist_torch.vae.config import VAEConfig
from hyperdist_torch.vae.decoders import Decoder
from hyperdist_torch.vae.encoders import Encoder
from hyperdist_torch.vae.model import PoincareVAE
from hyperdist_torch.vae.parts import Part, ready_likelihood

_PLACES = {"encoder": "encoder", "decoder": "decoder", "likelihood": "likelihood", "prior": "own_prior"}


def _own(model: PoincareVAE) -> dict[str, str]:
    """Parts that the configuration would not make, also where they took a ready one's place later."""
    ready = {"encoder": Encoder, "decoder": Decoder}
    own: dict[str, str] = {}
    for name, attribute in _PLACES.items():
        part: Any = getattr(model, attribute)
        if name == "likelihood":  # whose settings its text tells
            same = repr(part) == repr(ready_likelihood(model.config))
        else:
            same = part is None or type(part) is ready.get(name)
        if not same:
            own[name] = getattr(part, "__name__", type(part).__name__)
    return own


FORMAT = checkpoint.Format("hyperdist_torch.vae", 1, VAEConfig.from_dict, PoincareVAE, "PoincareVAE", _PLACES, _own)


def save(model: PoincareVAE, path: str | os.PathLike[str]) -> None:
    """Write the model's configuration and parameters to ``path``, whole or not at all; see ``checkpoint.save``.

    Parts of one's own are saved by their ``state_dict``: what ``load`` could not give back is refused here.

    >>> import tempfile
    >>> from hyperdist_torch.vae import PoincareVAE, VAEConfig, load, save
    >>> config = VAEConfig(latent_dim=2, data_shape=(4, 4), hidden=8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(PoincareVAE(config), folder + "/model.pt")
    ...     load(folder + "/model.pt", expect=config).config == config
    True
    """
    checkpoint.save(model, path, FORMAT)


def load(
    path: str | os.PathLike[str], expect: VAEConfig | None = None, *, encoder: Part | None = None,
    decoder: Part | None = None, likelihood: Part | None = None, prior: Any = None,
    factory: Callable[[VAEConfig], PoincareVAE] | None = None,
) -> PoincareVAE:  # fmt: skip
    """The model that ``save`` wrote, on the CPU, in the dtype it had; raises as ``checkpoint.load``.

    encoder, decoder, likelihood, prior : the parts of one's own that it has, as ``PoincareVAE`` was given them; modules
              get the numbers of the file. Or
    factory : of the configuration to such a model, for parts that depend on it.

    >>> import tempfile, torch
    >>> from hyperdist_torch.vae import PoincareVAE, VAEConfig, load, save
    >>> config = VAEConfig(latent_dim=2, data_shape=(8,))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(PoincareVAE(config, decoder=torch.nn.Linear(2, 8)), folder + "/model.pt")
    ...     load(folder + "/model.pt", decoder=torch.nn.Linear(2, 8)).decoder
    Linear(in_features=2, out_features=8, bias=True)
    """
    parts = {"encoder": encoder, "decoder": decoder, "likelihood": likelihood, "prior": prior}
    return checkpoint.load(path, FORMAT, expect, parts=parts, factory=factory)
