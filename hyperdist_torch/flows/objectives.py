"""What a flow is trained on: likelihood, reverse KL against an unnormalised density, flow matching."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hyperdist_torch.flows.cnf import RiemannianCNF


def reverse_kl(
    q: RiemannianCNF, log_target: Callable[[Tensor], Tensor], samples: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """log q(x) - log target(x) of draws x of q, (samples, *batch): its mean estimates KL(q | target) + const.

    log_target : log density of the target, up to a constant, at points in q's coordinates.
    """
    x, log_prob = q.rsample_and_log_prob((samples,), generator=generator)
    return log_prob - log_target(x)


def flow_matching(q: RiemannianCNF, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """|f(t, x_t) - dx_t/dt|^2 for each row of x, (n,), on the geodesic from a draw x_0 of the base to x, t uniform.

    x : (n, width) points in the solver's coordinates, of q without batch shape.
    The mean is least where f carries the base's law to that of x. No differential equation is solved.
    On the sphere a draw that is antipodal to x has no one shortest path; the odds are rounding's.
    Source  Chen & Lipman 2023 (arXiv 2302.03660), eq. 13 and section 3.1 with d the geodesic distance.
    """
    space = q.space
    with torch.no_grad():
        x0 = q._start(torch.Size([len(x)]), "rejection", generator, False)[0]
        t = torch.rand(len(x), 1, dtype=x.dtype, device=x.device, generator=generator)
        along = space.log(x0, x)
        at = space.retract(space.exp(x0, t * along))
        velocity = space.transport(x0, at, along)
    miss = q.field(t, at, q.context) - velocity
    return space.inner(at, miss, miss)
