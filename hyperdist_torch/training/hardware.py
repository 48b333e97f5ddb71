"""Where to train."""

from __future__ import annotations

import os

import torch

from hyperdist import checks

ACCELERATORS = ("auto", "cpu", "cuda", "gpu")


def device_type(accelerator: str) -> str:
    """The kind of device, "cuda" or "cpu"; ValueError where the machine has none such.

    Lightning's own "auto" takes any accelerator; the laws' arithmetic is float64, which Apple's and Google's lack.

    >>> from hyperdist_torch.training import device_type
    >>> device_type("cpu"), device_type("auto") in ("cpu", "cuda")
    ('cpu', True)
    """
    if checks.choice(accelerator, "accelerator", ACCELERATORS) == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if accelerator != "auto":
        raise ValueError(f"accelerator must be 'cpu' or 'auto' where torch finds no CUDA device, got {accelerator!r}")
    return "cpu"


_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")
"""Where Lightning and torchrun say which of the processes that train together one is."""


def leads(devices: int | str = 1, num_nodes: int = 1) -> bool:
    """Whether this process is the first of those that train together, which alone writes and evaluates.

    >>> from hyperdist_torch.training import leads
    >>> leads()  # on its own
    True
    """
    names = (*_RANKS, "SLURM_PROCID") if (devices, num_nodes) != (1, 1) else _RANKS
    return all(os.environ.get(name, "0") == "0" for name in names)


def device_count(devices: int | str, kind: str) -> int | str:
    """``devices`` where it is "auto" or an integer >= 1, of CUDA devices as many as there are at the most.

    >>> from hyperdist_torch.training import device_count
    >>> device_count(1, "cpu"), device_count("auto", "cpu")
    (1, 'auto')
    >>> device_count(0, "cpu")
    Traceback (most recent call last):
    ValueError: devices must be an integer >= 1, got 0
    """
    if devices == "auto":
        return devices
    count = checks.dimension(devices, "devices")
    if kind == "cuda" and count > torch.cuda.device_count():
        raise ValueError(f"devices must be <= {torch.cuda.device_count()}, the CUDA devices here, got {count}")
    return count
