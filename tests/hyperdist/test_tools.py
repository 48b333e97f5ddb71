"""What tools that know nothing of this package ask of every law: its attributes in turn, and its class's place."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from tests.support.cases import CASES

AXES = np.eye(3)[:2]
LAWS = [(case.name, case.build(np.float64)) for case in CASES] + [
    ("torus", hd.ToroidalWrappedNormal([0.3, 3.1], [0.2, 3.0])),
    ("torus-uniform", hd.ToroidalUniform(2)),
    ("sphere-uniform", hd.SphericalUniform(2)),
    ("mixture", hd.Mixture([0.3, 0.7], hd.VonMisesFisher(AXES, [3.0, 5.0]))),
]


@pytest.mark.parametrize("law", [law for _, law in LAWS], ids=[name for name, _ in LAWS])
def test_attributes_can_be_listed(law: Any) -> None:
    """As debuggers, notebooks and ``unittest.mock`` do it: an attribute that a law lacks raises AttributeError."""
    names = {name for name, _ in inspect.getmembers(law)}
    assert {"sample", "log_prob", "entropy", "batch_shape"} <= names
    if hasattr(law, "radius"):
        assert {"log_prob", "icdf", "mean"} <= {name for name, _ in inspect.getmembers(law.radius)}


def test_absent_attributes_say_why() -> None:
    anisotropic = hd.WrappedNormal([0.1, 0.2], [0.3, 0.4])
    assert not hasattr(anisotropic, "radius")
    with pytest.raises(ValueError, match="radius needs one scale"):
        _ = anisotropic.radius
    mixture = hd.Mixture([0.3, 0.7], hd.VonMisesFisher(AXES, [3.0, 5.0]))
    for name in ("mean", "variance", "mode"):
        assert not hasattr(mixture, name)
        with pytest.raises(NotImplementedError, match=f"a mixture's {name} has no closed form"):
            getattr(mixture, name)


class Tilted(hd.VonMisesFisher):
    """A law of a user's own."""


def test_divergence_of_a_subclass() -> None:
    own, law, uniform = Tilted(AXES[0], 2.0), hd.VonMisesFisher(AXES[0], 2.0), hd.SphericalUniform(2)
    assert hd.kl_divergence(own, uniform) == hd.kl_divergence(law, uniform)
    assert hd.kl_divergence(uniform, own) == hd.kl_divergence(uniform, law)
    assert hd.kl_divergence(own, own) == hd.kl_divergence(own, law) == 0.0
