"""What the parts of the device run share: where and how large they run, what they find, and how they time."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from validation.intervals import median
from validation.record import row


@dataclass(frozen=True)
class Setting:
    """Where a run takes place, how large it is, and when it must end."""

    device: torch.device
    small: bool
    deadline: float
    """On ``time.monotonic``'s clock: nothing is begun after it."""

    @property
    def accelerated(self) -> bool:
        """Whether the device has a queue of its own, which the host waits for."""
        return self.device.type == "cuda"

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def wait(self) -> None:
        """Until the device has done what was asked of it."""
        if self.accelerated:
            torch.cuda.synchronize(self.device)

    def generator(self, seed: int) -> torch.Generator:
        """A generator of the device."""
        return torch.Generator(self.device).manual_seed(seed)

    def onto(self, value: Any, grad: bool = False) -> Any:
        """A leaf on the device with the values of a tensor; anything else as it is."""
        return value.detach().to(self.device).requires_grad_(grad) if isinstance(value, Tensor) else value


@dataclass(frozen=True)
class Finding:
    """A figure, and the bound that it must keep: right numbers are a ``must``, times a goal."""

    name: str
    metric: str
    value: float
    bound: float | None = None
    must: bool = True
    n: int | None = None
    interval: tuple[float, float] | None = None

    @property
    def kept(self) -> bool:
        """Whether the bound holds; NaN keeps none."""
        return self.bound is None or self.value <= self.bound

    def row(self) -> dict[str, Any]:
        """As a row of a record, with its bound."""
        made = row(self.name, self.metric, self.value, interval95=self.interval, n=self.n)
        return {**made, "bound": self.bound, "kept": self.kept, "must": self.must}


def distance(found: Tensor, expected: Tensor) -> float:
    """The largest |found - expected| over 1 + |expected|; infinite where one is finite and the other is not."""
    found, expected = found.detach().cpu().double(), expected.detach().cpu().double()
    equal = (found == expected) | (found.isnan() & expected.isnan())
    off = torch.where(equal, 0.0, (found - expected).abs() / (1.0 + expected.abs()))
    return float(off.nan_to_num(nan=float("inf"), posinf=float("inf")).max()) if off.numel() else 0.0


@contextmanager
def counted_waits(setting: Setting) -> Iterator[list[str]]:
    """A list that holds, at the end, the place of every operation that made the host wait for the device."""
    seen: list[str] = []
    if not setting.accelerated:
        yield seen
        return
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield seen
        seen += [f"{Path(w.filename).name}:{w.lineno}" for w in caught if "synchronizing CUDA" in str(w.message)]
    finally:
        torch.cuda.set_sync_debug_mode("default")


def seconds(setting: Setting, call: Callable[[], Any], repetitions: int) -> list[float]:
    """Times of ``call`` on the wall, from an idle device to an idle device, after two that do not count."""
    for _ in range(2):
        call()
    times = []
    for _ in range(repetitions):
        setting.wait()
        start = time.perf_counter()
        call()
        setting.wait()
        times.append(time.perf_counter() - start)
    return times


def over(
    setting: Setting, name: str, against: str, ours: Callable[[], Any], theirs: Callable[[], Any],
    repetitions: int, bound: float | None = None,
) -> Iterator[Finding]:  # fmt: skip
    """Median time of ours, and its ratio to the median of theirs; a goal counts on an accelerator alone."""
    mine, other = seconds(setting, ours, repetitions), seconds(setting, theirs, repetitions)
    value, interval = median([1e3 * t for t in mine])
    yield Finding(name, "milliseconds", value, n=repetitions, interval=interval)
    ratio = value / (1e3 * median(other)[0])
    yield Finding(name, f"time over {against}", ratio, bound if setting.accelerated else None, must=False,
                  n=repetitions)  # fmt: skip
