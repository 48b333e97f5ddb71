"""Tables in a terminal of any width."""

from __future__ import annotations

from collections.abc import Collection

from rich import box
from rich.table import Table


def table(*headers: str, title: str, wrap: Collection[str] = ()) -> Table:
    """A table of which nothing is cut: the columns named in ``wrap`` give way where the terminal is narrow."""
    made = Table(title=title, box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for header in headers:
        made.add_column(header, overflow="fold", no_wrap=header not in wrap)
    return made
