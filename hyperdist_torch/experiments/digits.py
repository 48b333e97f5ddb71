"""Which digits can be told apart in two latent dimensions: Mathieu et al. 2019, section 5.2, table 4.

A classifier with one hidden layer reads the latent means of the training digits and is tried on those of the test
digits. Its first layer is the gyroplane layer of the latent space's curvature, which is linear where that is 0.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdist.runs import pages
from hyperdist.runs.files import to_json, write_text
from hyperdist.runs.intervals import over_rows, over_seeds
from hyperdist_torch import training
from hyperdist_torch.datasets import Digits
from hyperdist_torch.experiments import record, tables
from hyperdist_torch.experiments.cells import Cell
from hyperdist_torch.experiments.vae_cells import VAETask
from hyperdist_torch.nn import Curvature, Gyroplane

PUBLISHED = {
    "N-VAE": (89.0, 97.0, 81.0, 75.0, 59.0, 43.0, 89.0, 78.0, 68.0, 57.0),
    "P-VAE riemannian, c = 1.4": (94.0, 97.0, 82.0, 79.0, 69.0, 47.0, 90.0, 77.0, 68.0, 53.0),
}
"""Accuracies in per cent; their averages are 73.6 and 75.6."""

_HIDDEN, EPOCHS, _BATCH, _RATE, TRAININGS = 128, 5, 512, 1e-2, 5

METRIC = "accuracy in %, per digit, of a classifier on 2-d latent means"


def _objective(classifier: nn.Module, rows: Tensor) -> Tensor:
    """Log probability of the digit in each row's last place."""
    return -functional.cross_entropy(classifier(rows[:, :-1]), rows[:, -1].long(), reduction="none")


def accuracies(train: Digits, test: Digits, c: float, folder: Path, *, seed: int, epochs: int = EPOCHS) -> Tensor:
    """Share of each digit's test images that are told right, (10,); ``images`` are latent means, (n, 2)."""
    torch.manual_seed(seed)
    classifier = nn.Sequential(Gyroplane(2, _HIDDEN, Curvature(c)), nn.ReLU(), nn.Linear(_HIDDEN, 10))
    rows = torch.cat([train.images, train.labels[:, None].to(train.images)], dim=1)
    schedule = training.Schedule(epochs, _BATCH, _RATE, seed)
    training.fit(classifier, rows, _objective, schedule, folder, checkpoint_every=epochs)
    with torch.no_grad():
        right = classifier(test.images).argmax(dim=1) == test.labels
    return torch.stack([right[test.labels == digit].double().mean() for digit in range(10)])


def run(cell: Cell[VAETask], train: Digits, test: Digits, out: Path, epochs: int = EPOCHS) -> None:
    """The accuracies over ``TRAININGS`` classifiers of one model, kept in ``out/digits``."""
    found = [
        accuracies(
            train, test, cell.task.config.one_c, out / "runs" / cell.key / f"classifier-{i}", seed=i, epochs=epochs
        )
        for i in range(TRAININGS)
    ]
    counts = test.labels.bincount(minlength=10).tolist()
    kept = {"row": cell.row, "variant": cell.variant, "seed": cell.schedule.seed, "n": counts,
            "per_cent": [[round(100.0 * value, 4) for value in each.tolist()] for each in found],
            **record.provenance()}  # fmt: skip
    write_text(out / "digits" / f"{cell.key}.json", to_json(kept))


def results(out: Path) -> list[dict[str, Any]]:
    """Those in the folder's files, and what only its record has."""
    keys = ("row", "variant", "seed", "n", "per_cent")
    files = [tables.read(path, keys, "the accuracies of a model") for path in (out / "digits").glob("*.json")]
    known = [*tables.recorded(out).get("digits", []), *files]
    found = {(kept["row"], kept["variant"], kept["seed"]): kept for kept in known}
    return [found[key] for key in sorted(found)]


def rows(classified: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the record, ten digits and their average a model; t intervals over seeds where there are several.

    With one seed the interval is that of the share of the test digits, the mean over the trainings as its value.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for kept in classified:
        groups.setdefault(tables.label(kept), []).append(kept)
    return [row for name, group in groups.items() for row in _rows(name, group)]


def _rows(name: str, group: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # What was published is of the published setting.
    published = (None,) * 10 if group[0]["variant"] else PUBLISHED.get(group[0]["row"], (None,) * 10)
    # A share of no test digits is NaN, which JSON keeps as a string.
    shares = [[[float(value) for value in values] for values in kept["per_cent"]] for kept in group]
    each = [torch.tensor(values, dtype=torch.float64).mean(dim=0) for values in shares]
    known = None if published[0] is None else round(sum(published) / 10, 1)  # type: ignore[arg-type]
    counts = torch.tensor(group[0]["n"], dtype=torch.float64)
    spread = each[0] * (100.0 - each[0]) / counts.clamp_min(1.0)
    made = [
        _one(f"{name}, digit {digit}", [float(values[digit]) for values in each], float(spread[digit]),
             int(counts[digit]), published[digit])
        for digit in range(10)
    ]  # fmt: skip
    averages = [float(values.mean()) for values in each]
    made.append(_one(f"{name}, average", averages, float(spread.sum()) / 100.0, int(counts.sum()), known))
    return made


def _one(name: str, values: list[float], variance: float, n: int, published: float | None) -> dict[str, Any]:
    if len(values) > 1:
        mean, interval = over_seeds(values)
        return record.row(name, f"{METRIC}, t interval over seeds", mean, interval95=interval, n=len(values),
                          published=published)  # fmt: skip
    interval = over_rows(values[0], math.sqrt(variance))
    return record.row(name, f"{METRIC}, one seed, interval over test digits", values[0], interval95=interval, n=n,
                      published=published)  # fmt: skip


def table(made: list[dict[str, Any]]) -> str:
    """Digits in columns, models in rows, the published figures below."""
    if not made:
        return ""
    names = list(dict.fromkeys(row["name"].rpartition(",")[0] for row in made))
    columns = [*(f"digit {i}" for i in range(10)), "average"]
    found = {row["name"]: row for row in made}
    lines = []
    for name in names:
        cells = [found[f"{name}, {column}"] for column in columns]
        lines.append([name, *(f"{row['value']:.1f}" for row in cells)])
        if cells[0]["published"] is not None:
            lines.append(["*published*", *(f"*{row['published']:g}*" for row in cells)])
    return f"## Accuracy per digit in 2 latent dimensions, %\n\n{pages.table(['model', *columns], lines)}"
