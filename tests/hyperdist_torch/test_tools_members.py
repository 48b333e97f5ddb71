"""What tools that know nothing of this package ask of every law in torch: its attributes in turn, its class's place."""

from __future__ import annotations

import inspect

import pytest

torch = pytest.importorskip("torch")

from torch.distributions import kl_divergence  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from tests.support.torch.tools import flow_laws, laws  # noqa: E402

LAWS = [*laws(), *flow_laws()]


@pytest.mark.parametrize("name", LAWS)
def test_attributes_can_be_listed(name: str) -> None:
    """As debuggers, notebooks and ``unittest.mock`` do it: an attribute that a law lacks raises AttributeError."""
    law = (laws() | flow_laws())[name]
    assert {"sample", "log_prob", "support", "batch_shape"} <= {name for name, _ in inspect.getmembers(law)}
    if isinstance(getattr(law, "radius", None), torch.distributions.Distribution):
        assert {"log_prob", "icdf", "mean"} <= {name for name, _ in inspect.getmembers(law.radius)}


def test_absent_attributes_say_why() -> None:
    anisotropic = laws()["wrapped-anisotropic"]
    assert not hasattr(anisotropic, "radius")
    with pytest.raises(ValueError, match="radius needs one scale"):
        _ = anisotropic.radius
    for law, message in ((laws()["mixture"], "a mixture's {}"), (flow_laws()["sphere"], "the {} of RiemannianCNF")):
        for name in ("mean", "variance", "mode"):
            assert not hasattr(law, name)
            with pytest.raises(NotImplementedError, match=message.format(name) + " has no closed form"):
                getattr(law, name)


def test_divergence_of_a_subclass() -> None:
    class Tilted(ht.VonMisesFisher):
        pass

    axis, uniform = torch.eye(3)[0], ht.SphericalUniform(2)
    own, law = Tilted(axis, 2.0), ht.VonMisesFisher(axis, 2.0)
    assert kl_divergence(own, uniform) == kl_divergence(law, uniform)
    assert kl_divergence(uniform, own) == kl_divergence(uniform, law)
    assert kl_divergence(own, law) == kl_divergence(own, own) == 0.0
