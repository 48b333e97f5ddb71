"""Markdown tables, as the pages beside records show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], lines: Iterable[Sequence[str]], *, right: int | None = None) -> str:
    """Lines of cells below a header; the columns from number ``right`` on are flushed right.

    >>> print(table(["law", "error"], [["normal", "1e-13"]], right=1), end="")
    | law | error |
    | --- | --: |
    | normal | 1e-13 |
    """
    rules = ["---" if right is None or i < right else "--:" for i in range(len(header))]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in (header, rules, *lines))


def plain(text: str) -> str:
    """Text that opens no cell and no markup of its own.

    >>> plain("log_prob | x*")
    'log\\\\_prob \\\\| x\\\\*'
    """
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")
