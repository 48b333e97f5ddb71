"""Laws of flows on disc: the numbers of the field; base and field are given anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.distributions import Distribution

from hyperdist_torch import checkpoint
from hyperdist_torch._states import digest, kept

L = TypeVar("L", bound=nn.Module)


@dataclass(frozen=True)
class Settings:
    """What a field's numbers were trained with: space, divergence and base, by the law's name and its tensors' sum."""

    space: str
    d: int
    c: float
    divergence: str
    base: str

    def to_dict(self) -> dict[str, Any]:
        """The fields as what JSON can hold."""
        return asdict(self)


def settings(law: Any) -> Settings:
    """Those of a law."""
    tensors = {name: kept(name, value) for name, value in _tensors(law.base, "base")}
    base = f"{type(law.base).__name__} {digest(1, {}, tensors)[:16]}"
    return Settings(law.space.name, law.space.d, float(law.space.c), law.divergence, base)


def _tensors(law: Distribution, path: str) -> Iterator[tuple[str, Tensor]]:
    """Names and values of what a law is made of, and of laws within it."""
    for name, value in sorted(vars(law).items()):
        if isinstance(value, Tensor):
            yield f"{path}.{name}", value
        elif isinstance(value, Distribution):
            yield from _tensors(value, f"{path}.{name}")


def _format(build: Callable[..., Any]) -> checkpoint.Format[Settings, Any]:
    return checkpoint.Format(
        "hyperdist_torch.flows.law", 1, lambda values: Settings(**values), build, "RiemannianCNF", {"field": "field"},
        lambda law: {"field": type(law.field).__name__},
    )  # fmt: skip


def save(law: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write the numbers of the field; ValueError where the base is learnt, which would not come back."""
    for name, value in _tensors(law.base, "base"):  # type: ignore[arg-type]
        if value.requires_grad:
            raise ValueError(f"{name} must be fixed for the law to be saved: save a module that owns it, and its field")

    def bare(config: Settings) -> nn.Module:
        made = type(law).__new__(type(law))
        nn.Module.__init__(made)
        vars(made).update(space=law.space, base=law.base, divergence=law.divergence)
        return made

    checkpoint.save(law, path, _format(bare))


def load(law: L, path: str | os.PathLike[str]) -> L:
    """The law whose field has the numbers of the file."""
    return checkpoint.load(path, _format(lambda config, field: law), settings(law), parts={"field": law.field})
