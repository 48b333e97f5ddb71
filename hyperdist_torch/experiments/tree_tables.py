"""The tables of the experiment with trees, from its cells."""

from __future__ import annotations

from typing import Any

from hyperdist.runs import pages

_NOTE = """Distances of embedded nodes against those of the tree. *Worst* distortion: the largest ratio of embedded to
tree distance over the smallest; *average*: the mean of |ratio/scale - 1|; over all pairs of places up to 10,000 places,
of more a sample: a million pairs by the construction, 500 places against all by the others. Nodes that edges of
length 0 join are one place. *MAP*: mean average precision of a place's neighbours in the tree among those that are
nearest, in brackets that of the tree's own distances, which where lengths differ is not 1. All of it is of the trees in
the files: diseases, cs-phd and grqc are graphs that their authors contracted to trees, with edges of length 0, 1/2 and
1; of a WordNet noun the first parent is kept. *Learnt*: maximum likelihood of the tree's distances, with log-normal
errors about the embedded ones. *MiB*: the peak of memory allocated by the construction and the measure of its
distortion. Empty: not done, since the method's matrix has the square of the places.
"""


def page(cells: list[dict[str, Any]]) -> str:
    """All tables, as Markdown."""
    return "\n".join(["# Trees", "", _NOTE, _methods(cells), "## In coordinates", "", _ABOUT, _coordinates(cells)])


def values(cell: dict[str, Any]) -> dict[str, float]:
    """A cell's figures by their metrics."""
    return {row["metric"]: float(row["value"]) for row in cell["rows"]}


def _methods(cells: list[dict[str, Any]]) -> str:
    head = ["tree", "d", "method", "nodes", "places", "depth", "worst", "average", "MAP", "seconds", "MiB"]
    lines = []
    for cell in cells:
        found = values(cell)
        if cell["method"] == "coordinates" or not found:
            continue
        own = found.get("mean average precision of the tree's distances")
        precision = f"{found['mean average precision']:.4f}" + ("" if own is None else f" ({own:.4f})")
        memory = found.get("peak memory, MiB")
        shown = [
            cell["tree"], str(cell["d"]), cell["method"], f"{cell['nodes']:,}", f"{cell['places']:,}",
            str(cell["depth"]), _ratio(found["worst distortion"]), f"{found['average distortion']:.4f}", precision,
            f"{found['seconds']:.2f}", "" if memory is None else f"{memory:.0f}",
        ]  # fmt: skip
        lines.append(shown)
    return pages.table(head, lines, right=3)


def _ratio(value: float) -> str:
    return f"{value:.4f}" if value < 100.0 else f"{value:.3g}"


_ABOUT = """The same construction read as coordinates about the root, which tell nodes apart to radius 36.7 in float64
and 16.6 in float32. *Radius*: of the furthest node at distortion 1.01; *within*: the share of nodes within reach there.
*Worst*, *average*: the true distortion at the largest scale whose furthest node is within reach. Then, at that scale
and at twice it, the share of 100,000 pairs whose distance by the model's coordinates is more than 1 % off, or not
finite; in brackets the largest relative error of the others.
"""


def _coordinates(cells: list[dict[str, Any]]) -> str:
    models = ("poincare", "tangent", "lorentz")
    head = ["tree", "d", "dtype", "radius", "within", "worst at reach", "average"]
    head += [f"{model}, {where}" for model in models for where in ("reach", "twice")]
    lines = []
    made = {(cell["tree"], cell["d"]): values(cell) for cell in cells if cell["method"] == "construction"}
    for cell in cells:
        if cell["method"] != "coordinates":
            continue
        found = values(cell)
        radius = made.get((cell["tree"], cell["d"]), {}).get("radius from the root")
        for dtype in ("float64", "float32"):
            share = next(v for m, v in found.items() if m.startswith(f"{dtype}: share of nodes"))
            shown = [cell["tree"], str(cell["d"]), dtype, "" if radius is None else f"{radius:.3g}", f"{share:.3f}",
                     _ratio(found[f"{dtype}: worst distortion at reach"]),
                     f"{found[f'{dtype}: average distortion at reach']:.3f}"]  # fmt: skip
            for model in models:
                for where in ("at reach", "at twice the reach"):
                    lost = found[f"{dtype}, {model}: share of pairs off by over 1 % {where}"]
                    worst = found[f"{dtype}, {model}: largest error of the others {where}"]
                    shown.append(f"{100 * lost:.1f} % ({worst:.0e})")
            lines.append(shown)
    return pages.table(head, lines, right=3)
