"""Trees in hyperbolic space, with a guarantee on how far their distances are from the tree's.

``import hyperdist`` does not import this package.

>>> from hyperdist import trees
>>> T = trees.embed([("life", "plants"), ("life", "animals"), ("animals", "cats"), ("animals", "dogs")])
>>> T
<TreeEmbedding of 5 nodes, d=2, c=1, scale=3.03739, worst distortion <= 1.04999>
>>> float(T.distortion().worst) <= 1.05
True
"""

from hyperdist.trees.data import TREES, load
from hyperdist.trees.embedding import TreeEmbedding, embed
from hyperdist.trees.measures import Distortion

__all__ = ["TREES", "Distortion", "TreeEmbedding", "embed", "load"]
