"""Times on a device: draws, densities, training steps, likelihoods, and many models trained at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

import hyperdist_torch as ht
from hyperdist.runs.intervals import median
from hyperdist_torch import flows
from hyperdist_torch.vae import PoincareVAE, log_likelihood
from hyperdist_torch.vae.laws import build
from validation import timing_flows, timing_vae
from validation.device_parts import Finding, Setting, over, seconds, within

SEED = 8
NORMALS = "torch.randn"
DRAWS_GOAL, BANDWIDTH_GOAL, STEP_GOAL = 6.0, 4.0, 1.25
"""Times that 10^7 draws may take over as many numbers of torch.randn, a density over its points' way through memory,
and a training step over the Euclidean one's."""
DIMENSION = 10
SIZES, SMALL_SIZES = (100_000, 10_000_000), (1_000, 10_000)
INVERSE_MOST = 100_000
"""Draws by inversion that are timed: each is a root, of which 10^7 take seconds."""
MODELS, SMALL_MODELS = (1, 10, 100), (1, 3)
DECODERS = ((2, "geo"), (20, "geo"), (20, "klein"))


def _repetitions(setting: Setting, n: int) -> int:
    return 3 if setting.small else 15 if n < 1_000_000 else 7


def _law(setting: Setting, batch: int) -> tuple[Any, list[Tensor]]:
    """``batch`` laws at distance 1 from the origin, and their leaves."""
    u = torch.randn((batch, DIMENSION), generator=setting.generator(SEED), device=setting.device)
    mu = nn.functional.normalize(u, dim=-1).squeeze(0).requires_grad_()
    sigma = torch.linspace(0.3, 0.8, batch, device=setting.device).squeeze(0).requires_grad_()
    return lambda: ht.RiemannianNormal(mu, sigma, 1.0, model="tangent", validate_args=False), [mu, sigma]


def draws(setting: Setting) -> Iterator[Finding]:
    """Riemannian normal draws, forwards and backwards, over as many normals."""
    cases = [(128, 1), *((1, n) for n in (SMALL_SIZES if setting.small else SIZES))]
    for (batch, n), method in ((case, method) for case in cases for method in ("rejection", "inverse")):
        if method == "inverse" and n > INVERSE_MOST:
            continue
        make, leaves = _law(setting, batch)
        count, shape = batch * n, (n,) if batch == 1 else ()

        def forward(make: Any = make, shape: Any = shape, method: str = method) -> Tensor:
            return make().rsample(shape, method=method)

        def both(forward: Any = forward, leaves: Any = leaves) -> None:
            for leaf in leaves:
                leaf.grad = None
            x = forward()
            x.backward(torch.ones_like(x))

        def normals(count: int = count) -> Tensor:
            return torch.randn((count, DIMENSION), device=setting.device)

        name = f"{batch} x {n:,} draws, d={DIMENSION}, {method}"
        goal = DRAWS_GOAL if n == SIZES[-1] and method == "rejection" else None
        repetitions = _repetitions(setting, count)
        yield from over(setting, f"{name}: rsample", NORMALS, forward, normals, repetitions, goal)
        yield from over(setting, f"{name}: rsample + backward", NORMALS, both, normals, repetitions)


def densities(setting: Setting) -> Iterator[Finding]:
    """``log_prob`` over what it takes to read the points and to write the values, at the speed of a copy."""
    n = (SMALL_SIZES if setting.small else SIZES)[-1]
    make, _ = _law(setting, 1)
    with torch.no_grad():
        law = make()
        x = law.sample((n,))
        other, repetitions = torch.empty_like(x), _repetitions(setting, n)
        copied = median(seconds(setting, lambda: other.copy_(x), repetitions))[0]
        moved = 2.0 * x.numel() * x.element_size()
        taken = median(seconds(setting, lambda: make().log_prob(x), repetitions))[0]
    least = copied * (x.numel() + n) * x.element_size() / moved
    yield Finding("copy on the device", "GB/s, read and written", 1e-9 * moved / copied, n=repetitions)
    yield Finding(f"log_prob of {n:,} points, d={DIMENSION}", "milliseconds", 1e3 * taken, n=repetitions)
    yield Finding(f"log_prob of {n:,} points, d={DIMENSION}", "time over bandwidth", taken / least,
                  BANDWIDTH_GOAL if setting.accelerated else None, must=False, n=repetitions)  # fmt: skip


