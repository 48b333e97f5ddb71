"""Every public method of every space on any array: what it takes, made from numbers that are free to vary.

A free point is a vector (d,) near 0, from which ``point`` makes one of the space smoothly, so that derivatives in it
are those along the space; tangents and frame vectors are free as frame coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperdist import Euclidean, Lorentz, PoincareBall, ProductSpace, Sphere, Tangent, Torus
from hyperdist.arrays.namespace import namespace
from hyperdist.geometry import lorentz, sphere

D = 3
KINDS: dict[str, Any] = {
    "poincare": PoincareBall, "lorentz": Lorentz, "tangent": Tangent, "euclidean": Euclidean, "sphere": Sphere,
    "torus": Torus, "product": lambda c: ProductSpace(PoincareBall(c, d=2), Sphere(1)),
}  # fmt: skip
MODELS = ("poincare", "lorentz", "tangent")
CURVED = (*MODELS, "product")

COMMON = {
    "dist": "xy", "dist_sq": "xy", "pairwise": "XY", "exp": "xu", "log": "xy", "inner": "xuw", "norm": "xu",
    "transport": "xyu", "geodesic": "xyt", "to_frame": "xu", "from_frame": "xv", "log_volume": "x", "project": "p",
}  # fmt: skip
"""Arguments: x, y points, X, Y rows of them, u, w tangents at x, v frame coordinates, t a time, p and a any vectors,
m a matrix."""
HYPERBOLIC = {"to_tangent": "x", "to_poincare": "x", "to_lorentz": "x"}
OWN = {
    "poincare": {
        "conformal_factor": "x", "mobius_add": "xy", "mobius_scalar_mul": "tx", "mobius_matvec": "mx",
        "gyration": "xyu", "dist_to_gyroplane": "xya",
    },
    "torus": {"wrap": "p"},
}  # fmt: skip
CHECKS = ("check_point", "check_tangent", "contains", "origin", "frechet_mean", "split", "join")


@dataclass(frozen=True)
class Method:
    """A method of a kind of space."""

    kind: str
    name: str
    takes: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.name}"

    def free(self, rng: np.random.Generator, special: str = "") -> dict[str, np.ndarray]:
        """Free numbers of the arguments, and of c; ``special`` points: "same", x = y, "origin", x = 0, or "flat"."""
        numbers = {name: 0.5 * rng.standard_normal(D).clip(-1.5, 1.5) for name in "xyuwvpa"}
        numbers |= {"m": rng.standard_normal((2, D)), "t": np.array(0.3)}
        numbers |= {name: 0.5 * rng.standard_normal((4, D)).clip(-1.5, 1.5) for name in "XY"}
        if special == "same":
            numbers["y"], numbers["Y"] = numbers["x"].copy(), numbers["X"].copy()
        if special == "origin":
            numbers["x"], numbers["u"] = np.zeros(D), np.zeros(D)
        needed = set(self.takes) | ({"x"} if set(self.takes) & set("uw") else set())
        found = {name: value for name, value in numbers.items() if name in needed}
        if self.kind in CURVED:
            found["c"] = np.array(0.0 if special == "flat" else 1.4)
        return found

    def call(self, free: dict[str, Any]) -> Any:
        """The method of free numbers, all of them arrays of one namespace."""
        c = free.get("c")
        space = KINDS[self.kind](c) if self.kind in CURVED else KINDS[self.kind]()
        made = {name: self._argument(space, name, free) for name in self.takes}
        return getattr(space, self.name)(*made.values())

    def _argument(self, space: Any, name: str, free: dict[str, Any]) -> Any:
        if name in "xyXY":
            return self.point(free[name], free.get("c"))
        if name in "uw":
            return space.from_frame(self.point(free["x"], free.get("c")), free[name])
        if name == "p" and self.kind in ("sphere", "lorentz", "product"):
            return namespace(free[name]).concat([free[name][:1] + 2.0, free[name]], axis=-1)
        return free[name]

    def point(self, z: Any, c: Any) -> Any:
        """A point from a free vector: near the origin, the origin for 0."""
        if self.kind == "lorentz":
            return lorentz.lift(z, c)
        if self.kind == "product":
            ball, circle = (Method(kind, self.name, self.takes) for kind in ("poincare", "sphere"))
            return namespace(z).concat([ball.point(z[..., :2], c), circle.point(z[..., 2:], c)], axis=-1)
        if self.kind == "sphere":
            y = sphere.from_stereographic(0.5 * z)
            return y / namespace(y).sqrt((y * y).sum(-1))[..., None]
        return 0.5 * z


METHODS = [
    Method(kind, name, takes)
    for kind in KINDS
    for name, takes in (COMMON | (HYPERBOLIC if kind in MODELS else {}) | OWN.get(kind, {})).items()
]
