"""Layers, auto-encoders and flows on a device: their numbers are the CPU's, in mixed precision and compiled too."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import hyperdist_torch as ht
from hyperdist_torch import flows
from hyperdist_torch.nn import Curvature, ExpOrigin, Gyroplane, Horosphere, Klein, LogOrigin, MobiusLinear
from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo, iwae
from validation.device_laws import OTHERS, RADIAL, SEED, Case
from validation.device_parts import CLOSE, Finding, Results, Setting, distance, judged, within

LAYERS: dict[str, Callable[[Curvature], nn.Module]] = {
    **{kind.__name__: lambda c, kind=kind: kind(3, 5, c) for kind in (Gyroplane, Horosphere, Klein, MobiusLinear)},
    **{kind.__name__: lambda c, kind=kind: kind(c, "tangent") for kind in (ExpOrigin, LogOrigin)},
}
MODELS = ((None, "linear"), ("riemannian", "geo"), ("riemannian", "klein"), ("wrapped", "wrapped"))
"""Law of posterior and prior, or None for the Euclidean auto-encoder; first layer of the decoder."""
FIRM = 5.0
"""Standard errors that means over draws of two devices may lie apart: a false alarm once in 10^6 runs."""
HALF = 0.02
"""The share of a bound's value that networks in bfloat16, whose step is 0.004, may move it by."""
COMPILED = ("RiemannianNormal d=10", "VonMisesFisher m=3", "ToroidalWrappedNormal d=3")


def _seeded(make: Callable[[], Any]) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return make()


Call = Callable[[nn.Module, Tensor], Tensor]


def _compare(setting: Setting, module: nn.Module, call: Call, x: Tensor) -> float:
    """The largest error of values, gradients in the parameters and in x, against those of the CPU."""
    there, here = (_told(device, module, call, x) for device in (setting.device, torch.device("cpu")))
    return max(distance(value, here[what]) for what, value in there.items())


def _told(device: torch.device, module: nn.Module, call: Call, x: Tensor) -> Results:
    there, y = copy.deepcopy(module).to(device), x.detach().to(device).requires_grad_()
    value = call(there, y)
    leaves = {"x": y, **dict(there.named_parameters())}
    # Over the number of values: gradients of the mean, of the order of 1.
    gradients = torch.autograd.grad(value.sum() / value.numel(), list(leaves.values()), allow_unused=True)
    found = {f"gradient in {name}": g for name, g in zip(leaves, gradients, strict=True) if g is not None}
    return {"value": value, **found}


def _judged(setting: Setting, module: nn.Module, x: Tensor) -> tuple[float, float, str]:
    """Of ``judged``, for a layer at x."""

    def again(inputs: list[Tensor]) -> Results:
        made = copy.deepcopy(module).to(inputs[0].dtype)
        with torch.no_grad():
            for parameter, value in zip(made.parameters(), inputs[1:], strict=True):
                parameter.copy_(value)
        return _told(torch.device("cpu"), made, lambda layer, x: layer(x), inputs[0])

    found = _told(setting.device, module, lambda layer, x: layer(x), x)
    inputs = [x, *(parameter.detach() for parameter in module.parameters())]
    return judged(x.dtype, found, inputs, again, CLOSE[x.dtype])


def layers(setting: Setting) -> Iterator[Finding]:
    """Near and far out, flat and curved, with the derivative in c; float32 as that of laws."""
    for dtype in (torch.float32, torch.float64):
        for name, make in LAYERS.items():
            seen = []
            for c in (0.0, 0.7):
                layer = _seeded(lambda make=make, c=c: make(Curvature(c, learnable=c > 0.0))).to(dtype)
                for radius in (0.1, 3.0, 60.0):
                    x = radius * nn.functional.normalize(_seeded(lambda: torch.randn(64, 3)), dim=-1)
                    seen.append(_judged(setting, layer, x.to(dtype)))
            error, bound, what = max(seen, key=lambda one: one[0] / one[1])
            yield Finding(f"nn.{name} {str(dtype).removeprefix('torch.')}", f"largest error ({what})", error, bound,
                          n=len(seen))  # fmt: skip


