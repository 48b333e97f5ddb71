"""The latent space by its signature: a letter and a dimension for each factor, as in "h2" or "h2,s2,e2"."""

from __future__ import annotations

import re
from dataclasses import dataclass

SPACES = {"h": "hyperbolic", "e": "flat", "s": "sphere", "t": "torus"}


@dataclass(frozen=True)
class Factor:
    """One space: "hyperbolic", "flat", "sphere" or "torus", of dimension d."""

    space: str
    d: int

    @property
    def width(self) -> int:
        """Numbers of a latent point: d + 1 of a unit vector, else d tangent coordinates or angles."""
        return self.d + (self.space == "sphere")

    @property
    def curved(self) -> bool:
        """Whether it has a curvature that can be chosen."""
        return self.space in ("hyperbolic", "sphere")

    @property
    def text(self) -> str:
        """Its signature."""
        letter = next(letter for letter, space in SPACES.items() if space == self.space)
        return f"{letter}{self.d}"

    @property
    def compact(self) -> bool:
        """Whether its prior is the uniform law."""
        return self.space in ("sphere", "torus")


def parse(text: str) -> tuple[Factor, ...]:
    """The factors of a signature; ValueError where it is none.

    >>> parse("h2,s3")
    (Factor(space='hyperbolic', d=2), Factor(space='sphere', d=3))
    """
    parts = [re.fullmatch(r"([hest])([1-9]\d{0,8})", part.strip()) for part in str(text).split(",")]
    factors = tuple(Factor(SPACES[part[1]], int(part[2])) for part in parts if part)
    if len(factors) != len(parts):
        raise ValueError(
            "latent must name spaces by letter and dimension, 'h2' (hyperbolic), 'e2' (flat), 's2' (sphere) or 't2' "
            f"(torus), with commas between those of a product, got {text!r}"
        )
    return factors
