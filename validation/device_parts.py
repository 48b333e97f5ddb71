"""What the parts of the device run share: where and how large they run, what they find, and how they time."""

from __future__ import annotations

import math
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hyperdist.runs.intervals import median
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

    def processor(self) -> Setting:
        """The CPU, where what a device tells is worked out again."""
        return Setting(torch.device("cpu"), self.small, math.inf)

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


CLOSE = {torch.float64: 1e-11, torch.float32: 3e-5}
"""The error, over 1 + |value|, that is always allowed: some sums of 88 terms in another order, and other libraries of
elementary functions. float32 results are rounded float64 ones, but float32 coordinates round at a few steps."""
_TIMES, _NEIGHBOURS = 4.0, 4
"""Times the processor's own error in float32 that a device's may be, and inputs about the given ones where that is
measured. The device rounds the same formulas, but in another order and with elementary functions right to two steps
instead of one; the largest of four own errors is not small by luck, as one may be."""

Results = dict[str, Tensor]


def judged(dtype: torch.dtype, found: Results, inputs: list[Tensor], tell: Callable[[list[Tensor]], Results],
           close: float) -> tuple[float, float, str]:  # fmt: skip
    """(error, bound, which) of what lies nearest to its bound, or furthest beyond it, of ``found`` on a device.

    inputs : those of ``found``, of ``dtype``;  tell : the same functions on the processor.
    The error is that against the processor's float64 at the same inputs. In float32 a result may be ill conditioned:
    the bound is ``close`` or ``_TIMES`` the processor's own float32 error, whichever is larger.
    """
    exact = tell([value.double() for value in inputs])
    errors = {what: distance(value, exact[what]) for what, value in found.items()}
    bounds = dict.fromkeys(errors, close)
    if dtype == torch.float32 and max(errors.values()) > close:
        for k in range(_NEIGHBOURS):
            near = [_moved(value, k) for value in inputs]
            own, true = tell(near), tell([value.double() for value in near])
            for what in bounds:
                bounds[what] = max(bounds[what], _TIMES * distance(own[what], true[what]))
    which = max(errors, key=lambda what: errors[what] / bounds[what])
    return errors[which], bounds[which], which


def _moved(value: Tensor, k: int) -> Tensor:
    """The k-th neighbour of an input, itself for 0: each number goes to the next one up or down; 0 stays."""
    if k == 0:
        return value
    up = torch.rand(value.shape, generator=torch.Generator().manual_seed(k)) < 0.5
    other = torch.nextafter(value, torch.where(up, torch.inf, -torch.inf).to(value))
    return torch.where(value == 0.0, value, other)


class _Over(BaseException):
    """The time for a call is over; not an ``Exception``, which what is stopped might catch."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """``TimeoutError`` where the block takes longer: for compilers, which do not look at a clock. Windows has no such
    alarm, and the block its time."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: Any) -> None:
        raise _Over

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _Over:
        raise TimeoutError(f"not done after {seconds:.0f} seconds") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


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
