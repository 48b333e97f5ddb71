"""Four Earth-science sets, places of events on the globe: read, split, and fitted by baselines.

Needs the sets' files, which do not come with the package. ``import hyperdist`` does not import this package.

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
from hyperdist.earth.data import KINDS, SETS, Parts, coinciding, load, load_parts, nested_subset, split, unit

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
    "fit_mixture",
    "load",
    "load_parts",
    "nested_subset",
    "split",
    "unit",
]
