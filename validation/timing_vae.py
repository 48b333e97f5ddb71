"""What is timed of the Poincare VAE: a training step and the evaluation over the Euclidean one's; its memory."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo, log_likelihood
from validation.contest import Contest
from validation.peak import peak_memory
from validation.record import ROOT, row

SEED = 5
PIXELS, HIDDEN, BATCH, CURVATURE = 784, 600, 128, 1.4
"""The network of the MNIST experiment, and its largest curvature."""
STEP_TARGET, EVALUATION_TARGET = 1.25, 1.2
"""Largest ratio of a step's and of an evaluation's time to that of the Euclidean model."""
IMAGES, SAMPLES = 4, 5000
"""Images that a timed evaluation takes, and importance samples for each."""
RATE = "images x samples a second"
TEST_IMAGES, MEMORY_LIMIT = 10_000, 2048.0
"""Images that are at hand while memory is measured; MiB allowed at the peak."""
MEASURED = ((2, None), (2, "geo"), (20, None), (20, "geo"))
"""Dimension and first decoder layer of the models whose memory is measured."""


def _images(n: int) -> Tensor:
    """Grey levels, four fifths of them 0, as in digits."""
    noise = torch.rand((n, PIXELS), generator=torch.Generator().manual_seed(SEED))
    return noise.mul_(5.0).sub_(4.0).clamp_min_(0.0)


def _config(d: int, decoder: str | None) -> VAEConfig:
    """The Poincare VAE with Riemannian normals and a first decoder layer, or for None the Euclidean VAE."""
    flat = decoder is None
    law = "normal" if flat else "riemannian"
    return VAEConfig(
        latent_dim=d,
        data_shape=(PIXELS,),
        hidden=HIDDEN,
        c=0.0 if flat else CURVATURE,
        posterior=law,
        prior=law,
        encoder="linear" if flat else "wrapped",
        decoder=decoder or "wrapped",
    )


def model(d: int, decoder: str | None) -> PoincareVAE:
    """A model whose posterior means lie where those of a trained one do: on all sides, half of a scale 1 away."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        made = PoincareVAE(_config(d, decoder))
    encoder: Any = made.encoder
    head = encoder.mu
    linear = head if isinstance(head, nn.Linear) else head[0]
    with torch.no_grad():
        mu = made.encode(_images(BATCH)).mean
        length = (mu - mu.mean(dim=0)).norm(dim=-1).mean()
        growth = 0.5 * made.prior().sample((1000,), model="tangent").norm(dim=-1).mean() / length
        linear.bias.sub_(mu.mean(dim=0)).mul_(growth)
        linear.weight.mul_(growth)
    return made


def _step(trained: PoincareVAE) -> Callable[[], None]:
    """A step of training on one batch."""
    optimiser = torch.optim.Adam(trained.parameters(), lr=5e-4, amsgrad=True, fused=True)
    x, generator = _images(BATCH), torch.Generator().manual_seed(SEED)

    def call() -> None:
        optimiser.zero_grad()
        (-elbo(trained, x, generator=generator).mean()).backward()
        optimiser.step()

    return call


def _evaluation(trained: PoincareVAE, sampler: str = "random") -> Callable[[], Tensor]:
    x, generator = _images(IMAGES), torch.Generator().manual_seed(SEED)
    return lambda: log_likelihood(trained, x, SAMPLES, sampler=sampler, generator=generator)


def contests() -> Iterator[Contest]:
    """All of them."""
    for d, decoder in itertools.product((2, 10, 20), ("geo", "wrapped", "klein")):
        yield Contest(f"P-VAE {decoder} d={d}: training step", f"N-VAE d={d}: training step",
                      _step(model(d, decoder)), _step(model(d, None)), STEP_TARGET)  # fmt: skip
    for d in (2, 20):
        yield Contest(f"P-VAE geo d={d}: evaluation", f"N-VAE d={d}: evaluation",
                      _evaluation(model(d, "geo")), _evaluation(model(d, None)), EVALUATION_TARGET,
                      share=0.3, work=(IMAGES * SAMPLES, RATE))  # fmt: skip
        yield Contest(f"P-VAE geo d={d}: evaluation at Sobol' points", "independent draws",
                      _evaluation(model(d, "geo"), "sobol"), _evaluation(model(d, "geo")), share=0.3)  # fmt: skip


def memory(cells: Iterable[tuple[int, str | None]] = MEASURED) -> list[dict[str, Any]]:
    """Rows with the peak of the memory of a process that evaluates images with all 10,000 at hand."""
    rows = []
    for d, decoder in cells:
        command = [sys.executable, "-m", "validation.timing_vae", json.dumps([d, decoder])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        name = f"{'N-VAE' if decoder is None else f'P-VAE {decoder}'} d={d}: evaluation"
        rows.append(row(name, "peak memory, MiB", float(done.stdout), n=1))
    return rows


def _evaluate_alone(d: int, decoder: str | None) -> float:
    images = _images(TEST_IMAGES)
    log_likelihood(model(d, decoder), images[:IMAGES], SAMPLES)
    return peak_memory()


if __name__ == "__main__":
    print(_evaluate_alone(*json.loads(sys.argv[1])))
