"""Places and directions on the globe: read, as unit vectors and back, split, and fitted by baselines.

The files of the four Earth-science sets that have names do not come with the package. ``import hyperdist`` does not
import this package.

>>> from hyperdist import earth
>>> parts = earth.split([[float(i), 2.0 * i] for i in range(20)], "random rows", seed=0)
>>> [len(part) for part in parts]
[16, 2, 2]
>>> earth.KernelEstimate.fit(*map(earth.unit, parts[:2])).log_prob(earth.unit(parts.test)).shape
(2,)
"""

from hyperdist.earth.baselines import (
    BANDWIDTHS,
    FACTORS,
    FLOORS,
    FULL,
    QUICK,
    SHARES,
    KernelEstimate,
    Settings,
    fit_mixture,
)
from hyperdist.earth.coordinates import declination_inclination, direction, latitude_longitude, unit
from hyperdist.earth.data import KINDS, SETS, Parts, coinciding, load, load_parts, nested_subset, split

__all__ = [
    "BANDWIDTHS",
    "FACTORS",
    "FLOORS",
    "FULL",
    "KINDS",
    "QUICK",
    "SETS",
    "SHARES",
    "KernelEstimate",
    "Parts",
    "Settings",
    "coinciding",
    "declination_inclination",
    "direction",
    "fit_mixture",
    "latitude_longitude",
    "load",
    "load_parts",
    "nested_subset",
    "split",
    "unit",
]
