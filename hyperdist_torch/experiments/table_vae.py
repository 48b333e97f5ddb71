"""A VAE on one's own table: ``vae --data FILE.csv|.npy|.npz|.h5ad --likelihood ...``.

Writes model.pt (for ``hyperdist_torch.vae.load``), latent.csv with the coordinates of every row, latent.png, and
record.json with the setting and the likelihood of held-out rows; columns.json has what was trained on. A run that is
cut off goes on with --resume, to the same numbers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hyperdist import checks
from hyperdist.runs.files import out_folder, to_json, write_text
from hyperdist_torch import vae
from hyperdist_torch.datasets import Table, read_table
from hyperdist_torch.experiments import cells, latent_files, options, tables, vae_cells
from hyperdist_torch.experiments.cells import Cell
from hyperdist_torch.experiments.tasks import Split
from hyperdist_torch.training import ACCELERATORS, Schedule
from hyperdist_torch.vae.config import COUNTS, LIKELIHOODS

_SETTINGS = ("data", "digest", "rows", "columns", "scale", "test_share", "config", "library", "schedule", "samples")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``vae``."""
    parser.add_argument("--data", type=Path, required=True, help="table: .csv, .tsv, .npy, .npz or .h5ad")
    parser.add_argument("--likelihood", required=True, choices=LIKELIHOODS, help="of one number of a row")
    parser.add_argument("--columns", nargs="+", default=(), metavar="PATTERN", help="to train on (all of numbers)")
    parser.add_argument("--label", metavar="COLUMN", help="to colour by, not to train on")
    parser.add_argument("--covariate", metavar="COLUMN", help="kinds of rows to tell apart, of counts (batch effects)")
    parser.add_argument("--key", help="array of .npz, or layer of .h5ad such as layers/counts (X)")
    parser.add_argument("--library", action="store_true", help="of counts: take each row's total as its size")
    parser.add_argument("--raw", action="store_true", help="of likelihood normal: leave mean and scale of the columns")
    parser.add_argument(
        "--latent",
        default="h2",
        help="h2 (hyperbolic), e2 (flat), s2 (sphere), t2 (torus), of any d; h2,s2 is a product (%(default)s)",
    )
    parser.add_argument("--hidden", type=options.count, default=128, help="units of a hidden layer (%(default)s)")
    parser.add_argument("--layers", type=options.count, default=1, help="hidden layers (%(default)s)")
    parser.add_argument("--epochs", type=options.count, default=200, help="(%(default)s)")
    parser.add_argument("--batch", type=options.count, default=128, help="rows of a step (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate (%(default)s)")
    parser.add_argument("--samples", type=options.count, default=500, help="draws of a row's likelihood (%(default)s)")
    vae_cells.add_sampler(parser)
    parser.add_argument("--test-share", type=float, default=0.1, help="share of the rows held out (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of split, start and draws (%(default)s)")
    parser.add_argument("--out", type=out_folder, default=Path("reports/vae"), help="folder of results (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was cut off")
    parser.add_argument("--accelerator", default="auto", choices=ACCELERATORS, help="to train on (%(default)s)")
    parser.add_argument("--quiet", dest="quick", action="store_true", help="without progress bars")
    options.add_devices(parser)
    parser.set_defaults(list=False, workers=0)