Step = Callable[[], Any]


def _step(model: PoincareVAE, x: Tensor, method: str) -> Step:
    """A step of Adam on the ELBO of one draw."""
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-4, fused=True, capturable=x.is_cuda)
    decoder: Any = model.decoder

    def call() -> None:
        optimiser.zero_grad(set_to_none=False)
        z, log_q = model.encode(x).rsample_and_log_prob((1,), method=method)
        (log_q - model.log_prior()(z) - decoder.log_prob(z, x)).mean().backward()
        optimiser.step()

    return call


def _graph(setting: Setting, call: Step) -> Step:
    """The replay of ``call`` as one CUDA graph; it keeps ``call`` and so the optimiser, whose state it writes to."""
    side = torch.cuda.Stream(setting.device)
    side.wait_stream(torch.cuda.current_stream(setting.device))
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream(setting.device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()

    def replay(kept: Step = call) -> None:
        graph.replay()

    return replay


def _attempt(setting: Setting, name: str, against: str, ours: Callable[[], Step], theirs: Callable[[], Step],
             goal: float | None) -> Iterator[Finding]:  # fmt: skip
    """What is timed, or why it cannot be: a step that does not compile or cannot be captured is a finding."""
    try:
        calls = ours(), theirs()
        yield from over(setting, name, against, *calls, _repetitions(setting, 1), goal)
    except Exception as error:  # whatever a compiler raises
        reason = str(error).strip().splitlines() or [""]
        yield Finding(name, f"failed: {type(error).__name__}: {reason[0][:200]}", float("nan"), 0.0, must=False)


def steps(setting: Setting) -> Iterator[Finding]:
    """A training step of the Poincare VAE over the Euclidean one's."""
    x = timing_vae._images(timing_vae.BATCH).to(setting.device)
    for d, decoder in DECODERS:
        ours, theirs = (timing_vae.model(d, kind).to(setting.device) for kind in (decoder, None))
        name, against = f"P-VAE {decoder} d={d}: training step", "the N-VAE's"
        for method in ("rejection", "inverse"):
            yield from over(setting, f"{name}, {method}", against, _step(ours, x, method), _step(theirs, x, method),
                            _repetitions(setting, 1), STEP_GOAL if method == "rejection" else None)  # fmt: skip


def graphed_steps(setting: Setting) -> Iterator[Finding]:
    """The same steps, each captured as a CUDA graph."""
    if not setting.accelerated:
        return
    x = timing_vae._images(timing_vae.BATCH).to(setting.device)
    for d, decoder in DECODERS:
        ours, theirs = (timing_vae.model(d, kind).to(setting.device) for kind in (decoder, None))
        yield from _attempt(
            setting, f"P-VAE {decoder} d={d}: training step, CUDA graph", "the N-VAE's",
            lambda ours=ours: _graph(setting, _step(ours, x, "inverse")),
            lambda theirs=theirs: _graph(setting, _step(theirs, x, "inverse")), STEP_GOAL,
        )  # fmt: skip


def compiled_steps(setting: Setting) -> Iterator[Finding]:
    """A compiled step over the compiled Euclidean one, where the compiler is done in the time that is left."""
    if not setting.accelerated:
        return
    x = timing_vae._images(timing_vae.BATCH).to(setting.device)
    ours, theirs = (timing_vae.model(2, kind).to(setting.device) for kind in ("geo", None))
    name = "P-VAE geo d=2: training step, compiled"
    try:
        with within(max(1.0, setting.left())):
            yield from _attempt(
                setting, name, "the N-VAE's", lambda: torch.compile(_step(ours, x, "inverse")),
                lambda: torch.compile(_step(theirs, x, "inverse")), STEP_GOAL,
            )  # fmt: skip
    except TimeoutError as error:
        yield Finding(name, str(error), float("nan"), 0.0, must=False)


def likelihoods(setting: Setting) -> Iterator[Finding]:
    """A flow's likelihood step over its network's evaluations; images x samples a second of the IWAE."""
    field, x = timing_flows.field().to(setting.device), timing_flows.points().to(setting.device)
    solver = flows.FixedGrid(4 if setting.small else timing_flows.STEPS)
    q = flows.RiemannianCNF(
        ht.SphericalUniform(2, device=setting.device), field, solver=solver, divergence="exact"
    )  # fmt: skip
    evaluations = 4 * solver.steps
    first: Any = field.network.hidden[0]
    inputs = torch.randn(timing_flows.POINTS, first.in_features, device=setting.device)

    def flow() -> None:
        field.zero_grad()
        q.log_prob(x).mean().backward()

    def network() -> None:
        field.zero_grad()
        for _ in range(evaluations):
            field.network(inputs).sum().backward()

    yield from over(setting, "flow on S^2, exact: likelihood step", f"{evaluations} network steps", flow, network,
                    3 if setting.small else 7)  # fmt: skip
    images, samples = (2, 200) if setting.small else (32, timing_vae.SAMPLES)
    for d, decoder in ((2, None), (2, "geo"), (20, "klein")):
        model = timing_vae.model(d, decoder).to(setting.device)
        data = timing_vae._images(images).to(setting.device)
        taken = median(seconds(setting, lambda model=model, data=data: log_likelihood(model, data, samples), 3))[0]
        name = "N-VAE" if decoder is None else f"P-VAE {decoder}"
        yield Finding(f"{name} d={d}: IWAE", timing_vae.RATE, images * samples / taken, n=3)


def stacked_step(models: list[PoincareVAE], x: Tensor) -> tuple[Step, dict[str, Tensor]]:
    """A step of Adam of many models at once, each on its own draws of the same images; the stacked parameters.

    The networks are mapped over their stacked parameters; the posteriors are one batch of laws, (models, images).
    """
    shell, config = copy.deepcopy(models[0]).to("meta"), models[0].config
    decoder: Any = shell.decoder
    parameters, buffers = stack_module_state(list[nn.Module](models))
    optimiser = torch.optim.Adam(list(parameters.values()), lr=5e-4, fused=True)

    def encode(parameters: dict[str, Tensor], buffers: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return functional_call(shell, (parameters, buffers), (x,), {"part": "encoder"})

    def decode(parameters: dict[str, Tensor], buffers: dict[str, Tensor], z: Tensor) -> Tensor:
        return functional_call(shell, (parameters, buffers), (z,), {"part": "decoder", "data": x})

    def forward(given: Tensor, part: str, data: Tensor | None = None) -> Any:
        return shell.encoder(given) if data is None else decoder.log_prob(given, data)

    shell.forward = forward
    c, log_prior = models[0].curvature.initial, models[0].log_prior()

    def call() -> None:
        optimiser.zero_grad()
        mu, sigma = torch.vmap(encode)(parameters, buffers)
        q = build(config.posterior, mu, sigma, torch.as_tensor(c, device=x.device), config.flat)
        z, log_q = q.rsample_and_log_prob(())
        log_x = torch.vmap(decode)(parameters, buffers, z)
        # The sum over models: each gets the gradient of its own bound.
        (log_q - log_prior(z) - log_x).mean(dim=-1).sum().backward()
        optimiser.step()

    return call, parameters


def many(setting: Setting) -> Iterator[Finding]:
    """Steps a second of many auto-encoders at once."""
    x = timing_vae._images(timing_vae.BATCH).to(setting.device)
    for count in SMALL_MODELS if setting.small else MODELS:
        models = [timing_vae.model(2, "geo").to(setting.device) for _ in range(count)]
        taken = median(seconds(setting, stacked_step(models, x)[0], _repetitions(setting, 1)))[0]
        yield Finding(f"{count} P-VAEs geo d=2 at once", "steps of all a second", count / taken, n=count)


PARTS = {"time of steps": steps, "time of densities": densities, "time of draws": draws,
         "time of likelihoods": likelihoods, "many models at once": many}  # fmt: skip
LAST = {"time of captured steps": graphed_steps, "time of compiled steps": compiled_steps}
