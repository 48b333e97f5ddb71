"""
A tree in the disc, with a law for each clade
=============================================

A tree fits into the hyperbolic plane with every distance right to a factor that you choose (Sarkar 2011), and then
laws of the plane say what a clade is: where it lies, how far it spreads, what belongs to it.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

TAXA = """
life: plants animals fungi
plants: mosses ferns conifers flowers
flowers: grasses orchids roses daisies lilies
conifers: pines yews cedars
animals: insects birds mammals
insects: beetles flies bees moths
beetles: weevils ladybirds scarabs
birds: owls ducks finches
mammals: cats dogs whales bats
fungi: yeasts moulds toadstools
"""
edges = [(line.split(":")[0], child) for line in TAXA.split("\n") if line for child in line.split(":")[1].split()]
len(edges)

# %%
# Edges may have lengths, as third entries; a NetworkX graph serves too. ``distortion=1.05`` guarantees that the ratios
# of embedded distances to the tree's differ by 5 per cent at most, over all pairs.

T = hd.trees.embed(edges, root="life", distortion=1.05)
T.distortion()

# %%
T.dist("weevils", "orchids") / T.scale, T.tree_dist("weevils", "orchids")

# %%
# A guarantee needs long edges, and puts all but the root's neighbours on the rim. For a picture give the length of an
# edge instead.

drawn = hd.trees.embed(edges, root="life", scale=1.2)
points = dict(zip(drawn.nodes, drawn.points(model="poincare"), strict=True))
children = {}
for above, below in edges:
    children.setdefault(above, []).append(below)


def clade(name: str) -> list[str]:
    """A node and all below it."""
    return [name] + [deeper for child in children.get(name, []) for deeper in clade(child)]


clades = {name: clade(name) for name in ("plants", "animals", "fungi")}
colours = {"plants": "#2a9d4a", "animals": "#d1495b", "fungi": "#8e5bb5"}
of_node = {node: colours[name] for name, nodes in clades.items() for node in nodes}

plt.figure(figsize=(7, 7))
hd.plot.disc_tree(drawn, color=[of_node.get(node, "0.35") for node in drawn.nodes])
for name in ("plants", "animals", "fungi", "flowers", "insects", "beetles", "mammals"):
    plt.annotate(name, points[name], fontsize=9, ha="center", va="bottom", zorder=9)

# %%
# A law for each clade
# --------------------

laws = {name: hd.RiemannianNormal.fit(np.stack([points[node] for node in nodes])) for name, nodes in clades.items()}
both = hd.Mixture([1 / 3, 1 / 3, 1 / 3], list(laws.values()))

plt.figure(figsize=(7, 6))
hd.plot.disc_density(both)
hd.plot.disc_tree(drawn, color=[of_node.get(node, "0.35") for node in drawn.nodes], alpha=0.6)
{name: (law.mean.round(2).tolist(), float(law.sigma.round(2))) for name, law in laws.items()}

# %%
# The mixture tells where a node belongs that was not there when it was fitted:

new = hd.PoincareBall(1.0).geodesic(points["bees"], points["moths"], 0.3)
dict(zip(laws, both.predict_proba(new[None])[0].round(3).tolist(), strict=True))
