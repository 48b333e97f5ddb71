"""A one-dimensional law of the radius: a kernel of the core, with what torch adds to it.

Theta, (*batch), is float64. Values and derivatives are those of ``hyperdist.radial.following``; here they are kept, and
worked out where they cost least.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hyperdist.arrays.namespace import constant, namespace, traced, transformed, written_out
from hyperdist.radial import calculus, following, quadrature
from hyperdist.radial.following import Measure, sides
from hyperdist_torch import _pieces, _random
from hyperdist_torch._host import Array, bare, plainly, tensor, unseen
from hyperdist_torch._implicit import attach

_CHUNK, _CHUNK_ON_A_DEVICE = 2048, 2**18
"""Draws whose quadrature nodes, 44 each, stay in a processor's cache; and that keep an accelerator busy in 100 MB."""

_RULE: dict[torch.dtype, dict[str, Any]] = {torch.float32: {"order": 16, "drop": 24.0}, torch.float64: {"order": 32}}
"""Nodes of an integral for results of a dtype; see ``quadrature.nodes``."""

_HOSTED = 4096
"""Laws on a device, up to which their kernels and hats are worked out on the host for draws by rejection, which wait
for it anyhow: some hundred operations on a few numbers, each of which takes a device as long as one on a million."""

_MANY = 512
"""Draws of one law from which a piecewise polynomial through the slope is cheaper than an integral for each."""


