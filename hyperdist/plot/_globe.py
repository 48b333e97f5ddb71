"""Ways to lay the sphere on paper: what lies where, what is hidden, where curves break."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from hyperdist.geometry.sphere import from_angles, to_angles
from hyperdist.plot import _density
from hyperdist.plot._cells import Chart


class View(ABC):
    """The sphere on paper, turned so that a place is the centre, with the north pole straight above it.

    centre : (latitude, longitude) in degrees.
    """

    name: ClassVar[str]

    def __init__(self, centre: tuple[float, float]) -> None:
        self.centre = centre
        latitude, longitude = np.radians(centre)
        middle = from_angles(latitude, longitude)
        east = np.array([-math.sin(longitude), math.cos(longitude), 0.0])
        self._turn = np.stack([middle, east, np.cross(middle, east)])

    def turned(self, x: np.ndarray) -> np.ndarray:
        """Unit vectors (n, 3) in the axes of the view: the first towards the eye, the second right, the third up."""
        return x @ self._turn.T

    def at(self, paper: np.ndarray) -> np.ndarray:
        """Unit vectors (n, 3) of places on the paper (n, 2)."""
        return self._unlaid(paper) @ self._turn

    def place(self, x: np.ndarray) -> np.ndarray:
        """Places on the paper (n, 2) of unit vectors; NaN where they are hidden."""
        return self._laid(self.turned(x))

    @abstractmethod
    def _laid(self, t: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _unlaid(self, paper: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def visible(self, x: np.ndarray) -> np.ndarray:
        """Whether unit vectors are on the side that is shown, (n,)."""

    @abstractmethod
    def curve(self, x: np.ndarray) -> list[np.ndarray]:
        """The pieces (n, 2) on the paper of a curve through near unit vectors (n, 3)."""

    @abstractmethod
    def chart(self, pixels: int) -> Chart:
        """The paper, cut in pixels."""


class Orthographic(View):
    """The globe from far away: one half of it, in the unit circle."""

    name = "orthographic"

    def _laid(self, t: np.ndarray) -> np.ndarray:
        return np.where(t[:, :1] >= 0.0, t[:, 1:], np.nan)

    def _unlaid(self, paper: np.ndarray) -> np.ndarray:
        height = np.sqrt(np.maximum(1.0 - np.sum(paper * paper, axis=-1, keepdims=True), 0.0))
        t = np.concatenate([height, paper], axis=-1)
        return t / np.linalg.norm(t, axis=-1, keepdims=True)

    def visible(self, x: np.ndarray) -> np.ndarray:
        return self.turned(x)[:, 0] >= 0.0

    def curve(self, x: np.ndarray) -> list[np.ndarray]:
        t = self.turned(x)
        seen = t[:, 0] >= 0.0
        cuts = np.flatnonzero(seen[1:] != seen[:-1])
        rim = _between(t, cuts, 0)[:, 1:]
        rim /= np.linalg.norm(rim, axis=-1, keepdims=True)
        pieces, starts = [], np.concatenate([[0], cuts + 1, [len(t)]])
        for k in range(len(starts) - 1):
            if starts[k] < len(t) and seen[starts[k]]:
                inner = t[starts[k] : starts[k + 1], 1:]
                pieces.append(np.concatenate([rim[max(k - 1, 0) : k], inner, rim[k : k + 1]]))
        return pieces

    def chart(self, pixels: int) -> Chart:
        def log_volume(paper: np.ndarray) -> np.ndarray:
            left = 1.0 - np.sum(paper * paper, axis=-1)
            return np.where(left > 0.0, -0.5 * np.log(np.where(left > 0.0, left, 1.0)), -np.inf)

        draw_in = _density.into_circle(2.0 / pixels)
        return Chart((-1.0, 1.0, -1.0, 1.0), (pixels, pixels), self.at, log_volume, self.place, draw_in)


class Oval(View):
    """A map of the whole sphere that keeps areas, in an ellipse that fills the unit square of its axes.

    Source  Snyder 1987, Map Projections: A Working Manual, chapters 31 (Mollweide) and 24 (Hammer).
    """

    def _laid(self, t: np.ndarray) -> np.ndarray:
        return self._of_angles(*to_angles(t))

    def angles(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Latitude and longitude about the centre."""
        latitude, longitude = to_angles(self.turned(x))
        return latitude, longitude

    @abstractmethod
    def _of_angles(self, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray: ...

    def visible(self, x: np.ndarray) -> np.ndarray:
        return np.ones(len(x), bool)

    def curve(self, x: np.ndarray) -> list[np.ndarray]:
        t = self.turned(x)
        cuts = np.flatnonzero((t[1:, 1] < 0.0) != (t[:-1, 1] < 0.0))
        seam = _between(t, cuts, 1)
        cuts, seam = cuts[seam[:, 0] < 0.0], seam[seam[:, 0] < 0.0]
        latitude, longitude = to_angles(t)
        across, side = to_angles(seam)[0], np.where(t[cuts, 1] < 0.0, -math.pi, math.pi)
        starts = np.concatenate([[0], cuts + 1, [len(t)]])
        pieces = []
        for k in range(len(starts) - 1):
            inner = slice(starts[k], starts[k + 1])
            before, after = slice(max(k - 1, 0), k), slice(k, k + 1)
            pieces.append(
                self._of_angles(
                    np.concatenate([across[before], latitude[inner], across[after]]),
                    np.concatenate([-side[before], longitude[inner], side[after]]),
                )
            )
        return pieces

    def chart(self, pixels: int) -> Chart:
        def log_volume(paper: np.ndarray) -> np.ndarray:
            return np.where(np.sum((paper - 0.5) ** 2, axis=-1) < 0.25, math.log(16.0), -np.inf)

        into = _density.into_circle(1.0 / pixels)
        return Chart(
            (0.0, 1.0, 0.0, 1.0), (pixels, 2 * pixels), self.at, log_volume, self.place,
            lambda paper: 0.5 + 0.5 * into(2.0 * paper - 1.0),
        )  # fmt: skip


class Mollweide(Oval):
    """Parallels are straight: sin(theta) high, 2 theta + sin(2 theta) = pi sin(latitude)."""

    name = "mollweide"

    def _of_angles(self, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
        # delta = pi/2 - theta solves 2 delta - sin(2 delta) = m, convex: Newton's steps come down on it.
        north = 0.5 * math.pi - np.abs(latitude)
        m = 2.0 * math.pi * np.sin(0.5 * north) ** 2
        delta = np.cbrt(0.75 * m)
        for _ in range(8):
            slope = 4.0 * np.sin(delta) ** 2
            delta = delta - (2.0 * delta - np.sin(2.0 * delta) - m) / np.where(slope > 0.0, slope, 1.0)
        across, up = longitude / math.pi * np.sin(delta), np.copysign(np.cos(delta), latitude)
        return 0.5 + 0.5 * np.stack([across, up], axis=-1)

    def _unlaid(self, paper: np.ndarray) -> np.ndarray:
        across, up = np.moveaxis(2.0 * paper - 1.0, -1, 0)
        theta = np.arcsin(np.clip(up, -1.0, 1.0))
        latitude = np.arcsin(np.clip((2.0 * theta + np.sin(2.0 * theta)) / math.pi, -1.0, 1.0))
        width = np.cos(theta)
        ratio = np.clip(across / np.where(width > 0.0, width, 1.0), -1.0, 1.0)
        return from_angles(latitude, math.pi * ratio)


class Hammer(Oval):
    """Half the longitude on Lambert's map of a half, drawn out to twice its width."""

    name = "hammer"

    def _of_angles(self, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
        size = np.sqrt(1.0 + np.cos(latitude) * np.cos(0.5 * longitude))
        across = np.cos(latitude) * np.sin(0.5 * longitude) / size
        return 0.5 + 0.5 * np.stack([across, np.sin(latitude) / size], axis=-1)

    def _unlaid(self, paper: np.ndarray) -> np.ndarray:
        across, up = np.moveaxis(2.0 * paper - 1.0, -1, 0)
        square = np.maximum(1.0 - 0.5 * (across * across + up * up), 0.5)
        z = np.sqrt(square)
        longitude = 2.0 * np.arctan2(math.sqrt(2.0) * z * across, 2.0 * square - 1.0)
        return from_angles(np.arcsin(np.clip(math.sqrt(2.0) * z * up, -1.0, 1.0)), longitude)


VIEWS: dict[str, type[View]] = {view.name: view for view in (Mollweide, Hammer, Orthographic)}


def _between(t: np.ndarray, cuts: np.ndarray, axis: int) -> np.ndarray:
    """Where the chords from points ``cuts`` to the next ones cross 0 on an axis."""
    a, b = t[cuts], t[cuts + 1]
    share = a[:, axis] / (a[:, axis] - b[:, axis])
    return a + share[:, None] * (b - a)
