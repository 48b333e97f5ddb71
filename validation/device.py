"""``python -m validation device``: every law, layer, model and flow on an accelerator: its numbers, waits and times.

It needs torch, SciPy and NumPy alone, and writes its record after each part, so that a run that is cut off leaves what
it found. On the CPU the same lines run, without goals for times.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperdist.runs.files import out_folder, to_json, write_text
from validation.device_page import page
from validation.record import REPORTS, record

if TYPE_CHECKING:
    from validation.device_parts import Finding, Setting

SECONDS = 230
"""No part is begun after so many: a run ends within four minutes."""
DEVICES = ("auto", "cuda", "cpu")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``device``."""
    parser.add_argument("--device", default="auto", choices=DEVICES, help="default: CUDA where there is one, else CPU")
    parser.add_argument("--small", action="store_true", help="small sizes: a minute on a processor")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="begin nothing after (default %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="PART", help="parts whose names begin so")
    parser.add_argument("--out", type=out_folder, default=REPORTS / "device", help="folder of record.json and table.md "
                        "(default: reports/device)")  # fmt: skip


def main(options: argparse.Namespace) -> int:
    """Print and record what is found; 1 where a number is wrong, 2 where the run cannot begin."""
    try:
        setting = _setting(options)
        parts = _chosen(options.only)
    except (ImportError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    rows: list[dict[str, Any]] = []
    done: dict[str, float] = {}
    with _one_thread(setting):
        for name, part in parts.items():
            if setting.left() < 0.0:
                print(f"{name}: left out, the {options.seconds:g} seconds are over", flush=True)
                continue
            print(f"{name} ...", flush=True)
            start = time.monotonic()
            for finding in _found(name, part, setting):
                rows.append({**finding.row(), "part": name})
                _tell(finding)
            done[name] = round(time.monotonic() - start, 1)
            _write(options.out, setting, options, rows, {**done}, [other for other in parts if other not in done])
    wrong = [row for row in rows if row["must"] and not row["kept"]]
    missed = [row for row in rows if not row["must"] and not row["kept"]]
    print(f"{len(rows)} figures, {len(wrong)} wrong, {len(missed)} goals missed; {options.out / 'table.md'}")
    return int(bool(wrong))


def _setting(options: argparse.Namespace) -> Setting:
    try:
        import torch
    except ImportError as error:
        raise ImportError("python -m validation device needs torch: pip install 'hyperdist[torch]'") from error
    from validation.device_parts import Setting

    there = torch.cuda.is_available()
    if options.device == "cuda" and not there:
        raise ValueError("--device must be cpu or auto where torch finds no CUDA device, got cuda")
    if not options.seconds > 0.0:
        raise ValueError(f"--seconds must be > 0, got {options.seconds:g}")
    device = torch.device("cuda" if there and options.device != "cpu" else "cpu")
    return Setting(device, options.small, time.monotonic() + options.seconds)


def _chosen(only: list[str] | None) -> dict[str, Any]:
    """Parts by name: those of numbers first, then times, and what waits for a compiler last."""
    from validation import device_laws, device_models, device_timing

    parts = {**device_laws.PARTS, **device_models.PARTS, **device_timing.PARTS, **device_models.LAST,
             **device_timing.LAST}  # fmt: skip
    chosen = {name: part for name, part in parts.items() if not only or name.startswith(tuple(only))}
    if not chosen:
        raise ValueError(f"--only must begin the name of a part, one of {', '.join(parts)}; got {' '.join(only or [])}")
    return chosen


def _found(name: str, part: Any, setting: Setting) -> Iterator[Finding]:
    """What a part finds; that it raises is a finding too, and the other parts go on."""
    from validation.device_parts import Finding

    try:
        yield from part(setting)
    except Exception as error:  # whatever a device makes a law raise is a finding about that law
        reason = (str(error).strip().splitlines() or [""])[0]
        yield Finding(name, f"raised {type(error).__name__}: {reason[:300]}", float("nan"), 0.0)


@contextmanager
def _one_thread(setting: Setting) -> Iterator[None]:
    """On the CPU one thread of torch, as all times of this package."""
    import torch

    before = torch.get_num_threads()
    if not setting.accelerated:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tell(finding: Finding) -> None:
    bound = "" if finding.bound is None else f" (at most {finding.bound:.3g})"
    mark = "  " if finding.kept else "! "
    print(f"{mark}{finding.name}: {finding.metric}: {finding.value:.4g}{bound}", flush=True)


def _write(
    out: Path, setting: Setting, options: argparse.Namespace, rows: list[dict[str, Any]], done: dict[str, float],
    left: list[str],
) -> None:  # fmt: skip
    settings = {"small": options.small, "seconds": options.seconds, "only": options.only, "parts": done, "left": left}
    made = record([7, 8], settings, rows)
    made["machine"] = {**made["machine"], **_accelerator(setting)}
    write_text(out / "record.json", to_json(made))
    write_text(out / "table.md", page(made))


def _accelerator(setting: Setting) -> dict[str, Any]:
    import torch

    if not setting.accelerated:
        return {"accelerator": None}
    properties = torch.cuda.get_device_properties(setting.device)
    return {"accelerator": properties.name, "memory_gib": round(properties.total_memory / 2**30, 1),
            "cuda": torch.version.cuda}  # fmt: skip