def made(law: str | None, decoder: str) -> PoincareVAE:
    """A small auto-encoder whose last layers are not 0."""
    flat, kind = law is None, law or "normal"
    config = VAEConfig(
        latent_dim=4, data_shape=(32,), hidden=24, c=0.0 if flat else 1.2, learn_c=not flat, posterior=kind,
        prior=kind, encoder="linear" if flat else "wrapped", decoder=decoder,
    )  # fmt: skip
    return _seeded(lambda: PoincareVAE(config))


def _images(n: int) -> Tensor:
    return _seeded(lambda: torch.rand(n, 32))


def _label(law: str | None, decoder: str) -> str:
    return "N-VAE" if law is None else f"P-VAE {law} {decoder}"


def auto_encoders(setting: Setting) -> Iterator[Finding]:
    """The bound's terms at given latent points, with gradients; its mean over draws; two steps; mixed precision."""
    for law, decoder in MODELS:
        model, x, name = made(law, decoder), _images(16), _label(law, decoder)
        with torch.no_grad():
            z = model.encode(x).sample((8,), generator=torch.Generator().manual_seed(SEED))

        def terms(model: nn.Module, x: Tensor, z: Tensor = z) -> Tensor:
            assert isinstance(model, PoincareVAE)
            there = z.to(x.device)
            decoder: Any = model.decoder
            log_p = decoder.log_prob(there, model.flatten(x)) + model.log_prior()(there)
            return torch.logsumexp(log_p - model.encode(x).log_prob(there), dim=0)

        # Sums of 32 pixels and 8 draws in float32, products in whatever order the device takes them.
        yield Finding(name, "largest error of the IWAE at given points and its gradients against the CPU",
                      _compare(setting, model, terms, x), 10.0 * CLOSE[torch.float32], n=16)  # fmt: skip
        yield from _in_the_mean(setting, model, x, name)
        yield from _trained(setting, model, x, name)