@dataclass(frozen=True)
class Law:
    """A log-concave law on (0, end): a kernel of the core, on a space of d dimensions."""

    kind: type[quadrature.Kernel]
    d: int

    @property
    def end(self) -> float:
        """The largest y."""
        return self.kind.end

    def kernel(self, theta: Array) -> quadrature.Kernel:
        """The core's kernel, used without gradient."""
        return self.kind.at(self.d, theta)

    def log_kernel(self, y: Array, theta: Array) -> Array:
        """The log density up to a constant in y, differentiable in both."""
        return self.kind.log_kernel(self.d, y, theta)

    def score(self, y: Array, theta: Array) -> Array:
        """d ``log_kernel``/d theta, differentiable in both."""
        return self.kind.log_kernel_score(self.d, y, theta)

    def measure(self, theta: Tensor) -> Measure:
        """Quadrature nodes and weights of the law."""
        return following.measure(self.kind, self.d, theta)

    def mean_score(self, theta: Tensor) -> Tensor:
        """d log-normaliser/d theta, differentiable, (*batch)."""
        measure = self.measure(theta)
        return measure.mean(self.score(measure.y, theta))

    def slope(self, y: Tensor, theta: Tensor) -> Tensor:
        """dy/dtheta at fixed cdf, differentiable in both: an integral over the tail that does not hold the mode."""
        return following.slope(self.kind, self.d, y, theta)

    @torch.no_grad()
    def quantile(self, p: Tensor, theta: Tensor, upper: bool = False) -> Tensor:
        """y with cdf p, or sf p where ``upper``, 0 < p < 1, by Newton's method on the log of the shorter tail; without
        gradient."""
        kernel = self.kernel(theta)
        mass = quadrature.log_mass(kernel)
        edges = calculus.centre_tails(kernel, mass)

        def solve(part: Tensor) -> Tensor:
            above = torch.full_like(part, upper, dtype=torch.bool)
            return calculus.quantile(kernel, mass, edges, part, above, self.d)

        return in_chunks(solve, p, theta)

    @torch.no_grad()
    def tails(self, y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """log cdf and log sf, without gradient."""
        kernel = self.kernel(theta)
        mass = quadrature.log_mass(kernel)

        def both(part: Tensor) -> Tensor:
            return torch.stack(calculus.tails(kernel, mass, part, part - kernel.centre), dim=-1)

        return in_chunks(both, y, theta).unbind(-1)  # type: ignore[return-value]


class _Constants(NamedTuple):
    """Of a law at fixed parameters, (*batch): see ``Law.measure`` and ``Law.mean_score``; E of the kernel's score."""

    log_normalizer: Array
    mean_score: Array
    centred: Array


class Drawn(NamedTuple):
    """Draws without gradient."""

    y: Tensor
    """Radii, (*sample, *batch), float64."""
    direction: Tensor
    """Uniform unit vectors (*sample, *batch, d) of the law's dtype."""
    slope: Array | None = None
    """dy/dtheta, where a table gave it with the draw."""


class Fixed:
    """A law at parameters that stay: its kernel and integrals, worked out once for draws, densities and gradients."""

    def __init__(self, law: Law, theta: Tensor, dtype: torch.dtype = torch.float64) -> None:
        """dtype: that of the results, which decides how many nodes an integral has."""
        self.law, self.theta, self.dtype, self._rule = law, theta, dtype, _RULE[dtype]
        self._bare = bare(theta)
        self._known: _Constants | None = None
        self._kernel: Any = None
        self._host: Fixed | None = None
        """The same on the CPU, where a device's small numbers are worked out once draws have made it wait."""

    @property
    @plainly
    def kernel(self) -> Any:
        """The core's kernel."""
        if self._kernel is None:
            self._kernel = self.law.kernel(self._bare)
        return self._kernel

    def source(self, generator: torch.Generator | None, hosted: bool = False) -> _random.Source:
        """Random numbers for draws."""
        return _random.Source(generator, self.theta.device, self.dtype, hosted)

    @property
    def table(self) -> quadrature.DrawTable | None:
        """That of the law's kind, which serves float32 on a CPU; made at a first call in a tenth or two of a second."""
        if self.dtype != torch.float32 or not isinstance(self._bare, np.ndarray) or not self._bare.size:
            return None
        # The smallest and the largest, of which NaN is both.
        if not (self._bare.min() >= 0.0 and self._bare.max() < math.inf):
            return None
        return self.law.kind.table(self.law.d)

    @plainly
    def tabulated(self, shape: torch.Size, generator: torch.Generator | None) -> Drawn | None:
        """Draws of ``shape`` by the table, right to float32's rounding, with their slope; None where there is none."""
        table = None if transformed(torch) else self.table
        if table is None:
            return None
        source, n = self.source(generator), shape.numel()
        direction = _random.directions(source, n, self.law.d).reshape((*shape, self.law.d))
        y, slope = table.draws(source.normal(n), self._bare.reshape(-1), self.theta.requires_grad)
        return Drawn(tensor(y).reshape(shape), direction, None if slope is None else slope.reshape(shape))

    @plainly
    def accept(self, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """n radii y, which belong to the flattened batch in turn, and uniform directions (n, d), without gradient."""
        if unseen(self.theta):
            raise RuntimeError(
                "rejection takes as many rounds as the draws happen to need, which a trace cannot record: "
                "draw with method='inverse'"
            )
        if _far(self.theta) and self.theta.numel() <= _HOSTED:
            self._host = Fixed(self.law, self.theta.detach().cpu(), self.dtype)
        here = self._host or self
        flat = here if here.theta.ndim == 1 else Fixed(self.law, here.theta.detach().reshape(-1))
        hosted = self._host is not None and n <= _random.FEW
        try:
            return _random.accept(flat.kernel.hats(), n, self.law.d, self.source(generator, hosted))
        except RuntimeError:
            off = ~torch.isfinite(flat.theta.detach())
            if transformed(torch) or not bool(off.any()):
                raise
            first = int(off.nonzero()[0])
            raise ValueError(
                f"parameters must be finite to draw, got {flat.theta[first].item()} for {int(off.sum())} of "
                f"{off.numel()} elements of the batch, the first is {first}: validate_args=True names the parameter"
            ) from None

    @property
    def _constants(self) -> _Constants:
        if self._known is None and self._host is not None:
            together = torch.stack([tensor(part).expand(self.theta.shape) for part in self._host._constants])
            self._known = _Constants(*map(bare, together.to(self.theta.device)))
        if self._known is None:
            self._known, _ = self._with_tail(None)
        return self._known

    @property
    def log_normalizer(self) -> Tensor:
        """That of ``Law.measure``, with its derivatives."""
        if traced(torch) or written_out(torch):
            return self.law.measure(self.theta).log_normalizer
        value, mean_score = self.integrals()
        if constant(self.theta):
            return tensor(value)
        return attach(self.theta, tensor(value), tensor(mean_score), lambda _, theta: self.law.mean_score(theta))

    @plainly
    def integrals(self) -> tuple[Array, Array]:
        """The log-normaliser and its derivative, (*batch), as bare values."""
        if self._known is None and (table := self.table) is not None:
            value, mean_score = table.integrals(self._bare.reshape(-1))
            return value.reshape(self._bare.shape), mean_score.reshape(self._bare.shape)
        return self._constants[:2]

    def slope(self, y: Tensor) -> Array:
        """dy/dtheta of the draws y, as a bare value."""
        return bare(self._slope(y))

    def follow(self, y: Tensor, slope: Array | None = None) -> Tensor:
        """The draws y, (*sample, *batch), with their derivatives in theta; ``slope`` is dy/dtheta where it is known.

        Accuracy  dy/dtheta: relative error <= 1e-10 for the cells of the core's ``parameter_gradient``.
        """
        if constant(self.theta):
            return y
        # Written out, the slope is not asked for as a number.
        found = y if written_out(torch) else self._slope(y) if slope is None else tensor(slope)
        return attach(self.theta, y, found, self.law.slope)

    @plainly
    def _slope(self, y: Tensor) -> Tensor:
        if self._host is not None and y.numel() <= _random.FEW:
            return self._host._slope(y.cpu()).to(y.device)
        batch = self.theta.shape
        if y.numel() == self.theta.numel():
            self._known, slope = self._with_tail(bare(y.reshape(batch)))
            return tensor(slope).reshape(y.shape)
        rows = y.reshape(-1, *batch)
        if rows.shape[0] >= _MANY and (self._host or self).kernel.end_grade is None:
            return _pieces.evaluate(rows, self._exact_slope, self.law.end).reshape(y.shape)
        return in_chunks(self._exact_slope, rows, self.theta).reshape(y.shape)

    @plainly
    def _exact_slope(self, y: Tensor) -> Tensor:
        if self._host is not None and y.numel() <= _random.FEW:
            return self._host._exact_slope(y.cpu()).to(y.device)
        kernel, y = self.kernel, bare(y)
        return tensor(calculus.slope(kernel, y, y - kernel.centre, self._constants.centred, **self._rule))

    @plainly
    def _with_tail(self, y: Array | None) -> tuple[_Constants, Array]:
        """The constants and, for y (*batch), dy/dtheta, from one set of nodes: two sides of the centre and a tail."""
        kernel = self.kernel
        edge, t, upper = sides(kernel.centre)
        if y is not None:
            xp = namespace(y)
            beyond = y - kernel.centre
            edge, t = xp.concat([edge, y[None]]), xp.concat([t, beyond[None]])
            upper = xp.concat([upper, (beyond >= 0.0)[None]])
        u, offset, mass = quadrature.nodes(kernel, edge, t, upper, **self._rule)
        score = kernel.score(u, offset)
        total, moment = mass.sum(0), (mass * score).sum(0)
        whole = total[0] + total[1]
        centred = (moment[0] + moment[1]) / whole
        mean_score = centred + self.law.score(kernel.centre, self._bare)
        constants = _Constants(kernel.log_peak + namespace(whole).log(whole), mean_score, centred)
        return constants, _signed(upper[2:], moment[2:] - centred * total[2:])


def _far(x: Tensor) -> bool:
    """Whether x lies on a device whose every operation takes a while to begin, and may be carried to the host."""
    return x.device.type != "cpu" and not transformed(torch)


def _signed(upper: Array, value: Array) -> Array:
    return namespace(value).where(upper, value, -value)


def in_chunks(function: Callable[[Tensor], Tensor], x: Tensor, theta: Tensor) -> Tensor:
    """``function`` along the first axis of x in pieces, where that axis is not one of theta's."""
    return calculus.in_chunks(function, x, theta.ndim, _CHUNK if x.device.type == "cpu" else _CHUNK_ON_A_DEVICE)
