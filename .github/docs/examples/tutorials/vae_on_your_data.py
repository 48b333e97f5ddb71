"""
A VAE on your own data
======================

The Poincaré VAE takes a table of numbers, counts, classes or grey levels, and encoders, decoders, likelihoods and
priors of your own. The table here is a branching process, whose tree is known; counts of genes in cells are the same
lines with ``likelihood="negative_binomial"``.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

import hyperdist as hd
from hyperdist_torch import datasets
from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo, iwae

torch.manual_seed(0)
data = datasets.BranchingDiffusion.make(0)
train, test = data.rows[data.training], data.rows[data.test]
train.shape, test.shape

# %%
# Own files are read by ``datasets.read_table("FILE.csv", label="COLUMN")``, or whatever gives a tensor (rows, columns).
#
# The model
# ---------
#
# A configuration names the ready parts; a decoder of your own takes tangent coordinates (\*, batch, d), whose length is
# the distance from the origin, to what the likelihood takes.

config = VAEConfig(
    latent_dim=2, data_shape=(50,), hidden=64, c=1.2,
    likelihood="normal", posterior="wrapped", prior="wrapped",
)  # fmt: skip
model = PoincareVAE(config)
own = PoincareVAE(config, decoder=nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 50)))

# %%
# A plain loop
# ------------

EPOCHS = 400  # quick: 3
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for _ in range(EPOCHS):
    for rows in train[torch.randperm(len(train))].split(64):
        loss = -elbo(model, rows).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

with torch.no_grad():
    print(f"test rows, ELBO: {elbo(model, test).mean():.2f}")
    print(f"IWAE of 100 samples: {iwae(model, test, 100).mean():.2f}")

# %%
# Latent points on the disc
# -------------------------
#
# Latent points are tangent coordinates, which hold any radius; ``exp`` at the origin makes them points of the ball.

with torch.no_grad():
    nodes = model.encode(data.nodes).mean.double()
    rows = model.encode(data.rows).mean.double()
ball = hd.PoincareBall(config.c)
origin = ball.origin(2, like=nodes)
x, y = (ball.exp(origin, ball.from_frame(origin, v)).numpy() for v in (nodes, rows))

plt.figure(figsize=(7, 7))
hd.plot.disc(c=config.c)
hd.plot.disc_points(y, color="0.7", s=6)
hd.plot.disc_geodesic(x[data.edges[:, 0]], x[data.edges[:, 1]], color="0.35", linewidth=0.8)
hd.plot.disc_points(x, values=data.depth, label="depth in the tree", cmap="viridis_r", s=24, alpha=1.0)

# %%
# Lightning, files, the command
# -----------------------------
#
# ``training.fit`` trains with Lightning: schedules, averaged weights, validation, and a run that was cut off goes on
# with the same numbers.
#
# .. code-block:: python
#
#     from hyperdist_torch import training
#
#     schedule = training.Schedule(epochs=400, batch_size=64, learning_rate=1e-3)
#     training.fit(model, train, elbo, schedule, Path("run"), resume=True)
#
# ``hyperdist_torch.vae.save(model, path)`` and ``load(path)`` keep a model; parts of your own come back with
# ``load(path, decoder=...)``. And a table needs no Python at all:
#
# .. code-block:: bash
#
#     python -m hyperdist_torch.experiments vae --data FILE.csv --likelihood normal --label COLUMN
#
# ``latent="s2"`` in the configuration makes the latent space a sphere, ``"t2"`` a torus, ``c=0`` the plane.
