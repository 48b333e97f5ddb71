"""Riemannian continuous normalizing flows (Mathieu & Nickel 2020, arXiv 2006.10605)."""

from hyperdist_torch.flows.cnf import RiemannianCNF
from hyperdist_torch.flows.features import Coordinates, Features, GeodesicDistances
from hyperdist_torch.flows.fields import FrameField, FunctionField, VectorField
from hyperdist_torch.flows.networks import Network
from hyperdist_torch.flows.objectives import flow_matching, reverse_kl
from hyperdist_torch.flows.solvers import Adaptive, FixedGrid, Solution, SolverError
from hyperdist_torch.flows.spaces import Euclidean, Lorentz, PoincareBall, Space, Sphere, Torus

__all__ = [
    "Adaptive",
    "Coordinates",
    "Euclidean",
    "Features",
    "FixedGrid",
    "FrameField",
    "FunctionField",
    "GeodesicDistances",
    "Lorentz",
    "Network",
    "PoincareBall",
    "RiemannianCNF",
    "Solution",
    "SolverError",
    "Space",
    "Sphere",
    "Torus",
    "VectorField",
    "flow_matching",
    "reverse_kl",
]
