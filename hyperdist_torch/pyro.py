"""The laws of ``hyperdist_torch`` as Pyro distributions: in ``pyro.sample``, plates, ``to_event``, ``mask``, guides.

``import hyperdist_torch.pyro as hp`` and ``hp.RiemannianNormal(mu, sigma, c)``; everything else is as in
``hyperdist_torch``, and ``kl_divergence`` knows them. Any other law becomes one in the same way:

    class Flow(flows.RiemannianCNF, TorchDistributionMixin): ...

Inference works on ``biject_to(law.support)``, whose volume is the one that ``log_prob`` speaks of (``transforms``): of
hyperbolic laws the exponential coordinates at the origin, of spheres and circles two or more reals without a seam.
So NUTS and the automatic guides need nothing of their own here. What to know:

- Ball coordinates hold radii to 14/sqrt(c) in float32, 34/sqrt(c) in float64; ``model="tangent"`` holds any.
- Pyro fixes the support of a latent site where it first runs the model, in NUTS and in automatic guides. A curvature
  that is itself latent or trained must not decide a latent site's support: the volume would be the first curvature's.
  Make v the site, and its point and density what follows from it:

    v = pyro.sample("v", dist.Normal(torch.zeros(d), 1.0).to_event(1).mask(False))
    transform = biject_to(law.support)
    x = transform(v)
    pyro.factor("x_density", law.log_prob(x) + transform.log_abs_det_jacobian(v, x))

- A ``Mixture`` has no reparametrised draws: as a latent site it serves NUTS and the automatic guides, in a guide of
  your own its gradient is the score function's. Its components are summed over, nothing is enumerated.

>>> import pyro, torch
>>> import hyperdist_torch.pyro as hp
>>> def model(x):
...     mu = pyro.sample("mu", hp.RiemannianNormal(torch.zeros(2), 1.0))
...     with pyro.plate("data", len(x)):
...         pyro.sample("x", hp.WrappedNormal(mu, 0.3), obs=x)
>>> pyro.poutine.trace(model).get_trace(torch.zeros(5, 2)).nodes["mu"]["value"].shape
torch.Size([2])
"""

from __future__ import annotations

try:
    from pyro.distributions.torch_distribution import TorchDistributionMixin
except ModuleNotFoundError as error:
    raise ImportError("hyperdist_torch.pyro needs Pyro: pip install 'hyperdist[pyro]'") from error

from typing import TYPE_CHECKING, Any

from hyperdist_torch import distributions

if TYPE_CHECKING:
    from hyperdist_torch.distributions import *  # noqa: F403 - for editors, the laws that those here derive from

__all__ = []
__all__ += distributions.__all__


def _for_pyro(law: type[Any]) -> type[Any]:
    """A law with Pyro's mixin; where the two have a method of one name, as ``expand``, the law's is taken."""
    names = {"__module__": __name__, "__doc__": f"``hyperdist_torch.{law.__name__}`` for Pyro."}
    return type(law.__name__, (law, TorchDistributionMixin), names)


globals().update({name: _for_pyro(getattr(distributions, name)) for name in distributions.__all__})
