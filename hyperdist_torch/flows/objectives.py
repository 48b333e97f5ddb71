"""What a flow is trained on: likelihood, reverse KL against an unnormalised density, flow matching."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from hyperdist import checks
from hyperdist_torch._host import holds, outside
from hyperdist_torch.flows.cnf import RiemannianCNF, read
from hyperdist_torch.flows.fields import velocity
from hyperdist_torch.flows.spaces import FlowSpace


def reverse_kl(
    q: RiemannianCNF, log_target: Callable[[Tensor], Tensor], samples: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """log q(x) - log target(x) of draws x of q, (samples, *batch): its mean estimates KL(q | target) + const.

    log_target : log density of the target, up to a constant, at points in q's coordinates: (samples, *batch, width) to
                 (samples, *batch).
    Raises ValueError where log_target returns another shape, which would broadcast, or NaN.

    >>> import torch, hyperdist as hd, hyperdist_torch as ht
    >>> from hyperdist_torch import flows
    >>> target = ht.VonMisesFisher(torch.eye(3)[2], 2.0)
    >>> q = flows.RiemannianCNF(ht.SphericalUniform(2), flows.FrameField(hd.Sphere(2), hidden=8))
    >>> loss = flows.reverse_kl(q, target.log_prob, 32).mean()  # or lambda x: 2.0 * x[..., 2], without the constant
    >>> loss.backward()
    >>> loss.shape
    torch.Size([])
    """
    x, log_prob = q.rsample_and_log_prob((checks.dimension(samples, "samples"),), generator=generator)
    wanted = log_target(x)
    if wanted.shape != log_prob.shape:
        raise ValueError(
            f"log_target must return shape {tuple(log_prob.shape)} for points of shape {tuple(x.shape)}, "
            f"got {tuple(wanted.shape)}"
        )
    if not holds(known := ~torch.isnan(wanted)):
        count, of, first = outside(known, x)
        raise ValueError(f"log_target must be a number or -inf, got nan at {first} ({count} of {of} points)")
    return log_prob - wanted


def flow_matching(
    q: RiemannianCNF, x: Tensor, *, coupling: int = 1, finest: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """|f(t, x_t) - dx_t/dt|^2 for each row of x, (n,), on the geodesic from a draw x_0 of the base to x, t uniform.

    x        : (n, width) points in the solver's coordinates, of q without batch shape.
    coupling : of so many rows at a time the draws are dealt out such that the sum of squared distances is least, which
               straightens the paths and takes away most of the loss's variance; 1 leaves them independent. It costs
               one assignment problem on the CPU.
    finest   : None: x_t moves at constant speed, the share 1 - t of its way is left at time t. In (0, 1): the share
               finest^t is left, and the square is divided by its square. Every scale then has the same time and the
               same weight, contraction to a point is a velocity of one size all along, which a solver's equal steps
               can follow, and q ends as the data's law blurred by about ``finest``: for data with much finer structure
               than the base, such as repeated places. Give the field the same ``finest``.
    Raises ValueError where q has a batch shape, and where a row of x is no point: of another width, not finite, off the
    space, or an angle outside [-pi, pi). TypeError where q is no ``RiemannianCNF``.
    The mean is least where f carries the base's law to that of x. No differential equation is solved.
    On the sphere a draw that is antipodal to x has no one shortest path; the odds are rounding's.
    Source  Chen & Lipman 2023 (arXiv 2302.03660), eq. 13 and section 3.1 with d the geodesic distance, and with the
            scheduler kappa(t) = finest^t; Pooladian et al. 2023 (arXiv 2304.14772) for the coupling.

    >>> import torch, hyperdist as hd, hyperdist_torch as ht
    >>> from hyperdist_torch import flows
    >>> x = ht.VonMisesFisher(torch.eye(3)[2], 20.0).sample((64,))
    >>> q = flows.RiemannianCNF(ht.SphericalUniform(2), flows.FrameField(hd.Sphere(2), hidden=8))
    >>> loss = flows.flow_matching(q, x, coupling=64)
    >>> loss.mean().backward()
    >>> loss.shape
    torch.Size([64])
    """
    if not isinstance(q, RiemannianCNF):
        raise TypeError(f"q must be a RiemannianCNF, got {type(q).__name__}: match its flow, in that one's coordinates")
    if q.batch_shape:
        raise ValueError(f"q must have no batch shape, got {tuple(q.batch_shape)}")
    x = read(q.space, x, q._dtype, name="x")
    if x.ndim != 2:
        raise ValueError(f"x must have shape (n, {q.space.width}), got {tuple(x.shape)}")
    space, coupling = q.space, checks.dimension(coupling, "coupling")
    rate = None if finest is None else -math.log(checks.fraction(finest, "finest"))
    with torch.no_grad():
        x0 = q._start(torch.Size([len(x)]), "rejection", generator, False)[0]
        if coupling > 1:
            x0 = torch.cat([_dealt(space, *part) for part in zip(x0.split(coupling), x.split(coupling), strict=True)])
        t = torch.rand(len(x), 1, dtype=x.dtype, device=x.device, generator=generator)
        left, speed, unit = _schedule(t, rate)
        at, onward = space.path(x0, x, left)
        wanted = speed * onward
    miss = (velocity(q.field, t, at, q.context) - wanted) / unit
    return space.inner(at, miss, miss)


def _schedule(t: Tensor, rate: float | None) -> tuple[Tensor, Tensor | float, Tensor | float]:
    """At time t the share of the way that is left, minus its derivative, and the unit of the misses."""
    if rate is None:
        return 1.0 - t, 1.0, 1.0
    left = torch.exp(-rate * t)
    return left, rate * left, left


def _dealt(space: FlowSpace, x0: Tensor, x: Tensor) -> Tensor:
    """Rows of x0 in the order in which the sum of squared distances to the rows of x is least."""
    from scipy.optimize import linear_sum_assignment  # half a second that no other call need spend

    cost = space.dist_sq(x[:, None], x0)
    return x0[torch.as_tensor(linear_sum_assignment(cost.cpu().numpy())[1], device=x0.device)]
