"""MNIST with mixed-curvature VAEs of six latent dimensions: flat, hyperbolic, spherical, and products of them.

After Skopek et al. 2020 (arXiv 1911.08411), whose signatures these are, at a reduced setting of our own: likelihood,
networks and optimiser of ``mnist`` (Bernoulli on grey levels, a hidden layer of 600, Adam with AMSGrad at 5e-4, batches
of 128), 40 epochs, test log likelihood from 500 importance samples of all test digits. Curvatures start at 1 and are
learnt, each factor's its own. Posteriors are wrapped normals on hyperbolic factors, normals on flat ones, with one
scale per coordinate, and von Mises-Fisher laws, with one kappa, on spheres; priors are wrapped normals, normals, and
uniform. On a sphere of radius R posterior and prior are those of the unit sphere, moved there; R decides what the
decoder reads. No figure was published for this setting.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from hyperdist_torch import vae
from hyperdist_torch.experiments import cells, mnist, options, tables, vae_cells
from hyperdist_torch.experiments.cells import Cell
from hyperdist_torch.experiments.vae_cells import Data, VAETask
from hyperdist_torch.training import Schedule
from hyperdist_torch.vae import VAEConfig, factors, signature

LATENTS = ("e6", "h6", "s6", "h2,h2,h2", "h2,s2,e2")
SEEDS = (0, 1, 2)
EPOCHS, SAMPLES = 40, 500
COLUMN = "d = 6"

_WORDS = {
    "hyperbolic": {"posterior": "wrapped", "prior": "wrapped", "encoder": "wrapped", "decoder": "geo"},
    "flat": {"posterior": "normal", "prior": "normal", "encoder": "linear", "decoder": "wrapped"},
    "sphere": {"posterior": "von_mises_fisher", "prior": "uniform", "encoder": "linear", "decoder": "linear"},
}
"""What each factor is made of; a flat one is the N-VAE's."""

_QUICK = {"hidden": 16, "epochs": 1, "samples": 8}


@dataclass(frozen=True)
class ProductTask(VAETask):
    """A ``VAETask`` that tells the curvatures found."""

    def metrics(self, model: vae.PoincareVAE, test: Tensor) -> dict[str, float]:
        """c of each factor that has one, by its place."""
        found = zip(self.config.factors, factors.each(model.curvature), strict=True)
        return {f"curvature c, factor {i}": float(c()) for i, (factor, c) in enumerate(found, 1) if factor.curved}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``products``."""
    options.add(parser, "products", data=True)
    parser.add_argument("--samples", type=options.count, help=f"of the likelihood estimate, other than {SAMPLES}")
    vae_cells.add_sampler(parser)
    parser.add_argument("--test-images", type=options.count, help="of the first test images only")


def config(latent: str, hidden: int) -> VAEConfig:
    """The model of a signature; every factor that has a curvature learns its own from 1."""
    parts = signature.parse(latent)
    words: dict[str, Any] = {name: ",".join(_WORDS[part.space][name] for part in parts) for name in _WORDS["flat"]}
    curved = [part.curved for part in parts]
    return VAEConfig(
        latent=latent, data_shape=(784,), hidden=hidden, **words,
        c=tuple(float(entry) for entry in curved), learn_c=tuple(curved),
    )  # fmt: skip


def table_of_cells(args: argparse.Namespace, data: Data) -> list[Cell[ProductTask]]:
    """All cells, one seed after another."""
    small: dict[str, int] = _QUICK if args.quick else {"hidden": mnist.HIDDEN, "epochs": EPOCHS, "samples": SAMPLES}
    table = [
        Cell(
            name=latent.replace(",", "-"),
            row=latent,
            column=COLUMN,
            task=ProductTask(config(latent, small["hidden"]), args.samples or small["samples"], data, args.sampler),
            schedule=Schedule(args.epochs or small["epochs"], mnist.BATCH, mnist.RATE, seed),
            variant=options.variant(
                args, samples=args.samples, **vae_cells.of_sampler(args.sampler), **{"test images": args.test_images}
            ),
        )
        for seed in args.seeds or SEEDS
        for latent in LATENTS
    ]
    if args.quick and not args.cells:
        args.cells = ["h2-s2-e2"]
    return options.chosen(table, args)


def summarise(out: Path) -> None:
    """Record and table of the cells finished so far, in the order of running."""
    results = tables.ordered(cells.results(out).values(), LATENTS, [COLUMN])
    settings = {
        "epochs": EPOCHS, "batch": mnist.BATCH, "learning_rate": mnist.RATE, "hidden": mnist.HIDDEN, "samples": SAMPLES,
        "test_rows": "all", "optimiser": "Adam, AMSGrad", "prior_std": 1.0, "c": "from 1, learnt",
        "factors": _WORDS, "note": "a reduced setting; a row's name says in brackets what differs from it",
    }  # fmt: skip
    text = (
        f"Latent spaces by their signatures: h hyperbolic, s sphere, e flat. A reduced setting: {EPOCHS} epochs, "
        f"{SAMPLES} importance samples of every test digit; curvatures start at 1 and are learnt. On a sphere of "
        "radius R, c = 1/R^2 only says at which length the decoder reads unit vectors. Posteriors have one scale per "
        "coordinate but on spheres, where they have one. What intervals do not tell apart is not told apart here.\n\n"
    )
    tables.write(
        out, "Mixed-curvature VAEs on MNIST", results, [COLUMN], settings, more_text=text,
        group=lambda result: result["row"],  # figures of a column are for their intervals to compare
    )  # fmt: skip


def main(args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the cells; after each one the record and the table are written anew."""
    table = table_of_cells(args, mnist.rows(args))
    if args.list:
        say("\n".join(cell.key for cell in table))
        return
    tables.ordered(cells.results(args.out).values(), LATENTS, [COLUMN])
    options.run(table, args, say, lambda: summarise(args.out))
    summarise(args.out)
