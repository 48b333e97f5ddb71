"""What the experiments with the Poincare VAE share: their task, and the options that they add."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hyperdist_torch import vae
from hyperdist_torch.experiments import options
from hyperdist_torch.experiments.tasks import Split
from hyperdist_torch.vae.config import DECODERS, ENCODERS
from hyperdist_torch.vae.samplers import SAMPLERS

ENCODER, DECODER = "wrapped", "geo"
"""Those of hyperbolic models as published."""

Data = Callable[[int], Split]
"""Of a seed to its rows."""


@dataclass(frozen=True)
class VAETask:
    """A ``PoincareVAE`` trained on the ELBO and scored by importance sampling; see ``tasks.Task``."""

    config: vae.VAEConfig
    samples: int
    rows: Data
    sampler: str = "random"

    def settings(self) -> dict[str, Any]:
        """The configuration."""
        return {**self.config.to_dict(), **of_sampler(self.sampler)}

    def data(self, seed: int) -> Split:
        """The rows of a seed."""
        return self.rows(seed)

    def build(self, training: Tensor) -> vae.PoincareVAE:
        """The model with the bias of its output at the mean of the rows."""
        model = vae.PoincareVAE(self.config)
        model.set_output_bias(model.check_data(training).mean(dim=0))
        return model

    def objective(self, model: vae.PoincareVAE, rows: Tensor) -> Tensor:
        """The ELBO from one draw a row."""
        return vae.elbo(model, rows, validate_args=False)  # ``build`` has looked at them

    def log_prob(self, model: vae.PoincareVAE, rows: Tensor, generator: torch.Generator) -> Tensor:
        """The importance-weighted log likelihood of each row."""
        return vae.log_likelihood(model, rows, self.samples, sampler=self.sampler, generator=generator)

    def metrics(self, model: vae.PoincareVAE, test: Tensor) -> dict[str, float]:
        """None besides the likelihood."""
        return {}

    def save(self, model: vae.PoincareVAE, path: Path) -> None:
        """See ``vae.save``."""
        vae.save(model, path)

    def load(self, path: Path) -> vae.PoincareVAE:
        """See ``vae.load``."""
        return vae.load(path, self.config)


def of_sampler(name: str) -> dict[str, str]:
    """An entry of settings for a sampler other than "random", which earlier results do not name."""
    return {} if name == "random" else {"sampler": name}


def add_sampler(parser: argparse.ArgumentParser) -> None:
    """The option ``--sampler``."""
    parser.add_argument(
        "--sampler",
        choices=SAMPLERS,
        default="random",
        help="of the likelihood's draws; see log_likelihood (%(default)s)",
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``options.add`` that only auto-encoders have; the published setting is their default."""
    parser.add_argument("--samples", type=options.count, help="of the likelihood estimate, other than published")
    add_sampler(parser)
    parser.add_argument("--decoder", choices=DECODERS, help="of hyperbolic models, other than published")
    parser.add_argument("--encoder", choices=ENCODERS, help="of hyperbolic models, other than published")
    parser.add_argument("--riemannian-gradient", action="store_true", help="in the encoder of hyperbolic models")


def variant(args: argparse.Namespace, flat: bool, **others: Any) -> str:
    """``options.variant`` with the options above, of which a Euclidean model has the samples alone."""
    named = {"samples": args.samples, **of_sampler(args.sampler), **others}
    if not flat:
        for name, published in (("decoder", DECODER), ("encoder", ENCODER)):
            given = getattr(args, name)
            named[name] = None if given == published else given
        named["riemannian gradient"] = args.riemannian_gradient or None
    return options.variant(args, **named)