def _in_the_mean(setting: Setting, model: PoincareVAE, x: Tensor, name: str) -> Iterator[Finding]:
    draws, means = 200 if setting.small else 2000, []
    for device in (setting.device, torch.device("cpu")):
        with torch.no_grad():
            there = copy.deepcopy(model).to(device)
            generator = torch.Generator(device).manual_seed(SEED)
            bounds = [elbo(there, x.to(device).repeat(20, 1), generator=generator).reshape(20, -1).mean(1)
                      for _ in range(draws // 20)]  # fmt: skip
        values = torch.cat(bounds).cpu().double()
        means.append((values.mean(), values.var() / values.numel()))
    (a, va), (b, vb) = means
    yield Finding(name, "mean ELBO against the CPU, standard errors", float((a - b).abs() / (va + vb).sqrt()), FIRM,
                  n=draws)  # fmt: skip


def _trained(setting: Setting, model: PoincareVAE, x: Tensor, name: str) -> Iterator[Finding]:
    """Steps on batches from a pinned loader, plain and under autocast; every parameter stays finite."""
    there = copy.deepcopy(model).to(setting.device)
    optimiser = torch.optim.Adam(there.parameters())
    loader = DataLoader(TensorDataset(x), batch_size=8, pin_memory=setting.accelerated)
    values = []
    for objective in (elbo, iwae):
        for (batch,) in loader:
            optimiser.zero_grad()
            batch = batch.to(setting.device, non_blocking=True)
            loss = -objective(there, batch, 3, generator=setting.generator(SEED)).mean()
            with torch.autocast(setting.device.type, dtype=torch.bfloat16):
                rounded = -objective(there, batch, 3, generator=setting.generator(SEED)).mean()
            (loss + 0.1 * rounded).backward()
            optimiser.step()
            values.append((loss.detach(), rounded.detach()))
    missing = sum(int((~torch.isfinite(p)).sum()) for p in there.parameters())
    yield Finding(name, "parameters not finite after four steps", float(missing), 0.0)
    off = max(float((b.float() - a).abs() / a.abs()) for a, b in values)
    yield Finding(name, "bfloat16 networks: relative change of the bounds", off, HALF, n=len(values))


def _flow(space: flows.Space, base: Any) -> Callable[[Any, Tensor], Tensor]:
    def log_prob(field: flows.FrameField, x: Tensor) -> Tensor:
        law = base(x.device, x.dtype)
        flow = flows.RiemannianCNF(law, field, solver=flows.FixedGrid(8), divergence="exact")
        return flow.log_prob(x, model=space.model)

    return log_prob


def flow_models(setting: Setting) -> Iterator[Finding]:
    """Exact likelihoods and their gradients, on each space."""
    bases: list[tuple[flows.Space, Any]] = [
        (flows.Sphere(2), lambda device, dtype: ht.SphericalUniform(2, device=device, dtype=dtype)),
        (flows.Torus(2), lambda device, dtype: ht.ToroidalUniform(2, device=device, dtype=dtype)),
        (flows.Lorentz(2, 1.3), lambda device, dtype: _wrapped(1.3, device, dtype)),
        (flows.PoincareBall(2, 0.7), lambda device, dtype: _wrapped(0.7, device, dtype)),
    ]
    for dtype in (torch.float32, torch.float64):
        for space, base in bases:
            field = _seeded(lambda space=space: flows.FrameField(space, hidden=16, layers=2, activation="tanh"))
            with torch.no_grad():
                _seeded(lambda field=field: nn.init.normal_(field.network.output.weight, std=0.1))
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                law = base(torch.device("cpu"), dtype)
                x = law.sample((32,), model=space.model) if space.model else law.sample((32,))
            # Eight steps of four evaluations: rounding adds up over 32 of them.
            yield Finding(f"flow on {space} {str(dtype).removeprefix('torch.')}",
                          "largest error of the likelihood and its gradients against the CPU",
                          _compare(setting, field.to(dtype), _flow(space, base), x), 32.0 * CLOSE[dtype],
                          n=32)  # fmt: skip


def _wrapped(c: float, device: torch.device, dtype: torch.dtype) -> Any:
    scale = torch.tensor(0.5, device=device, dtype=dtype)
    return ht.WrappedNormal(torch.zeros(2, device=device, dtype=dtype), scale, torch.full_like(scale, c))


def compiled(setting: Setting) -> Iterator[Finding]:
    """``torch.compile`` of densities in one graph, forwards and backwards; a small run traces them without kernels."""
    backend = "aot_eager" if setting.small else "inductor"
    for case in (*RADIAL, *OTHERS):
        if str(case) not in COMPILED or setting.left() < 0.0:
            continue
        name = f"{case} float32"
        try:
            with within(max(1.0, setting.left())) if setting.accelerated else nullcontext():
                yield Finding(name, f"torch.compile, {backend}: largest error of density and gradients",
                              _compiled(setting, case, backend), CLOSE[torch.float32], n=256)  # fmt: skip
        except TimeoutError as error:
            yield Finding(name, f"torch.compile, {backend}: {error}", float("nan"), 0.0, must=False)
    torch.compiler.reset()


def _compiled(setting: Setting, case: Case, backend: str) -> float:
    first, *others = case.leaves(setting, torch.float32)
    x = case.of(first, *others).sample((256,), generator=setting.generator(SEED))

    def density(second: Tensor, x: Tensor) -> Any:
        return case.of(first, second, *others[1:], validate=False).log_prob(x)

    results = []
    for function in (torch.compile(density, fullgraph=True, backend=backend), density):
        leaves = [others[0].clone().requires_grad_(), x.clone().requires_grad_()]
        value = function(*leaves)
        results.append([value, *torch.autograd.grad(value.mean(), leaves)])
    return max(distance(a, b) for a, b in zip(*results, strict=True))


PARTS = {"layers": layers, "auto-encoders": auto_encoders, "flows": flow_models}
LAST = {"compiled densities": compiled}
"""A compiler may take minutes for one law."""
