"""The timing record as a page: what was allowed, what was missed, and of which sources it is."""

from __future__ import annotations

from typing import Any

from validation.record import since

MIB, PEAK = "MiB", "peak memory, MiB"
"""What a limit of memory is called, and its metric."""


def page(record: dict[str, Any]) -> str:
    """The Markdown page of a record of ``python -m validation timing``."""
    machine, versions = record["machine"], record["versions"]
    missed = [line for name in _names(record) for line in _missed(name, record)]
    missed += [f"- {words}" for words in above_memory(record["rows"], record["settings"]["limits"])]
    text = [
        "# Processor time", "",
        f"`{record['command']}`, one thread of {machine['cpu']}, Python {versions['python']}, NumPy {versions['numpy']}"
        + (f", PyTorch {versions['torch']}" if "torch" in versions else "") + ".",
        since(record), "",
        "Medians of interleaved runs with their 95 % intervals: the ratio to what the calls are measured against, and "
        "milliseconds of a call. Figures without a limit are for comparison.", "",
        f"## Limits missed: {len(missed)}", "",
        *(missed or ["None."]), "",
        "## Figures", "",
        "| what | over | ratio | allowed | ms | allowed |", "| --- | --- | ---: | ---: | ---: | ---: |",
        *(_line(name, record) for name in _names(record)), "",
        "## Rates, sums and memory", "",
        "| what | figure | value |", "| --- | --- | ---: |",
        *(f"| {row['name']} | {row['metric']} | {row['value']:.4g} |" for row in record["rows"] if not _timed(row)),
    ]  # fmt: skip
    return "\n".join(text) + "\n"


def _timed(row: dict[str, Any]) -> bool:
    return row["metric"] == "milliseconds" or row["metric"].startswith("time over ")


def _names(record: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(row["name"] for row in record["rows"] if _timed(row)))


def _found(name: str, record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The rows of a contest, its ratio and its milliseconds, and its limits."""
    ratio, milliseconds = (row for row in record["rows"] if row["name"] == name and _timed(row))
    return ratio, milliseconds, record["settings"]["limits"].get(name, {})


def _line(name: str, record: dict[str, Any]) -> str:
    ratio, milliseconds, limits = _found(name, record)
    over = ratio["metric"].removeprefix("time over ")
    allowed = [f"{limits[key]:g}" if key in limits else "" for key in ("ratio", "milliseconds")]
    return f"| {name} | {over} | {_interval(ratio)} | {allowed[0]} | {_interval(milliseconds)} | {allowed[1]} |"


def _interval(row: dict[str, Any]) -> str:
    low, high = row["interval95"]
    return f"{row['value']:.4g} ({low:.4g} to {high:.4g})"


def _missed(name: str, record: dict[str, Any]) -> list[str]:
    ratio, milliseconds, limits = _found(name, record)
    found = []
    if "ratio" in limits and not ratio["value"] <= limits["ratio"]:
        over = ratio["metric"].removeprefix("time over ")
        found.append(f"- {name}: {ratio['value']:.3g} times {over}, at most {limits['ratio']:g} were allowed")
    if "milliseconds" in limits and not milliseconds["value"] <= limits["milliseconds"]:
        found.append(f"- {name}: {milliseconds['value']:.3g} ms, at most {limits['milliseconds']:g} were allowed")
    return found


def above_memory(rows: list[dict[str, Any]], limits: dict[str, dict[str, float]]) -> list[str]:
    """The limits of memory that rows miss, in words."""
    peaks = [(row, limits.get(row["name"], {}).get(MIB)) for row in rows if row["metric"] == PEAK]
    return [
        f"{row['name']}: {row['value']:.0f} MiB, at most {limit:g} MiB were allowed"
        for row, limit in peaks
        if limit is not None and not row["value"] <= limit
    ]
