"""Divergences of radial laws to 20 digits of their own, by mpmath, and the laws of the core that they belong to."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from mpmath import mp

from tests.support import oracles
from tests.support.tables import Table

LAWS = {
    "fisher": lambda d, parameter: oracles.von_mises_fisher(d + 1, parameter),
    "spherical": oracles.spherical,
    "hyperbolic": oracles.hyperbolic,
    "chi": oracles.chi,
}

CASES = [
    ("fisher", 2, 0.001, "fisher", 0.0),
    ("fisher", 767, 0.1, "fisher", 0.0),
    ("fisher", 1, 1e-4, "fisher", 0.0),
    ("fisher", 2, 3.0, "fisher", 0.0),
    ("fisher", 2, 50.0, "fisher", 0.0),
    ("fisher", 2, 0.0, "fisher", 0.001),
    ("fisher", 4, 0.0, "fisher", 30.0),
    ("fisher", 1, 2.0, "fisher", 2.0 * (1 + 1e-6)),
    ("fisher", 9, 700.0, "fisher", 700.0 * (1 + 1e-6)),
    ("fisher", 2, 1e6, "fisher", 1e6 * (1 - 1e-6)),
    ("fisher", 2, 5.0, "fisher", 2.0),
    ("spherical", 2, 0.5, "spherical", 0.5 * (1 + 1e-6)),
    ("spherical", 2, 0.5, "spherical", 0.9),
    ("spherical", 5, 1e4, "fisher", 0.0),
    ("spherical", 1, 1e4, "fisher", 0.0),
    ("fisher", 3, 0.0, "spherical", 300.0),
    ("spherical", 2, 2.0**-10, "fisher", 2.0**20),
    ("fisher", 2, 2.0**20, "spherical", 2.0**-10),
    ("spherical", 2, 0.5, "fisher", 2.0),
    ("fisher", 2, 5.0, "spherical", 0.6),
    ("hyperbolic", 3, 0.7, "hyperbolic", 0.7 * (1 + 1e-6)),
    ("hyperbolic", 2, 0.7, "hyperbolic", 0.9),
    ("hyperbolic", 2, 8.0, "hyperbolic", 8.0 * (1 - 1e-6)),
    ("hyperbolic", 1, 0.3, "chi", 0.3 * (1 + 1e-6)),
    ("hyperbolic", 3, 1e-3, "chi", 1e-3),
    ("chi", 3, 1e-3, "hyperbolic", 1e-3),
    ("hyperbolic", 7, 0.0017063036253392586, "chi", 0.0017063038485955675),
    ("chi", 7, 0.018, "hyperbolic", 0.018 * (1 + 1e-7)),
    ("hyperbolic", 4, 0.5, "chi", 0.7),
    ("chi", 2, 0.5, "hyperbolic", 0.3),
]
"""(p's family, d, p's parameter, q's family, q's): close laws, far ones, and what lies between. A chi law is the
radius of a wrapped normal, at c = 1; a von Mises-Fisher law at 0 stands for the uniform one."""

IDS = [f"{p}-{d}-{a:g}-{q}-{b:g}" for p, d, a, q, b in CASES]


@lru_cache
def expected(p: str, d: int, a: float, q: str, b: float) -> float:
    """KL(p || q): 40 digits of each term, of which the smallest divergence here costs 15."""
    with mp.workdps(40):
        other = LAWS[q](d, b)
        table = Table(replace(LAWS[p](d, a), expectations={"other": other.phi}), 48)
        return float(
            Table(other, 48).log_normaliser() - table.log_normaliser() + table.average["phi"] - table.average["other"]
        )


def law(host: Any, array: Any, family: str, d: int, parameter: float) -> Any:
    """The law of a family in one of the packages; ``array`` makes its parameters."""
    north, origin = array([0.0] * d + [1.0]), array([0.0] * d)
    if family == "fisher":
        return host.VonMisesFisher(north, array(parameter)) if parameter else host.SphericalUniform(d)
    if family == "spherical":
        return host.SphericalRiemannianNormal(north, array(parameter))
    return (host.WrappedNormal if family == "chi" else host.RiemannianNormal)(origin, array(parameter), array(1.0))
