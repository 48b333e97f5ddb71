"""Branching diffusion with the Poincare VAE: Mathieu et al. 2019 (arXiv 1901.06033), section 5.1 and table 1.

A two-dimensional latent space, one hidden layer of 200, unit normal likelihood, Riemannian normal prior and posterior,
Adam with AMSGrad at 1e-3, batches of 64 (an incomplete one sits the epoch out), 1000 epochs; test log likelihood from
5000 importance samples. Each seed draws its own tree and split. The decoder begins with gyroplanes, as in the commands
first published with the code: one that reads log_0, as in the later ones, gains nothing over the Euclidean model.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from matplotlib.figure import Figure

from hyperdist_torch.datasets import BranchingDiffusion
from hyperdist_torch.experiments import cells, options, pictures, tables, vae_cells
from hyperdist_torch.experiments.cells import Cell
from hyperdist_torch.experiments.embeddings import gplvm, pca
from hyperdist_torch.experiments.tasks import Split
from hyperdist_torch.experiments.vae_cells import VAETask
from hyperdist_torch.training import Schedule
from hyperdist_torch.vae import VAEConfig

CURVATURES = (0.0, 0.1, 0.3, 0.8, 1.0, 1.2)
PRIOR_STDS = (1.0, 1.7)
EPOCHS, BATCH, RATE, HIDDEN, SAMPLES = 1000, 64, 1e-3, 200, 5000
SEEDS = (0, 1, 2, 3, 4)

_PUBLISHED = {1.0: (57.1, 57.1, 57.2, 56.9, 56.7, 56.6), 1.7: (57.0, 56.8, 56.6, 55.9, 55.7, 55.6)}
"""Test negative log-likelihoods by prior scale, for the curvatures above; 0 is the N-VAE."""

_QUICK = {"seeds": (0, 1), "hidden": 16, "epochs": 2, "samples": 8, "gplvm_steps": 5,
          "cells": ["nvae-std1.7", "pvae-c1.2-std1.7"]}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``branching``."""
    options.add(parser, "branching", data=False)
    vae_cells.add_options(parser)
    parser.add_argument("--no-pictures", action="store_true", help="the table alone")


def _model(c: float) -> str:
    return "N-VAE" if c == 0.0 else f"P-VAE, c = {c}"


def _column(std: float) -> str:
    return f"prior std {std}"


def _config(c: float, std: float, args: argparse.Namespace) -> VAEConfig:
    law, flat = ("normal", True) if c == 0.0 else ("riemannian", False)
    return VAEConfig(
        latent_dim=2,
        data_shape=(50,),
        hidden=_QUICK["hidden"] if args.quick else HIDDEN,
        c=c,
        posterior=law,
        prior=law,
        prior_std=std,
        encoder="linear" if flat else args.encoder or vae_cells.ENCODER,
        decoder="wrapped" if flat else args.decoder or vae_cells.DECODER,
        likelihood="normal",
        riemannian_gradient=args.riemannian_gradient and not flat,
    )


def table_of_cells(args: argparse.Namespace) -> list[Cell[VAETask]]:
    """All cells, one seed after another; the wider prior, which shows the most, comes first."""
    table = []
    seeds = args.seeds or (_QUICK["seeds"] if args.quick else SEEDS)
    small = _QUICK if args.quick else {"epochs": EPOCHS, "samples": SAMPLES}
    for seed in seeds:
        for std in reversed(PRIOR_STDS):
            for c, published in zip(CURVATURES, _PUBLISHED[std], strict=True):
                schedule = Schedule(args.epochs or small["epochs"], BATCH, RATE, seed, drop_last=True)
                table.append(Cell(
                    name=f"{'nvae' if c == 0.0 else f'pvae-c{c}'}-std{std}",
                    row=_model(c),
                    column=_column(std),
                    task=VAETask(_config(c, std, args), args.samples or small["samples"], rows, args.sampler),
                    schedule=schedule,
                    published=published,
                    variant=vae_cells.variant(args, c == 0.0),
                ))  # fmt: skip
    if args.quick and not args.cells:
        args.cells = _QUICK["cells"]
    return options.chosen(table, args)


def rows(seed: int) -> Split:
    """Those of the seed's own tree."""
    data = BranchingDiffusion.make(seed)
    return Split(data.rows[data.training], data.rows[data.test])


def _columns() -> list[str]:
    return [_column(std) for std in PRIOR_STDS]


def finished(out: Path) -> list[tables.Result]:
    """The results of a folder, in order; ValueError where one is another experiment's."""
    return tables.ordered(cells.results(out).values(), [_model(c) for c in CURVATURES], _columns())


def summarise(out: Path) -> None:
    """Record and table of the cells finished so far."""
    settings = {
        "epochs": EPOCHS, "batch": BATCH, "learning_rate": RATE, "hidden": HIDDEN, "samples": SAMPLES,
        "optimiser": "Adam, AMSGrad", "decoder": vae_cells.DECODER, "encoder": vae_cells.ENCODER,
        "data": "dimension 50, depth 6, 2 children, variance 1, 5 siblings with variance 1/5, 635 rows, 444 to train",
        "note": "a row's name says in brackets what differs",
    }  # fmt: skip
    tables.write(out, "Branching diffusion", finished(out), _columns(), settings)


def main(args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the cells; after each one the record and the table are written anew, at the end the pictures."""
    table = table_of_cells(args)
    if args.list:
        say("\n".join(cell.key for cell in table))
        return
    if not args.no_pictures and find_spec("gpytorch") is None:
        raise ImportError("pictures need GPyTorch: pip install 'hyperdist[experiments]', or give --no-pictures")
    finished(args.out)
    options.run(table, args, say, lambda: summarise(args.out))
    if not args.no_pictures:
        draw(table, args.out, steps=_QUICK["gplvm_steps"] if args.quick else 1000)


def draw(table: list[Cell[VAETask]], out: Path, steps: int) -> None:
    """``latents.png`` of the first seed: principal components, a GPLVM, and for the widest prior at hand the N-VAE and
    the P-VAE of greatest curvature, with the edges of the tree. Of models that are not at hand there is no picture."""
    models = [cell for cell in table if cell.schedule.seed == table[0].schedule.seed and cells.at_hand(cell, out)]
    if not models:
        return
    std = max(cell.task.config.prior_std for cell in models)
    models = [cell for cell in models if cell.task.config.prior_std == std]
    models = sorted({min(models, key=_curvature), max(models, key=_curvature)}, key=_curvature)
    data = BranchingDiffusion.make(table[0].schedule.seed)
    figure = Figure(figsize=(4.2 * (2 + len(models)), 4.5), layout="constrained")
    axes = figure.subplots(1, 2 + len(models))
    mean, directions = pca(data.rows)
    pictures.tree(axes[0], "principal components", data, (data.rows - mean) @ directions,
                  (data.nodes - mean) @ directions, 0.0)  # fmt: skip
    latent = gplvm(data.rows, steps=steps)
    nodes = latent.reshape(len(data.nodes), -1, latent.shape[1]).mean(dim=1)
    pictures.tree(axes[1], "GPLVM", data, latent, nodes, 0.0)
    for ax, cell in zip(axes[2:], models, strict=True):
        model = cells.trained(cell, out)
        rows_at, nodes_at = pictures.latent_means(model, data.rows), pictures.latent_means(model, data.nodes)
        pictures.tree(ax, cell.title, data, rows_at, nodes_at, cell.task.config.one_c)
    pictures.save(figure, out / "latents.png")


def _curvature(cell: Cell[VAETask]) -> float:
    return cell.task.config.one_c
