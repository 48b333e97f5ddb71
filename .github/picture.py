"""Draw README's picture: python .github/picture.py."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import hyperdist as hd
from hyperdist import plot

TARGET = Path(__file__).with_name("picture.webp")


def main() -> None:
    """Three panels: Riemannian normals with draws, a wrapped normal in nats, a mixture on the sphere."""
    figure = plt.figure(figsize=(12.2, 2.75), dpi=120, layout="constrained")
    columns = figure.add_gridspec(1, 3, width_ratios=[1.13, 1.16, 2.15])

    three = hd.RiemannianNormal([[-0.1, 0.35], [0.66, -0.25], [-0.55, -0.6]], [0.5, 0.45, 0.4])
    ax = figure.add_subplot(columns[0])
    plot.disc_density(three, ax, colorbar=False)
    plot.disc_geodesic(three.mean, np.roll(three.mean, 1, axis=0), ax)
    plot.disc_points(three.sample((150,), rng=11), ax, s=4, alpha=0.7)

    wrapped = hd.WrappedNormal([0.3, 0.25], [0.2, 0.6])
    ax = figure.add_subplot(columns[1])
    plot.disc_density(wrapped, ax, log=True)
    plot.disc_points(wrapped.mean, ax)

    rng = np.random.default_rng(5)
    centres = rng.standard_normal((9, 3))
    centres /= np.linalg.norm(centres, axis=-1, keepdims=True)
    mixture = hd.Mixture(rng.dirichlet(np.full(9, 4.0)), hd.VonMisesFisher(centres, rng.uniform(6.0, 60.0, 9)))
    ax = figure.add_subplot(columns[2], projection="mollweide")
    plot.sphere_density(mixture, ax)
    plot.sphere_points(mixture.sample((300,), rng=12), ax, s=3, alpha=0.7)

    figure.savefig(TARGET, pil_kwargs={"quality": 92, "method": 6})


if __name__ == "__main__":
    main()
