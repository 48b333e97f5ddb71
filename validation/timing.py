"""Processor time of the samplers over what they cannot do without: one thread, the two sides interleaved."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

import hyperdist as hd
from hyperdist.runs.files import out_folder, to_json, write_text
from validation import terminal, timing_core
from validation.arguments import at_least
from validation.contest import Contest, allowed, measure, misses, rows
from validation.record import REPORTS, record, row, sources
from validation.timing_page import MIB, PEAK, above_memory, page

DIMENSIONS, SCALES = (2, 10, 50, 100), (0.1, 0.3, 1.0, 2.0)
TARGETS = {2: 2.5, 10: 1.6, 50: 1.3, 100: 1.3}
SCALARS = 1_000_000
"""Coordinates a timed call makes; n = SCALARS / d."""
NORMALS, SCIPY = "normals", "SciPy"
"""As many calls of rng.standard_normal; scipy.stats.vonmises_fisher."""
BATCH_LIMIT = {2: 0.8}
"""Milliseconds of 128 laws made and drawn from once, by dimension."""
REPETITIONS = 31
GROUPS = ("numpy", "torch", "vae", "flows")
TORCH_GROUPS = GROUPS[1:]
MEMORY_GROUPS = ("numpy", "vae", "flows")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``timing``."""
    parser.add_argument(
        "--repetitions", type=at_least(1), default=REPETITIONS, help="pairs of runs (default %(default)s)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=GROUPS,
        metavar="GROUP",
        help=f"only some of the groups {', '.join(GROUPS)} (default: all, as far as torch is there)",
    )
    parser.add_argument("--out", type=out_folder, help="folder of record.json and table.md (default: "
                        "reports/timing, or for --only one named for its groups)")  # fmt: skip


def _sampling() -> Iterator[Contest]:
    """sample((n,)) over n d standard normals: in the ball where it holds the draws, else in tangent coordinates."""
    rng = np.random.default_rng(1)
    for d, s in itertools.product(DIMENSIONS, SCALES):
        law, n = hd.RiemannianNormal(np.zeros(d), s), SCALARS // d
        model = "poincare" if s * s * (d - 1) + 6.0 * s < 12.0 else "tangent"
        yield Contest(f"RiemannianNormal d={d} s={s:g} {model}", NORMALS, partial(law.sample, (n,), rng, model=model),
                      partial(rng.standard_normal, (n, d)), TARGETS[d])  # fmt: skip


def _von_mises_fisher() -> Iterator[Contest]:
    """100,000 draws of one law, and 128 laws with one draw each, over SciPy's."""
    rng, scipy_law = np.random.default_rng(2), cast(Any, stats.vonmises_fisher)
    for m, kappa in itertools.product((2, 3, 5, 10, 50), (1.0, 100.0, 1e4)):
        mu = np.eye(m)[0]
        theirs = partial(scipy_law(mu, kappa).rvs, 100_000, random_state=rng)
        draw = partial(hd.VonMisesFisher(mu, kappa).sample, (100_000,), rng)
        yield Contest(f"VonMisesFisher m={m} kappa={kappa:g}", SCIPY, draw, theirs, 1.0, share=0.5)
    mu = rng.standard_normal((128, 10))
    mu, kappas = mu / np.linalg.norm(mu, axis=1, keepdims=True), np.geomspace(0.1, 1e3, 128)

    def loop() -> None:
        for centre, kappa in zip(mu, kappas, strict=True):
            scipy_law(centre, kappa).rvs(1, random_state=rng)

    yield Contest("VonMisesFisher, 128 laws m=10", SCIPY, lambda: hd.VonMisesFisher(mu, kappas).sample((), rng), loop)


def _batches() -> Iterator[Contest]:
    """128 laws made and drawn from once, over as many normals: a fixed cost, so the time matters, not the ratio."""
    rng = np.random.default_rng(3)
    for d in (2, 10):
        mu, sigma = 0.3 * rng.standard_normal((128, d)) / np.sqrt(d), np.exp(0.3 * rng.standard_normal(128) - 1.0)
        yield Contest(f"RiemannianNormal, 128 laws d={d}", NORMALS,
                      lambda mu=mu, sigma=sigma: hd.RiemannianNormal(mu, sigma).sample((), rng),
                      partial(rng.standard_normal, (128, d)), share=5.0, limit=BATCH_LIMIT.get(d))  # fmt: skip


def numpy_contests() -> list[Contest]:
    """Of the core."""
    return [*_sampling(), *_von_mises_fisher(), *_batches(), *timing_core.contests()]


