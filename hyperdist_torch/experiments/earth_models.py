"""The flows of the experiment ``earth``, what they are trained on, and how long.

The networks are smaller than those published (4 x 128 or 3 x 256 sine units for 5 x 512), so that a cell takes minutes
on one core: --hidden, --layers and --batch give others. Where ``WAVES_OF`` has a scale, flow matching reads waves of
all scales down to it and takes paths that give each scale the same time: it can then learn peaks as narrow as repeated
places make them. Trained on the rows themselves it overfits where few places repeat, after large batches less than
after small ones; draws of the variable kernel estimate of the same rows (a smoothed bootstrap) never come twice, so
that it gains from longer training.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

from hyperdist import earth
from hyperdist_torch import flows
from hyperdist_torch.training import Schedule

BATCH, STEPS = 512, 20
"""A set of fewer rows than so many batches is gone through several times an epoch, so that epochs are of one length."""
HIDDEN, LAYERS, SCALE = 128, 4, 15.0
WAVES, WAVES_HIDDEN, WAVES_LAYERS = 256, 256, 3
"""Those of flow matching, and of likelihood from where it ended."""


class Waves(NamedTuple):
    """The finest scale of flow matching, in radians, and the epochs that it is trained for."""

    finest: float
    epochs: int


_CLUSTERED = {"earthquake": Waves(3e-3, 200), "flood": Waves(5e-3, 100), "fire": Waves(3e-4, 300)}
WAVES_OF = {
    earth.KINDS[0]: {"volcano": Waves(1e-4, 150), **_CLUSTERED}, earth.KINDS[1]: _CLUSTERED, earth.KINDS[2]: {}
}  # fmt: skip
"""Of a few tried on random rows the best for the validation rows of seed 0. Where test places are far from all of the
training's, fine scales only help to overfit: volcanoes at distinct places, and all grouped sets, have none."""
MATCHED, TUNED = "Riemannian, flow matching", "Riemannian, likelihood after matching"
SMOOTHED = "Riemannian, flow matching of kernel draws"
DRAWS, DRAWS_BATCH, DRAWS_LAYERS, COARSE = 409_600, 2048, 4, Waves(5e-3, 200)
"""Of flow matching of kernel draws: how many, the batch, the hidden layers, and the waves where ``WAVES_OF`` has none.
It is the gradient's noise that limits it: batches of 512 end worse after twice the steps."""
QUICK = {"hidden": 8, "layers": 1, "epochs": 2, "rows": 96, "batch": 32,
          "cells": ["random-volcano-*"]}  # fmt: skip


def waves(model: str, name: str, kind: str, args: argparse.Namespace) -> Waves | None:
    """Those of flow matching, and of likelihood from where it ended; None is for none.

    Kernel draws take the finest scale alone: their epochs are of another length.
    """
    if args.no_waves and args.finest is not None:
        raise ValueError(f"--finest must not be given with --no-waves, got {args.finest}")
    if args.no_waves or model not in (MATCHED, SMOOTHED, TUNED):
        return None
    found = WAVES_OF[kind].get(name, COARSE if model == SMOOTHED else None)
    return found if args.finest is None else Waves(args.finest, (found or COARSE).epochs)


def schedule(model: str, seed: int, found: Waves | None, args: argparse.Namespace) -> Schedule:
    """An epoch has 20 to 28 steps by the set: 2000 to 6000 of flow matching, 1200 or more of likelihood.

    Of kernel draws an epoch has 200 steps.
    """
    epochs, rate, average, warmup = {
        MATCHED: (300, 2e-3, 0.999, 100), SMOOTHED: (25, 4e-3, 0.997, 100), TUNED: (20, 5e-4, 0.98, 20)
    }.get(model, (60, 2e-3, 0.99, 50))  # fmt: skip
    if model == MATCHED and found is not None:
        # The weights averaged are those of the last few hundred steps, in which the fine scales are learnt.
        epochs, rate, average = found.epochs, 6e-3, 0.997
    given = args.tuning_epochs if model == TUNED and args.tuning_epochs else args.epochs
    if args.quick:
        epochs = QUICK["epochs"]
    return Schedule(
        given or epochs, batch(model, args), rate, seed, drop_last=True, warmup=warmup, decay="cosine",
        average=average, amsgrad=False, clip=10.0,
    )  # fmt: skip


def batch(model: str, args: argparse.Namespace) -> int:
    """Rows of a step."""
    return args.batch or (QUICK["batch"] if args.quick else DRAWS_BATCH if model == SMOOTHED else BATCH)


def config(model: str, found: Waves | None, args: argparse.Namespace) -> flows.FlowConfig:
    """The flow of a model."""
    given: dict[str, Any] = {"kind": "riemannian", "frame": "generators", "scale": SCALE}
    hidden, layers = HIDDEN, LAYERS
    if model.startswith("stereographic"):
        given = {"kind": "stereographic", "frame": "local", "scale": SCALE / 5.0}
    elif found is not None:
        hidden, layers = WAVES_HIDDEN, DRAWS_LAYERS if model == SMOOTHED else WAVES_LAYERS
        number = QUICK["hidden"] if args.quick else WAVES
        given |= {"scale": 1.0, "features": "waves", "n_features": number, "finest": found.finest}
    return flows.FlowConfig(
        "sphere", 2, activation="sine", steps=12, hidden=args.hidden or (QUICK["hidden"] if args.quick else hidden),
        layers=args.layers or (QUICK["layers"] if args.quick else layers), **given,
    )  # fmt: skip


def settings(evaluation_steps: int) -> dict[str, Any]:
    """What the record says of all cells."""
    return {
        "batch": BATCH, "hidden": HIDDEN, "layers": LAYERS, "scale": SCALE, "frame": "generators",
        "flow matching": {"hidden": WAVES_HIDDEN, "layers": WAVES_LAYERS, "waves": WAVES,
                          "finest scale and epochs": WAVES_OF, "without waves": "as above"},
        "flow matching of kernel draws": {"draws": DRAWS, "batch": DRAWS_BATCH, "layers": DRAWS_LAYERS,
                                          "finest scale elsewhere": COARSE.finest},
        "activation": "sine", "evaluation steps": evaluation_steps, "optimiser": "Adam",
        "note": "a row's name says in brackets what differs; published: likelihood by Mathieu & Nickel 2020, "
                "flow matching by Chen & Lipman 2023, random rows",
    }  # fmt: skip
