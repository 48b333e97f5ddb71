"""Data of experiments: the branching diffusion, made from a seed; from files digits, events, angles, tables."""

from hyperdist_torch.datasets.branching import BranchingDiffusion
from hyperdist_torch.datasets.earth import EarthSplit, load_earth
from hyperdist_torch.datasets.mnist import Digits, load_mnist
from hyperdist_torch.datasets.tables import Table, read_table
from hyperdist_torch.datasets.torsion import TorsionSplit, load_torsion

__all__ = [
    "BranchingDiffusion", "Digits", "EarthSplit", "Table", "TorsionSplit", "load_earth", "load_mnist",
    "load_torsion", "read_table",
]  # fmt: skip