def contests(groups: Iterable[str]) -> list[Contest]:
    """Everything that is timed of some groups; torch is imported for its own alone."""
    found = numpy_contests() if "numpy" in groups else []
    for group in groups:
        if group in TORCH_GROUPS:
            found += _module(group).contests()
    return found


def _module(group: str) -> Any:
    return timing_core if group == "numpy" else import_module(f"validation.timing_{group}")


def _groups(asked: Sequence[str] | None, console: Console) -> tuple[str, ...]:
    """What is asked for, or all that can be; ValueError where torch is needed and not there."""
    groups = tuple(name for name in GROUPS if name in (asked or GROUPS))
    if find_spec("torch") is not None:
        return groups
    if asked and set(asked) & set(TORCH_GROUPS):
        raise ValueError(f"--only {' '.join(asked)} needs torch, which is not installed")
    console.print("torch is not installed: without " + " and ".join(TORCH_GROUPS))
    return ("numpy",)


@contextmanager
def _one_thread(groups: Iterable[str]) -> Iterator[None]:
    """One thread of torch too: its time is that of this thread."""
    if not set(groups) & set(TORCH_GROUPS):
        yield
        return
    torch = import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def main(options: argparse.Namespace) -> int:
    """Print the table, write the record; 1 where a target is missed, 2 where a group cannot be timed."""
    console = Console()
    try:
        groups = _groups(options.only, console)
    except ValueError as error:
        console.print(str(error))
        return 2
    with _one_thread(groups):
        progress = track(contests(groups), "timing", console=console, transient=True)
        found = [measure(contest, options.repetitions) for contest in progress]
    memory = [row for group in groups if group in MEMORY_GROUPS for row in _module(group).memory()]
    console.print(_table(found))
    for entry in memory:
        console.print(f"{entry['name']}: {entry['metric']} {entry['value']:.0f}")
    limits = {entry["name"]: limits for entry in found if (limits := allowed(entry))}
    for entry in memory:
        if (limit := _memory_limit(entry)) is not None:
            limits.setdefault(entry["name"], {})[MIB] = limit
    missed = [words for entry in found for words in misses(entry)] + above_memory(memory, limits)
    packages = ["hyperdist", "hyperdist_torch"] if set(groups) & set(TORCH_GROUPS) else ["hyperdist"]
    settings = {
        "repetitions": options.repetitions, "scalars": SCALARS, "groups": list(groups), "sources": sources(*packages),
        "limits": limits, "missed": missed,
    }  # fmt: skip
    made = record(
        [1, 2, 3, 4, 5], settings, [*itertools.chain.from_iterable(map(rows, found)), *_by_dimension(found), *memory]
    )
    if set(groups) & set(TORCH_GROUPS):
        made["versions"]["torch"] = import_module("torch").__version__
    folder = options.out or _folder(options.only)
    write_text(folder / "record.json", to_json(made))
    write_text(folder / "table.md", page(made))
    if missed:
        console.print("above target:\n" + "\n".join(missed))
    return int(bool(missed))


def _folder(only: Sequence[str] | None) -> Path:
    """A run of some groups leaves the record of all of them as it is."""
    return REPORTS / "-".join(["timing", *sorted(set(only or ()))])


def _table(found: list[dict[str, Any]]) -> Table:
    table = terminal.table(
        "what",
        "over",
        "ratio",
        "95 % interval",
        "target",
        "ms",
        title="Processor time, one thread",
        wrap=["what", "over", "target"],
    )
    for entry in found:
        low, high = entry["interval"]
        targets = [f"{entry['target']:g}"] if entry["target"] is not None else []
        targets += [f"{entry['limit']:g} ms"] if entry["limit"] is not None else []
        table.add_row(entry["name"], entry["against"], f"{'[red]' if misses(entry) else ''}{entry['ratio']:.2f}",
                      f"{low:.2f} to {high:.2f}", ", ".join(targets), f"{1e3 * entry['ours']:.2f}")  # fmt: skip
    return table


def _memory_limit(entry: dict[str, Any]) -> float | None:
    """MiB that a row of memory may have."""
    if entry["metric"] != PEAK:
        return None
    if entry["name"] in timing_core.MEMORY_NAMES.values():
        return timing_core.LAWS_MEMORY
    return float(import_module("validation.timing_vae").MEMORY_LIMIT)


def _by_dimension(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows with the worst and the median ratio of each dimension, of what has a target for it."""
    for d in DIMENSIONS:
        name = f"RiemannianNormal d={d}"
        ratios = [e["ratio"] for e in found if e["target"] is not None and e["name"].startswith(f"{name} ")]
        if ratios:
            yield row(name, "worst ratio over s", max(ratios), n=len(ratios))
            yield row(name, "median ratio over s", float(np.median(ratios)), n=len(ratios))
