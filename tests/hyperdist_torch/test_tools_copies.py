"""Copies and other processes: what has been used can be copied, pickled, trained by two processes, fed by workers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402
from torch.utils.data import DataLoader, Dataset  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from hyperdist_torch.nn import ExpOrigin, Gyroplane, Klein  # noqa: E402
from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo  # noqa: E402
from tests.support.torch.tools import DOUBLE, flow_laws, laws  # noqa: E402

LAWS = list(laws())
FLOWS = list(flow_laws())
COPIES: tuple[Callable[[Any], Any], ...] = (copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x)))


def use(law: Any) -> Tensor:
    """Everything that might keep something."""
    x = law.sample((3,))
    value = law.log_prob(x)
    for name in ("entropy", "log_normalizer"):
        try:
            value = value + getattr(law, name)()
        except (NotImplementedError, AttributeError):
            continue
    if law.has_rsample and hasattr(law, "rsample_and_log_prob"):
        law.rsample_and_log_prob((600,))
    return x


@pytest.mark.parametrize("name", LAWS)
def test_a_used_law_is_copied(name: str) -> None:
    law = laws()[name]
    parts = [law, law.support]
    x = use(law)
    radius = getattr(law, "radius", None)
    if radius is not None:
        radius.cdf(radius.sample((2,)))
        parts.append(radius)
    if name != "mixture-hyperbolic":
        transform = torch.distributions.biject_to(law.support)
        parts += [transform, torch.distributions.transform_to(law.support)]
        v = transform.inv(x)
        transform.log_abs_det_jacobian(v, transform(v))
    for twin in COPIES:
        again, *others = (twin(part) for part in parts)
        assert torch.equal(again.log_prob(x), law.log_prob(x))
        assert others[0].check(x).all()
        if radius is not None:
            assert torch.equal(others[1].mean, radius.mean)
        if name != "mixture-hyperbolic":
            assert torch.equal(others[-2](v), transform(v))
            assert torch.isfinite(others[-1](v)).all()


@pytest.mark.parametrize("name", FLOWS)
def test_a_used_flow_is_copied(name: str) -> None:
    law = flow_laws()[name]
    x = use(law)
    for twin in COPIES:
        assert torch.equal(twin(law).log_prob(x), law.log_prob(x))


def modules() -> list[nn.Module]:
    """A layer stack, a VAE and a flow."""
    return [
        nn.Sequential(
            nn.Linear(4, 3), ExpOrigin(1.0, riemannian_gradient=True), Gyroplane(3, 4, 1.0), Klein(4, 2, 0.5)
        ),
        PoincareVAE(VAEConfig(latent_dim=2, data_shape=(4,), hidden=5, learn_c=True, learn_prior_std=True)),
        flows.Flow(flows.FlowConfig("sphere", 3, hidden=4, steps=2)),
    ]


def loss(module: nn.Module, inner: Any, x: Tensor) -> Tensor:
    """Of a batch x (n, 4): through ``module``, which may wrap ``inner``."""
    if isinstance(inner, PoincareVAE):
        return -elbo(inner, x.sigmoid(), generator=torch.Generator().manual_seed(1)).mean()
    if isinstance(inner, flows.Flow):
        return -module(None).log_prob(nn.functional.normalize(x, dim=-1)).mean()
    return module(x).square().mean()


@pytest.mark.parametrize("index", range(3))
def test_a_trained_module_is_copied(index: int) -> None:
    module, x = modules()[index], torch.randn(6, 4)
    loss(module, module, x).backward()
    for twin in COPIES[::2]:
        again = twin(module)
        assert torch.equal(loss(again, again, x), loss(module, module, x))


class Draws(Dataset[Tensor]):
    """What a worker draws from a law that the parent process has used."""

    def __init__(self, law: Any) -> None:
        self.law = law

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Tensor:
        x = self.law.sample(generator=torch.Generator().manual_seed(index))
        return torch.cat([x, self.law.log_prob(x)[None]])


# Tests before may have begun JAX's threads, of which a fork warns; the workers use torch alone.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers(method: str) -> None:
    law = ht.RiemannianNormal(torch.tensor([0.1, 0.2], dtype=DOUBLE), 0.7, 1.0)
    use(law)
    given = Draws(law)
    loader = DataLoader(given, batch_size=2, num_workers=1, multiprocessing_context=method)
    torch.testing.assert_close(torch.cat(list(loader)), torch.stack([given[i] for i in range(4)]), rtol=0.0, atol=0.0)


def _train(rank: int, meeting: str, result: str) -> None:
    """One step of each module on half of the data; the first process writes the gradients."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    try:
        x = torch.load(f"{result}.data", weights_only=True)
        gradients = []
        for k in (0, 2):
            torch.manual_seed(k)
            inner = modules()[k]
            wrapped = DistributedDataParallel(inner, find_unused_parameters=False)
            _away_from_zero(inner)
            loss(wrapped, inner, x[3 * rank : 3 * rank + 3]).backward()
            gradients += [parameter.grad for parameter in inner.parameters()]
        if rank == 0:
            torch.save(gradients, result)
    finally:
        torch.distributed.destroy_process_group()


@torch.no_grad()
def _away_from_zero(module: nn.Module) -> None:
    """A flow begins as the identity, where most of its gradients are 0."""
    for k, parameter in enumerate(module.parameters()):
        parameter.add_(0.1 * torch.cos(k + torch.arange(parameter.numel(), dtype=parameter.dtype)).view_as(parameter))


# Processes that are forked after torch's threads have begun warn of them.
@pytest.mark.skipif(not torch.distributed.is_available(), reason="needs torch.distributed")
def test_two_processes_share_gradients(tmp_path: Path) -> None:
    """DistributedDataParallel with gloo: the mean of both halves' gradients is that of the whole batch."""
    x = torch.randn(6, 4)
    torch.save(x, tmp_path / "gradients.data")
    arguments = (str(tmp_path / "meeting"), str(tmp_path / "gradients"))
    torch.multiprocessing.spawn(_train, args=arguments, nprocs=2)
    found = iter(torch.load(tmp_path / "gradients", weights_only=True))
    for k in (0, 2):
        torch.manual_seed(k)
        module = modules()[k]
        _away_from_zero(module)
        loss(module, module, x).backward()
        for parameter in module.parameters():
            torch.testing.assert_close(next(found), parameter.grad, rtol=1e-4, atol=1e-6)
