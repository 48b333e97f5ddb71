"""Data of experiments: the branching diffusion, made from a seed; from files digits, events on the globe, tables."""

from hyperdist_torch.datasets.branching import BranchingDiffusion
from hyperdist_torch.datasets.earth import EarthSplit, load_earth
from hyperdist_torch.datasets.mnist import Digits, load_mnist
from hyperdist_torch.datasets.tables import Table, read_table

__all__ = ["BranchingDiffusion", "Digits", "EarthSplit", "Table", "load_earth", "load_mnist", "read_table"]
