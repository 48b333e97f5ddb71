"""Data of the experiments: the branching diffusion process, made from a seed, and the MNIST digits, from files."""

from hyperdist_torch.datasets.branching import BranchingDiffusion
from hyperdist_torch.datasets.mnist import Digits, load_mnist

__all__ = ["BranchingDiffusion", "Digits", "load_mnist"]
