"""Riemannian continuous normalizing flows (Mathieu & Nickel 2020, arXiv 2006.10605)."""

from hyperdist_torch.flows.baselines import StereographicFlow, WrappedFlow
from hyperdist_torch.flows.cnf import RiemannianCNF
from hyperdist_torch.flows.config import FlowConfig
from hyperdist_torch.flows.features import Coordinates, Features, GeodesicDistances, Waves
from hyperdist_torch.flows.fields import FrameField, FunctionField, VectorField, check_tangent
from hyperdist_torch.flows.model import Flow, load, save
from hyperdist_torch.flows.networks import Network
from hyperdist_torch.flows.objectives import flow_matching, reverse_kl
from hyperdist_torch.flows.solvers import Adaptive, FixedGrid, Solution, SolverError
from hyperdist_torch.flows.spaces import Euclidean, FlowSpace, Lorentz, PoincareBall, Space, Sphere, Torus, on

__all__ = [
    "Adaptive",
    "Coordinates",
    "Euclidean",
    "Features",
    "FixedGrid",
    "Flow",
    "FlowConfig",
    "FlowSpace",
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
    "StereographicFlow",
    "Torus",
    "VectorField",
    "Waves",
    "WrappedFlow",
    "check_tangent",
    "flow_matching",
    "load",
    "on",
    "reverse_kl",
    "save",
]
