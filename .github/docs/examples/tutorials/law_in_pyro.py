"""
A law in Pyro
=============

``hyperdist_torch.pyro`` has every law as a Pyro distribution. NUTS and the automatic guides work on ball, sphere and
torus with nothing of their own: the transforms of these supports state their volume change to the measure of
``log_prob``. The model here asks where a group lies on the disc, and how wide it is.
"""

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS

import hyperdist as hd
import hyperdist_torch.pyro as hp

pyro.set_rng_seed(0)
true = hp.RiemannianNormal(torch.tensor([0.4, -0.3]), 0.6)
x = true.sample((40,))


def model(x: torch.Tensor) -> None:
    """A centre with a Riemannian normal prior, a scale, and observations about them."""
    mu = pyro.sample("mu", hp.RiemannianNormal(torch.zeros(2), 1.0))
    sigma = pyro.sample("sigma", dist.LogNormal(0.0, 1.0))
    with pyro.plate("data", len(x)):
        pyro.sample("x", hp.RiemannianNormal(mu, sigma), obs=x)


DRAWS = 400  # quick: 20
chain = MCMC(NUTS(model), num_samples=DRAWS, warmup_steps=DRAWS // 2, disable_progbar=True)
chain.run(x)
draws = chain.get_samples()

# %%
# The posterior of the centre, about a point where the truth is known:

plt.figure(figsize=(6, 6))
hd.plot.disc_points(x.numpy(), color="0.6", s=14)
hd.plot.disc_points(draws["mu"].numpy(), s=5)
hd.plot.disc_points(true.mean.numpy(), color="k", s=60, marker="x", linewidths=1.5)

# %%
# Its Fréchet mean is the estimate; distances to it say how well it is known.

space = hd.PoincareBall(1.0)
centre = space.frechet_mean(draws["mu"].double().numpy())
spread = space.dist(draws["mu"].double().numpy(), centre)
print(f"mu = {centre.round(3)} within {float(sorted(spread)[int(0.95 * len(spread))]):.2f} at 95 per cent")
print(f"sigma = {draws['sigma'].mean():.2f} +- {draws['sigma'].std():.2f}")

# %%
# Variational inference asks for nothing more either:

STEPS = 1000  # quick: 20
pyro.clear_param_store()
guide = pyro.infer.autoguide.AutoNormal(model)
svi = pyro.infer.SVI(model, guide, pyro.optim.Adam({"lr": 0.02}), pyro.infer.Trace_ELBO())
losses = [svi.step(x) for _ in range(STEPS)]
guide.median()["mu"]
