"""Data of the experiments: the branching diffusion, made from a seed; digits and events on the globe, from files."""

from hyperdist_torch.datasets.branching import BranchingDiffusion
from hyperdist_torch.datasets.earth import EarthSplit, load_earth
from hyperdist_torch.datasets.mnist import Digits, load_mnist

__all__ = ["BranchingDiffusion", "Digits", "EarthSplit", "load_earth", "load_mnist"]
