"""
A flow on the globe
===================

A continuous normalizing flow learns the density of places on the sphere: a vector field moves a uniform law to that of
the data, and its divergence says what the density becomes (Mathieu & Nickel 2020). Your own places are latitudes and
longitudes in degrees, made unit vectors by ``hyperdist.earth.unit``.
"""

import matplotlib.pyplot as plt
import torch

import hyperdist as hd
import hyperdist_torch as ht
from hyperdist_torch import flows

torch.manual_seed(0)
centres = torch.nn.functional.normalize(torch.tensor([[1.0, 0.4, 0.3], [0.2, 1.0, -0.5], [0.6, -0.7, 0.5]]), dim=-1)
events = ht.Mixture([0.5, 0.3, 0.2], ht.VonMisesFisher(centres, torch.tensor([12.0, 30.0, 60.0]))).sample((1500,))
train, test = events[:1200], events[1200:]

# %%
# The model
# ---------
#
# A base law, a vector field and a solver. The field's network sees the point and the time; it may be any module of your
# own. ``FrameField`` writes the field in the generators of the rotations, so that it is tangent by construction.

sphere = flows.Sphere(2)
flow = flows.RiemannianCNF(
    ht.SphericalUniform(2), flows.FrameField(sphere, frame="generators", hidden=64), solver=flows.FixedGrid(12)
)

# %%
# Training
# --------
#
# By flow matching, which solves no equation while it trains; ``-flow.log_prob(batch).mean()`` would train by
# likelihood.

STEPS = 3000  # quick: 30
optimizer = torch.optim.Adam(flow.parameters(), lr=2e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
for _ in range(STEPS):
    batch = train[torch.randint(len(train), (256,))]
    loss = flows.flow_matching(flow, batch).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()

with torch.no_grad():
    print(f"held-out log-likelihood {flow.log_prob(test).mean():.3f} nats, uniform {-2.531:.3f}")

# %%
# What it learnt
# --------------

PIXELS = 120  # quick: 24
plt.figure(figsize=(9, 4.5))
hd.plot.sphere_density(flow, pixels=PIXELS)
hd.plot.sphere_points(test, s=3)

# %%
# Pictures take laws of either package, flows, and functions. Is the density one? Its integral over the sphere, from
# uniform points:

with torch.no_grad():
    uniform = ht.SphericalUniform(2).sample((4000,))
    print(f"mass {float((flow.log_prob(uniform) + 2.531024).exp().mean()):.3f}")

# %%
# ``flow.sample((n,))`` draws from it. On the disc the same lines hold with ``flows.PoincareBall(1.0)`` and a base
# there; ``flow.save(path)`` keeps it, and ``flows.RiemannianCNF.load(path, base, field, solver=...)`` reads it back.

flow.sample((3,))
