"""The page of a device run, from its record alone."""

from __future__ import annotations

from typing import Any

from hyperdist.runs import pages

HEADER = ("what", "figure", "value", "95 % interval", "bound")


def page(record: dict[str, Any]) -> str:
    """Markdown: where and when it ran, what is wrong, what falls short, and a table of each part."""
    machine, settings, rows = record["machine"], record["settings"], record["rows"]
    where = machine.get("accelerator") or f"the processor ({machine['cpu']}): no accelerator was at hand"
    wrong = [row for row in rows if row["must"] and not row["kept"]]
    missed = [row for row in rows if not row["must"] and not row["kept"]]
    taken = sum(settings["parts"].values())
    lines = [
        "# On a device",
        "",
        f"`{record['command']}` on {where}, torch {record['versions'].get('torch', '?')}, commit {record['commit']}, "
        f"{record['date']}: {taken:.0f} s{', small sizes' if settings['small'] else ''}.",
        f"{len(rows)} figures, {len(wrong)} wrong, {len(missed)} goals missed.",
    ]
    if machine.get("accelerator") is None:
        lines += ["Goals for times are an accelerator's; here the numbers are compared with themselves, and waits are "
                  "not counted."]  # fmt: skip
    if again := settings.get("again"):
        lines += [
            f"{' and '.join(again['parts'])}: run again at commit {again['commit']}, {again['date']}; {again['why']}."
        ]
    if settings["left"]:
        lines += [f"Not run: {', '.join(settings['left'])}."]
    for title, chosen in (("Wrong", wrong), ("Goals missed", missed)):
        if chosen:
            lines += ["", f"## {title}", "", _table(chosen)]
    for part, seconds in settings["parts"].items():
        found = [row for row in rows if row["part"] == part]
        lines += ["", f"## {part.capitalize()}", ""]
        lines += [f"{seconds:g} s.", "", _table(found)] if found else [f"{seconds:g} s; nothing to tell."]
    return "\n".join(lines) + "\n"


def _table(rows: list[dict[str, Any]]) -> str:
    return pages.table(HEADER, map(_cells, rows)).rstrip("\n")


def _cells(row: dict[str, Any]) -> list[str]:
    interval = "" if row["interval95"] is None else " to ".join(_figure(end) for end in row["interval95"])
    bound = "" if row["bound"] is None else _figure(row["bound"])
    mark = "" if row["kept"] else " **!**"
    return [pages.plain(row["name"]), pages.plain(row["metric"]), _figure(row["value"]) + mark, interval, bound]


def _figure(value: float | str) -> str:
    return f"{float(value):.3g}" if abs(float(value)) < 1e4 else f"{float(value):.4g}"
