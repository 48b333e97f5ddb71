"""The faint grid of the disc: the lines of the tiling by right-angled pentagons, four round each corner.

Its edges run on through the corners, so the tiling is a set of complete geodesics; and by Gauss and Bonnet every
pentagon has the same area, pi/2 over c, so that densities on the disc can be read in it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_SIDES = 5


def _sides() -> np.ndarray:
    """Unit normals in Minkowski space (time first) of the sides of the pentagon about the origin.

    The normal of a side at distance a is (sinh a, cosh a cos t, cosh a sin t). Neighbours meet at right angles
    where their product -sinh(a)^2 + cosh(a)^2 cos(2 pi/5) is 0.
    """
    apothem = np.arctanh(np.sqrt(np.cos(2 * np.pi / _SIDES)))
    angle = np.pi / 2 + 2 * np.pi * np.arange(_SIDES) / _SIDES
    return np.stack(
        [np.full(_SIDES, np.sinh(apothem)), np.cosh(apothem) * np.cos(angle), np.cosh(apothem) * np.sin(angle)], axis=-1
    )


@cache
def normals(smallest: float) -> np.ndarray:
    """Normals (n, 3) of all lines of the tiling whose circle in the unit disc has radius >= ``smallest``.

    A line at distance a from the origin is a circle of radius 1/sinh(a). Every line that misses the central pentagon
    comes closer to the origin by reflection in one of the sides, so reflecting outwards finds them all, never crossing
    the limit.
    """
    sides = _sides()
    found = {tuple(np.round(side, 6)): side for side in sides}
    frontier = sides
    while len(frontier):
        product = -sides[:, None, 0] * frontier[:, 0] + sides[:, 1:] @ frontier[:, 1:].T
        images = (frontier - 2 * product[..., None] * sides[:, None]).reshape(-1, 3)
        images = images[(images[:, 0] > 0) & (images[:, 0] * smallest <= 1)]
        fresh = {key: image for image in images if (key := tuple(np.round(image, 6))) not in found}
        found |= fresh
        frontier = np.array(list(fresh.values())).reshape(-1, 3)
    return np.stack(list(found.values()))


def lines(smallest: float = 0.02, steps: int = 64) -> np.ndarray:
    """The tiling's lines as polygons (n, steps, 2) in the closed unit disc.

    A circle of radius 1/sinh(a), orthogonal to the unit circle, has its centre at coth(a); its arc inside the unit disc
    spans the angle atan(sinh a) on either side of the direction to the origin.
    """
    normal = normals(smallest)
    radius = 1 / normal[:, 0]
    direction = np.arctan2(normal[:, 2], normal[:, 1])
    centre = np.sqrt(1 + radius**2)
    angle = direction[:, None] + np.pi + np.arctan(1 / radius)[:, None] * np.linspace(-1, 1, steps)
    x = (centre * np.cos(direction))[:, None] + radius[:, None] * np.cos(angle)
    y = (centre * np.sin(direction))[:, None] + radius[:, None] * np.sin(angle)
    return np.stack([x, y], axis=-1)
