"""The docstrings of hyperdist, which are plain text for a terminal, as reStructuredText.

A line ``x, y : (*batch, d)  points`` or ``grid    whether to draw`` is a parameter, ``returns (*batch)  length`` what
comes back, and a word with a capital and two spaces after it, as ``Accuracy  1e-13``, a note; each goes on over the
lines that are indented below it. What is indented after an empty line is code, ``>>>`` an example, all else a
paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

_NAMES = r"\*{0,2}\w+(?:\.\w+)?(?:,? (?:and )?\*{0,2}\w+)*"
_COLON = re.compile(rf"({_NAMES}) *: +(\S.*)")
_COLUMNS = re.compile(r"(\*{0,2}[a-zA-Z]\w*(?:, \*{0,2}\w+)*) {2,}(\S.*)")
_RETURNS = re.compile(r"[Rr]eturns?\b *:? *(\S.*)")
_RAISES = re.compile(r"(Raises|Warns) +(\S.*)")
_NOTE = re.compile(r"([A-Z][a-z]+) {2,}(\S.*)")
_ITEM = re.compile(r"[-*] +\S")

_LITERAL = re.compile(r"``(.+?)``")
_SHAPE = re.compile(
    r"(?<![\w`(])\([a-z]\w*(?:, ?\*?\w+(?: ?[+*-] ?\w+)?)+\)(?=[\s,.;:]|$)|\([a-z]\w*,\)|\(\*[^()\s][^()]*\)"
)
_ARXIV = re.compile(r"\barXiv[ :](\d{4}\.\d{5})")
_NAME = re.compile(r"[A-Za-z_][\w.]*\w")


class _Field(NamedTuple):
    """A parameter, ``kind`` "Parameters" with its names; or what is returned, raised, noted."""

    kind: str
    names: str
    text: str


def convert(text: str) -> str:
    """A docstring without its indentation, as reStructuredText that no mark in it can upset."""
    return "\n".join(line for block in _blocks(text.splitlines()) for line in (*block, ""))


def process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """For ``autodoc-process-docstring``: of what stands in hyperdist; others have docstrings of their own style."""
    owner = getattr(obj, "fget", None) or getattr(obj, "func", None) or obj
    module = getattr(owner, "__module__", None)  # values have none of their own
    if name.startswith("hyperdist") and str(module or name).startswith("hyperdist"):
        lines[:] = convert("\n".join(lines)).split("\n")


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.lstrip().startswith(">>>"):
            stop = _until(lines, at, lambda other: not other.strip())
            yield _code("pycon", lines[at:stop])
            at = stop
        elif line.startswith(" "):
            stop = _until(lines, at, lambda other: bool(other.strip()) and not other.startswith(" "))
            yield _code("python", lines[at:stop])
            at = stop
        elif _ITEM.match(line):
            stop = _until(lines, at, lambda other: not other.strip())
            yield _items(lines[at:stop])
            at = stop
        elif _field(line, at == 0):
            stop = _until(lines, at, lambda other: not _field(other) and not other.startswith(" "))
            yield _fields(lines[at:stop])
            at = stop
        else:
            stop = _until(lines, at + 1, _ends_paragraph)
            yield _guarded([inline(part) for part in lines[at:stop]])
            at = stop


def _until(lines: list[str], at: int, ends: Any) -> int:
    return next((i for i in range(at, len(lines)) if ends(lines[i])), len(lines))


def _ends_paragraph(line: str) -> bool:
    return not line.strip() or bool(_field(line)) or bool(_ITEM.match(line)) or line.startswith(">>>")


def _field(line: str, first: bool = False) -> list[_Field]:
    """The fields that begin on a line: as a rule one, but ``a : ..;  b : ..`` are two. A first line is a summary."""
    if first or line.startswith((" ", ">>>")) or not line.strip():
        return []
    if match := _RAISES.fullmatch(line) or _NOTE.fullmatch(line):
        return [_Field(match[1], "", match[2])]
    if line[0] in "Rr" and (match := _RETURNS.fullmatch(line)):
        return [_Field("Returns", "", match[1])]
    parts = re.split(rf";? {{2,}}(?={_NAMES} : )", line.rstrip(";"))
    if all(found := [_COLON.fullmatch(part) or _COLUMNS.fullmatch(part) for part in parts]):
        return [_Field("Parameters", match[1], match[2]) for match in found if match]
    return []


def _fields(lines: list[str]) -> list[str]:
    """A field list; parameters one after another share a field."""
    found: list[_Field] = []
    for line in lines:
        if new := _field(line):
            found += new
        else:
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line.strip()}")
    out = []
    for kind, group in groupby(found, key=lambda field: field.kind):
        out.append(f":{kind}:")
        for field in group:
            text = [inline(part) for part in re.sub(r" {2,}", "  ", field.text).splitlines()]
            if kind == "Parameters":
                names = re.sub(r"(\*)", r"\\\1", field.names).replace("_", r"\_")
                out += [f"    **{names}**", *(f"        {part}" for part in _guarded(text))]
            else:
                out += [f"    {part}" for part in _guarded(text)] + [""]
    return out


def _items(lines: list[str]) -> list[str]:
    return [f"- {inline(line[2:].strip())}" if _ITEM.match(line) else f"  {inline(line.strip())}" for line in lines]


def _code(language: str, lines: list[str]) -> list[str]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return [f".. code-block:: {language}", "", *(f"    {line[margin:]}".rstrip() for line in lines)]


def _guarded(lines: list[str]) -> list[str]:
    """Lines of a paragraph, the first of which might begin a list, a section or a directive: it does not."""
    if re.match(r"(?:\(?\w{1,4}[.)]|[-+•]|\.\.|:[^:]+:) |[^\w\s`\\]{2,}\s*$", lines[0]):
        lines = ["\\" + lines[0], *lines[1:]]
    if lines[-1].endswith("::"):
        lines = [*lines[:-1], lines[-1][:-1] + "\\:"]
    return lines


def inline(line: str) -> str:
    """One line with its shapes and literals as code, names of the library as links, and all other marks as they are."""
    out, at = [], 0
    for match in _LITERAL.finditer(line):
        out += [_plain(line[at : match.start()]), _literal(match[1])]
        at = match.end()
    return "".join([*out, _plain(line[at:])])


def _literal(text: str) -> str:
    return f"\\ :py:obj:`{text}`\\ " if _NAME.fullmatch(text) else f"\\ ``{text}``\\ "


def _plain(text: str) -> str:
    out, at = [], 0
    for match in re.finditer(f"{_SHAPE.pattern}|{_ARXIV.pattern}", text):
        out.append(_escaped(text[at : match.start()]))
        paper = match[1]
        out.append(f"`arXiv {paper} <https://arxiv.org/abs/{paper}>`__" if paper else f"\\ ``{match[0]}``\\ ")
        at = match.end()
    return "".join([*out, _escaped(text[at:])])


def _escaped(text: str) -> str:
    return re.sub(r"([\\*|`])|_(?!\w)", lambda match: "\\" + match[0], text)
