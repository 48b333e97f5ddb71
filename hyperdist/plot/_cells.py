"""A density on the pixels of a picture: at their centres and, where it is narrower than they are, as means that keep
its mass.

Pixels are cut in four where one that holds much of the mass differs far from the next, or a draw of the law has a far
larger density than the middle of its pixel; and their parts again, until each holds little. Where this shows that the
law is narrower than a pixel, the pixel and its neighbours take the mass in them over their volume; everywhere else the
density at the centre stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from hyperdist.plot._read import Density

_SHARE = 2e-3
"""Mass, of all, that one part holds at most."""
_TOWERS = np.log(8.0)
"""How far the log density of a draw is above that of the middle of its part before the part is cut."""
_CROSS = ndimage.generate_binary_structure(2, 1)
_UNEVEN = 1e-6
"""Mass, of all, from which parts are cut on whose middles differ as much as that."""
_DEPTH, _MOST = 36, 1 << 18
"""Cuts, and parts at a time, at most: what is narrower still has the share of its draws."""
_PEAKED = 1.6
"""Largest density in a pixel, or that at its centre, over its mean, from where the centre does not tell the mean."""


@dataclass(frozen=True, eq=False)
class Chart:
    """A picture's paper: where its points lie in space, and how much space lies under a piece of it."""

    extent: tuple[float, float, float, float]
    """Left, right, bottom, top."""
    shape: tuple[int, int]
    """Rows and columns of pixels."""
    at: Callable[[np.ndarray], np.ndarray]
    """From places on the paper (n, 2) to points (n, k)."""
    log_volume: Callable[[np.ndarray], np.ndarray]
    """Of paper (n, 2), (n,): log of volume over area; -inf off the space."""
    place: Callable[[np.ndarray], np.ndarray]
    """Where draws lie on the paper, (n, 2); NaN where they are hidden."""
    draw_in: Callable[[np.ndarray], np.ndarray] = field(default=lambda paper: paper)
    """Centres of pixels (n, 2) that the rim cuts, moved on the space."""

    @property
    def side(self) -> np.ndarray:
        """Width and height of a pixel."""
        left, right, bottom, top = self.extent
        return np.array([(right - left) / self.shape[1], (top - bottom) / self.shape[0]])

    def centres(self, cells: np.ndarray, level: int) -> np.ndarray:
        """The middles (n, 2) of parts (n, 2), column and row, of pixels cut ``level`` times."""
        corner = np.array([self.extent[0], self.extent[2]])
        return corner + (cells + 0.5) * (self.side / 2.0**level)

    def cells(self, paper: np.ndarray, level: int) -> np.ndarray:
        """The parts (n, 2) in which places on the paper lie."""
        corner = np.array([self.extent[0], self.extent[2]])
        return np.floor((paper - corner) / (self.side / 2.0**level)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Pixels:
    """What a picture of a density shows."""

    log_prob: np.ndarray
    """(rows, columns), first row lowest."""
    marks: np.ndarray
    """Places on the paper (m, 2) of what is narrower than a pixel on all sides."""
    log_peak: float
    """Where colours end: the largest log density beside what is marked, if that is a twentieth of the mass or more."""


class _Tally:
    """What the parts of each pixel hold."""

    def __init__(self, size: int) -> None:
        self.mass = np.zeros(size)
        self.peak = np.full(size, -np.inf)
        self.most = np.zeros(size)
        self.place = np.full((size, 2), np.nan)

    def add(self, pixel: np.ndarray, mass: np.ndarray, log_p: np.ndarray, place: np.ndarray) -> None:
        np.add.at(self.mass, pixel, mass)
        np.maximum.at(self.peak, pixel, log_p)
        order = np.argsort(mass, kind="stable")
        pixel, mass, place = pixel[order], mass[order], place[order]
        ahead = mass > self.most[pixel]
        self.most[pixel[ahead]], self.place[pixel[ahead]] = mass[ahead], place[ahead]

    def compare(self, index: np.ndarray, above: np.ndarray, drawn: int, split: np.ndarray) -> None:
        """Take from the draws, in pixels ``index``, what the parts of split pixels missed: the largest density, and the
        share of the draws where the mass is not theirs, as that of a law along a line may not be."""
        index, above = index[index >= 0], above[index >= 0]
        held = np.bincount(index, minlength=len(self.mass)).astype(float)
        expected = drawn * self.mass
        missed = (expected < 0.02 * held) | (np.abs(expected - held) > 2.0 * np.sqrt(held) + 2.0)
        missed &= split & (held > 0.0)
        self.mass = np.where(missed, held / max(drawn, 1), self.mass)
        inside = split[index]
        np.maximum.at(self.peak, index[inside], above[inside])


def pixels(density: Density, chart: Chart) -> Pixels:
    """The density on the pixels of a chart."""
    rows, columns = chart.shape
    cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    paper = chart.draw_in(chart.centres(cells, 0))
    with np.errstate(all="ignore"):
        # One row at a time: a batch of thousands of laws needs memory for one row of pixels, not for the picture.
        log_p = np.concatenate([density.log_prob(chart.at(row)) for row in paper.reshape(rows, columns, 2)])
        log_p = np.where(np.isposinf(log_p), np.max(log_p[np.isfinite(log_p)], initial=-np.inf), log_p)
        log_volume = chart.log_volume(paper) + np.log(chart.side.prod())
        tally, scale = _cut(density, chart, cells, log_p, log_volume)
        return _settled(tally, scale, log_p, log_volume, chart)


def _cut(
    density: Density, chart: Chart, cells: np.ndarray, log_p: np.ndarray, log_volume: np.ndarray
) -> tuple[_Tally, float]:
    """The mass in each pixel, over exp(scale)."""
    columns = chart.shape[1]
    tally = _Tally(len(cells))
    paper, above = np.empty((0, 2)), np.empty(0)
    if density.draws is not None and density.log_prob_of_draws is not None:
        paper, above = chart.place(density.draws), density.log_prob_of_draws
        seen = np.isfinite(paper).all(axis=-1)
        paper, above, drawn = paper[seen], above[seen], len(paper)
        scale = 0.0
    else:
        scale, drawn = float(np.max((log_p + log_volume)[np.isfinite(log_p + log_volume)], initial=-np.inf)), 0
    if not np.isfinite(scale):
        return tally, 0.0
    pixel = cells[:, 1] * columns + cells[:, 0]
    every, whole = cells, np.zeros(len(cells), bool)
    for level in range(_DEPTH + 1):
        log_mass = log_p + log_volume
        if not drawn:  # what is not normalised is so by what has been seen of it
            higher = float(np.max(log_mass[np.isfinite(log_mass)], initial=scale))
            tally.mass *= np.exp(scale - higher)
            tally.most *= np.exp(scale - higher)
            scale = higher
        mass = np.where(np.isneginf(log_volume), 0.0, np.exp(log_mass - scale))
        total = 1.0 if drawn else tally.mass.sum() + mass.sum()
        held, towers = _held(chart.cells(paper, level), above, cells, log_p)
        heavy = mass > _SHARE * total
        if level:
            crowded = heavy | towers | _uneven(log_p, mass > _UNEVEN * total)
        else:
            crowded = (heavy & _steep(log_p.reshape(chart.shape))) | towers
        split = _with_neighbours(crowded, cells)
        last = level == _DEPTH or 4 * int(split.sum()) > _MOST
        if last and drawn:
            mass = np.where(crowded, held / drawn, mass)
        if last or not crowded.any():
            tally.add(pixel, mass, log_p, chart.centres(cells, level))
            break
        whole = split if level == 0 else whole
        tally.add(pixel[~split], mass[~split], log_p[~split], chart.centres(cells[~split], level))
        quarters = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
        cells, pixel = (2 * cells[split][:, None] + quarters).reshape(-1, 2), np.repeat(pixel[split], 4)
        middle = chart.centres(cells, level + 1)
        log_volume = chart.log_volume(middle) + np.log(chart.side.prod()) - (level + 1) * np.log(4.0)
        on = np.isfinite(log_volume)
        log_p = np.full(len(cells), -np.inf)
        log_p[on] = density.log_prob(chart.at(middle[on]))
        log_p = np.where(np.isposinf(log_p), -np.inf, log_p)
    if drawn:
        tally.compare(_find(chart.cells(paper, 0), every), above, drawn, whole)
    return tally, scale


def _held(where: np.ndarray, above: np.ndarray, cells: np.ndarray, log_p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many draws each part holds, and whether one of them towers above its middle."""
    index = _find(where, cells)
    known = index >= 0
    held = np.bincount(index[known], minlength=len(cells)).astype(float)
    towers = np.zeros(len(cells), bool)
    towers[index[known][above[known] > log_p[index[known]] + _TOWERS]] = True
    return held, towers


def _steep(log_p: np.ndarray) -> np.ndarray:
    """Whether a pixel beside another is so much above or below it that their centres do not tell their means."""
    around = (f(log_p, footprint=_CROSS, mode="nearest") for f in (ndimage.maximum_filter, ndimage.minimum_filter))
    highest, lowest = around
    return (~(highest - log_p <= _TOWERS) | ~(log_p - lowest <= _TOWERS)).reshape(-1)


def _uneven(log_p: np.ndarray, heavy: np.ndarray) -> np.ndarray:
    """Whether the four quarters of what was cut differ, and one holds mass."""
    four = log_p.reshape(-1, 4)
    differ = ~(four.max(axis=1) - four.min(axis=1) <= _TOWERS) & heavy.reshape(-1, 4).any(axis=1)
    return np.repeat(differ, 4) & np.isfinite(log_p)


def _find(wanted: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Where parts stand among ``cells``, -1 where they do not."""
    if not len(wanted):
        return np.empty(0, int)
    width = np.int64(cells[:, 0].max() + 2)
    keys = cells[:, 1] * width + cells[:, 0]
    order = np.argsort(keys)
    sought = wanted[:, 1] * width + wanted[:, 0]
    place = np.minimum(np.searchsorted(keys[order], sought), len(keys) - 1)
    inside = (wanted >= 0).all(axis=-1) & (wanted[:, 0] < width) & (keys[order][place] == sought)
    return np.where(inside, order[place], -1)


def _with_neighbours(chosen: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """``chosen`` and the eight parts round each, as far as they are among ``cells``."""
    around = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(-1, 2)
    found = _find((cells[chosen][:, None] + around).reshape(-1, 2), cells)
    wider = chosen.copy()
    wider[found[found >= 0]] = True
    return wider


def _settled(tally: _Tally, scale: float, log_p: np.ndarray, log_volume: np.ndarray, chart: Chart) -> Pixels:
    """Means in place of centres where the pixels are too wide, and what is to be marked."""
    shape = chart.shape
    mass = tally.mass.reshape(shape)
    mean = np.log(tally.mass) + scale - log_volume
    peak = np.maximum(tally.peak, log_p)
    narrow = (peak > mean + np.log(_PEAKED)) | ((peak > log_p + _TOWERS) & (mean > log_p))
    narrow = narrow.reshape(shape) & (mass > 0.1 * _sum(mass, 5))
    log_p = np.where(_round(narrow, 3) & np.isfinite(mean.reshape(shape)), mean.reshape(shape), log_p.reshape(shape))
    top = narrow & (mass == ndimage.maximum_filter(mass, 3, mode="constant"))
    alone = top & (mass > 1e-3 * mass.sum()) & (_sum(mass, 3) > 0.6 * _sum(mass, 9))
    beside = ~_round(alone, 9)
    ends = log_p[beside] if mass[beside].sum() > 0.05 * mass.sum() else log_p
    log_peak = float(np.max(ends[np.isfinite(ends)], initial=-np.inf))
    return Pixels(log_p, tally.place[alone.reshape(-1)], log_peak)


def _sum(mass: np.ndarray, width: int) -> np.ndarray:
    """Mass in the square of that many pixels round each."""
    return np.maximum(ndimage.uniform_filter(mass, width, mode="constant") * width**2, mass)


def _round(mask: np.ndarray, width: int) -> np.ndarray:
    """Pixels of the mask and those in the square of that many round each."""
    return ndimage.maximum_filter(mask, width, mode="constant")
