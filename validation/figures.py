"""The report's figures, each returned as a data address that an HTML page can hold."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, TwoSlopeNorm
from matplotlib.figure import Figure

from validation import _arviz, acceptance, accuracy
from validation.cases import FAMILIES, GRID_D, GRID_S

STYLE: dict[Any, Any] = {
    "font.size": 9, "font.family": "DejaVu Sans", "axes.titlesize": 10,
    "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#e6e8ec", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "axes.edgecolor": "#8a929e",
    "xtick.color": "#4a5361", "ytick.color": "#4a5361", "svg.fonttype": "path", "figure.dpi": 110,
}  # fmt: skip
BLUE, ORANGE, RED, INK = "#2f6fb0", "#d9822b", "#c23b3b", "#1f2733"
NAMES = ("ecdf", "quantiles", "grid", "accuracy", "acceptance")
BAND = 0.99


def address(figure: Figure, kind: str) -> str:
    """The figure as a data address, and closed."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format=kind, bbox_inches="tight", dpi=150, metadata={"Date": None} if kind == "svg" else None
    )
    plt.close(figure)
    mime = "svg+xml" if kind == "svg" else kind
    return f"data:image/{mime};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def draw_all(results: dict[str, list[dict[str, Any]]], tests: list[dict[str, Any]]) -> dict[str, str]:
    """Every figure by name; empty where the results hold nothing to draw."""
    laws, cells, curves = (results.get(kind, []) for kind in ("law", "accuracy", "acceptance"))
    with plt.rc_context(STYLE):
        found: dict[str, str] = dict.fromkeys(NAMES, "")
        if any(item["pit"] for item in laws):
            found["ecdf"] = ecdf([item for item in laws if item["pit"]])
        if tests:
            found["quantiles"] = p_values(tests)
        if any(item["case"]["family"] == "RiemannianNormal" for item in laws):
            found["grid"] = smallest_p(laws)
        if cells:
            found["accuracy"] = accuracy_map(cells)
        if curves:
            found["acceptance"] = acceptance_curves(curves)
    return found


def ecdf(laws: list[dict[str, Any]]) -> str:
    """ECDF of the probability transforms minus the uniform's, one line a case, with ArviZ's simultaneous band."""
    families = [family for family in FAMILIES if any(item["case"]["family"] == family for item in laws)]
    points = np.linspace(0.0, 1.0, 101)[1:-1]
    n = min(len(item["pit"]) for item in laws)
    low, high = _arviz.ecdf_band(n, points, BAND, seed=1)
    columns = 3
    rows = -(-len(families) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(10.5, 2.5 * rows), sharex=True, sharey=True, squeeze=False)
    colours = plt.get_cmap("viridis")
    for axis, family in zip(grid.flat, families, strict=False):
        chosen = [item for item in laws if item["case"]["family"] == family]
        outside = 0
        for item in chosen:
            pit = np.sort(item["pit"][:n])
            curve = np.searchsorted(pit, points, side="right") / n
            outside += bool(np.any((curve < low) | (curve > high)))
            shade = np.log(item["case"]["d"]) / np.log(200.0)
            axis.plot(points, curve - points, color=colours(min(0.95, shade)), linewidth=0.6, alpha=0.75)
        axis.fill_between(points, low - points, high - points, color=BLUE, alpha=0.13, linewidth=0)
        axis.plot(points, low - points, color=BLUE, linewidth=0.9)
        axis.plot(points, high - points, color=BLUE, linewidth=0.9)
        axis.set_title(f"{family}: {outside} of {len(chosen)} leave", loc="left", fontsize=9)
    for axis in grid.flat[len(families) :]:
        axis.set_visible(False)
    for axis in grid[:, 0]:
        axis.set_ylabel("ECDF - u")
    for axis in grid.flat[max(0, len(families) - columns) : len(families)]:
        axis.set_xlabel("probability transform u")
        axis.tick_params(labelbottom=True)
    figure.tight_layout()
    return address(figure, "svg")


def p_values(tests: list[dict[str, Any]]) -> str:
    """Sorted p-values against what uniform ones would be, by test."""
    figure, axis = plt.subplots(figsize=(5.6, 4.4))
    floor = 1e-12
    for k, name in enumerate(dict.fromkeys(t["test"] for t in tests)):
        p = np.sort([max(t["p"], floor) for t in tests if t["test"] == name])
        axis.plot(
            (np.arange(p.size) + 0.5) / p.size, p, ".", markersize=3.5, color=plt.get_cmap("tab10")(k), label=name
        )
    ends = np.array([0.3 / len(tests), 1.0])
    axis.plot(ends, ends, color=INK, linewidth=0.9)
    axis.axhline(1e-6 / len(tests), color=RED, linewidth=0.9, linestyle="--")
    axis.text(ends[0], 1.4e-6 / len(tests), "fails below (Holm, family-wise 1e-6)", color=RED, fontsize=8)
    axis.set(xscale="log", yscale="log", xlabel="expected quantile", ylabel="p-value", ylim=(1e-7 / len(tests), 1.6))
    axis.legend(frameon=False, markerscale=2.5, loc="center right", bbox_to_anchor=(1.0, 0.4), fontsize=8)
    return address(figure, "svg")