@dataclass(frozen=True)
class TableTask:
    """A ``PoincareVAE`` on the first ``d`` numbers of rows; a size and covariates follow them. See ``tasks.Task``."""

    config: vae.VAEConfig
    samples: int
    split: Split
    library: bool
    sampler: str = "random"

    def settings(self) -> dict[str, Any]:
        """The configuration."""
        return {**self.config.to_dict(), "library": self.library, **vae_cells.of_sampler(self.sampler)}

    def data(self, seed: int) -> Split:
        """The rows."""
        return self.split

    def parts(self, rows: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The numbers of rows, and what is given of each."""
        x, more = rows.split([self.config.data_dim, rows.shape[1] - self.config.data_dim], dim=1)
        given = {"library": more[:, 0]} if self.library else {}
        return x, {**given, "covariates": more[:, self.library :]} if self.config.covariates else given

    def build(self, training: Tensor) -> vae.PoincareVAE:
        """The model with the bias of its output at the mean of the rows."""
        model, (x, given) = vae.PoincareVAE(self.config), self.parts(training)
        if self.config.classes:
            x = functional.one_hot(model.check_data(x).long(), self.config.classes).to(x)
        elif "library" in given:
            x = model.check_data(x, given) / given["library"][:, None]
        model.set_output_bias(x.mean(dim=0))
        return model

    def objective(self, model: vae.PoincareVAE, rows: Tensor) -> Tensor:
        """The ELBO from one draw a row."""
        x, given = self.parts(rows)
        return vae.elbo(model, x, given=given, validate_args=False)  # the table has been looked at

    def log_prob(self, model: vae.PoincareVAE, rows: Tensor, generator: torch.Generator) -> Tensor:
        """The importance-weighted log likelihood of each row."""
        x, given = self.parts(rows)
        return vae.log_likelihood(model, x, self.samples, sampler=self.sampler, given=given, generator=generator)

    def metrics(self, model: vae.PoincareVAE, test: Tensor) -> dict[str, float]:
        """None besides the likelihood."""
        return {}

    def save(self, model: vae.PoincareVAE, path: Path) -> None:
        """See ``vae.save``."""
        vae.save(model, path)

    def load(self, path: Path) -> vae.PoincareVAE:
        """See ``vae.load``."""
        return vae.load(path, self.config)


def check(table: Table, args: argparse.Namespace) -> int:
    """The number of classes of a categorical table, else 0; ValueError for numbers that are none of the likelihood."""
    x, kind = table.rows, args.likelihood
    if kind in ("bernoulli", "continuous_bernoulli"):
        table.check((x >= 0.0) & (x <= 1.0), f"numbers in [0, 1] for --likelihood {kind}")
    elif kind != "normal":
        what = "counts 0, 1, 2, ..." if kind in COUNTS else "classes 0, 1, 2, ..."
        table.check((x >= 0.0) & (x == np.round(x)), f"{what} for --likelihood {kind}")
    for option, given in (("--library", args.library), ("--covariate", args.covariate)):
        if given and kind not in COUNTS:
            raise ValueError(f"{option} needs --likelihood {' or '.join(COUNTS)}, got {kind}")
    if args.library and (x.sum(axis=1) == 0.0).any():
        row = int(np.argmax(x.sum(axis=1) == 0.0)) + 1
        raise ValueError(
            f"--library needs rows with a total > 0, got 0 in row {row} of {table.path}: leave such rows out"
        )
    if kind != "categorical":
        return 0
    if x.max() >= 1000.0:
        raise ValueError(f"{table.path} must hold fewer than 1000 classes, got class {x.max():g}")
    return max(2, int(x.max()) + 1)


def _scaled(table: Table, args: argparse.Namespace, training: np.ndarray) -> dict[str, Any]:
    """Mean and standard deviation that the columns of a normal likelihood are brought to 0 and 1 from."""
    if args.likelihood != "normal" or args.raw:
        return {}
    mean, std = table.rows[training].mean(axis=0), table.rows[training].std(axis=0)
    return {"mean": mean.tolist(), "std": np.where(std > 0.0, std, 1.0).tolist()}


def prepare(table: Table, args: argparse.Namespace) -> tuple[Cell[TableTask], dict[str, Any], np.ndarray, Tensor]:
    """The cell to run, its setting, which rows it trains on, and all rows as it takes them."""
    if not 0.0 < args.test_share < 1.0:
        raise ValueError(f"--test-share must be > 0 and < 1, got {args.test_share}")
    checks.dimension(args.seed, "--seed", 0)
    classes, n = check(table, args), len(table.rows)
    config = vae.VAEConfig(
        latent=args.latent, data_shape=(table.rows.shape[1],), hidden=args.hidden, layers=args.layers,
        likelihood=args.likelihood, classes=classes, covariates=table.one_hot.shape[1],
    )  # fmt: skip
    held = min(n - 2, max(2, round(args.test_share * n)))
    order = np.random.default_rng(args.seed).permutation(n)
    training = np.isin(np.arange(n), order[held:])
    scale = _scaled(table, args, training)
    values = (table.rows - np.array(scale["mean"])) / np.array(scale["std"]) if scale else table.rows
    size = [table.rows.sum(axis=1, keepdims=True)] if args.library else []
    rows = torch.from_numpy(np.concatenate([values, *size, table.one_hot], axis=1)).float()
    split = Split(rows[torch.from_numpy(training)], rows[torch.from_numpy(~training)])
    schedule = Schedule(args.epochs, min(args.batch, int(training.sum())), args.rate, args.seed)
    task = TableTask(config, args.samples, split, args.library, args.sampler)
    setting = {
        "data": table.path.name, "digest": table.digest, "rows": n, "columns": len(table.columns),
        "scale": "mean 0, standard deviation 1" if scale else "as given", "test_share": args.test_share,
        "config": config.to_dict(), "library": args.library, "samples": args.samples, "sampler": args.sampler,
        "schedule": {**schedule.settings(), "epochs": args.epochs},
    }  # fmt: skip
    write = {"columns": list(table.columns), "left_out": list(table.left_out), **scale}
    cell = Cell(f"vae-{args.latent}", f"VAE {args.latent}", args.likelihood, task, schedule)
    return cell, {**setting, "files": write}, training, rows


def _agree(out: Path, setting: dict[str, Any], resume: bool) -> None:
    """Keep the setting of a run, or compare with the one that is to go on; ValueError where they differ."""
    path, setting = out / "setting.json", json.loads(json.dumps(setting))
    if resume and path.exists():
        kept = {"sampler": "random", **tables.read(path, _SETTINGS, "the setting of a run")}
        for name in (*_SETTINGS, "sampler"):
            if kept[name] != setting[name]:
                raise ValueError(f"--resume needs {name} as in {path}, {kept[name]}, got {setting[name]}")
    write_text(path, to_json(setting))


def main(args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Train, or go on with it; then write what there is to see."""
    table = read_table(
        args.data, columns=args.columns, label=args.label, covariate=args.covariate, key=args.key
    )  # fmt: skip
    cell, setting, training, rows = prepare(table, args)
    files = setting.pop("files")
    say(f"{table.path}: {len(table.rows)} rows, {len(table.columns)} columns, {int((~training).sum())} rows held out")
    if table.left_out:
        say(f"left out, no numbers: {', '.join(table.left_out)}")
    _agree(args.out, setting, args.resume)
    write_text(args.out / "columns.json", to_json(files))

    def after() -> None:
        found = cells.results(args.out)[cell.key]
        tables.write(args.out, f"VAE of {table.path.name}", [found], [args.likelihood], setting)

    options.run([cell], args, say, after)
    if not cells.at_hand(cell, args.out):
        reason = cells.results(args.out)[cell.key].get("diverged", "no model was kept")
        raise ValueError(f"training failed: {reason}; a smaller --rate than {args.rate:g} may help")
    model = cells.trained(cell, args.out)
    vae.save(model, args.out / "model.pt")
    latent_files.write(model, cell.task.parts(rows)[0], table, training, args.out)
    say(f"{args.out}: model.pt, latent.csv, latent.png, record.json, table.md")