def smallest_p(laws: list[dict[str, Any]]) -> str:
    """The smallest p-value of each cell of the Riemannian normal's grid."""
    table = np.full((len(GRID_D), len(GRID_S)), np.nan)
    for item in laws:
        case = item["case"]
        if case["family"] != "RiemannianNormal" or case["d"] not in GRID_D or case["scale"] not in GRID_S:
            continue
        i, j = GRID_D.index(case["d"]), GRID_S.index(case["scale"])
        p = min(finding["p"] for finding in item["findings"])
        table[i, j] = np.nanmin([table[i, j], max(p, 1e-12)])
    figure, axis = plt.subplots(figsize=(5.6, 4.0))
    norm = TwoSlopeNorm(vmin=-10.0, vcenter=-3.0, vmax=0.0)
    image = axis.imshow(np.log10(table), cmap="RdYlBu", norm=norm, aspect="auto")
    for (i, j), value in np.ndenumerate(table):
        if np.isfinite(value):
            text, ink = f"{value:.0e}" if value < 1e-3 else f"{value:.2g}", "white" if value > 0.05 else INK
            axis.text(j, i, text, ha="center", va="center", fontsize=7, color=ink)
    axis.set_xticks(range(len(GRID_S)), [f"{s:g}" for s in GRID_S])
    axis.set_yticks(range(len(GRID_D)), [str(d) for d in GRID_D])
    axis.grid(False)
    axis.set(xlabel="s = sqrt(c) sigma", ylabel="dimension d")
    figure.colorbar(image, ax=axis, label="log10 of the smallest p", ticks=[-10, -6, -3, -2, -1, 0])
    return address(figure, "svg")


def accuracy_map(cells: list[dict[str, Any]]) -> str:
    """Error over its target for each function (row) and cell (column), one panel a law; white is exact."""
    cells = [item for item in cells if item["cell"]["dtype"] == "float64"]
    families = list(dict.fromkeys(item["cell"]["law"] for item in cells))
    figure, grid = plt.subplots(
        len(families), 1, figsize=(10.5, 2.45 * len(families)), squeeze=False, layout="constrained"
    )
    scale = LogNorm(1e-4, 1e4)
    for axis, family in zip(grid[:, 0], families, strict=True):
        chosen = sorted(
            (i for i in cells if i["cell"]["law"] == family), key=lambda i: (i["cell"]["d"], i["cell"]["scale"])
        )
        names = [name for name in accuracy.TARGETS if any(name in item["rows"] for item in chosen)]
        table = np.full((len(names), len(chosen)), np.nan)
        for j, item in enumerate(chosen):
            for i, name in enumerate(names):
                if name in item["rows"]:
                    table[i, j] = max(float(item["rows"][name]["error"]) / accuracy.TARGETS[name], 1e-4)
        axis.imshow(np.where(np.isinf(table), 1e4, table), cmap="RdBu_r", norm=scale, aspect="auto")
        dimensions = [item["cell"]["d"] for item in chosen]
        starts = [j for j in range(len(chosen)) if j == 0 or dimensions[j] != dimensions[j - 1]]
        for j in starts[1:]:
            axis.axvline(j - 0.5, color=INK, linewidth=0.5)
        axis.set_xticks(starts, [f"d={dimensions[j]}" for j in starts], fontsize=7, ha="left")
        axis.set_yticks(range(len(names)), names, fontsize=7)
        axis.set_title(f"{family}: {len(chosen)} cells, scale increasing within each dimension", loc="left")
        axis.grid(False)
    colours = ScalarMappable(scale, "RdBu_r")
    figure.colorbar(colours, ax=grid[:, 0], label="error / error allowed", shrink=0.6, aspect=30)
    return address(figure, "png")


def acceptance_curves(curves: list[dict[str, Any]]) -> str:
    """Acceptance rate against s, one line a dimension."""
    figure, axis = plt.subplots(figsize=(7.4, 3.6))
    colours = plt.get_cmap("viridis")
    for curve in curves:
        shade = np.log(curve["d"] / 2.0) / np.log(500.0)
        label = f"d = {curve['d']}" if curve["d"] in (2, 3, 5, 10, 100, 1000) else None
        axis.plot(curve["s"], curve["rate"], color=colours(0.95 * shade), linewidth=1.0, label=label)
    worst = min(curves, key=lambda curve: curve["minimum"])
    axis.plot(worst["at"], worst["minimum"], "o", color=RED, markersize=5)
    axis.annotate(f"{worst['minimum']:.4f} at d = {worst['d']}, s = {worst['at']:.3g}", (worst["at"], worst["minimum"]),
                  textcoords="offset points", xytext=(14, -3), color=RED)  # fmt: skip
    axis.axhline(acceptance.TARGET, color=RED, linewidth=0.9, linestyle="--")
    axis.set(xscale="log", xlabel="s = sqrt(c) sigma", ylabel="acceptance rate", ylim=(0.88, 1.003), xlim=(1e-3, 1e2))
    # Beside the axes: inside, it lies on the line of what is asked for or on the curves.
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8)
    return address(figure, "svg")
