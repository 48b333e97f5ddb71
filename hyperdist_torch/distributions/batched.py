"""The expansion of a law's batch, which is the same for all of them."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from hyperdist_torch._host import holds, in_functorch, outside, unseen


class BatchedDistribution(Distribution):
    """A law that says which of its attributes have its batch, and keeps them.

    As torch's own laws, it refers to the tensors that it was made of: where one is changed in place, as by a step of an
    optimiser, the law is that of the new values, since nothing that follows from them is kept.
    """

    _batched: tuple[str, ...] = ()
    """Names of the tensors and laws whose axes begin with the batch's."""

    def __setattr__(self, name: str, value: Any) -> None:
        if (name == "model" or name in self._batched) and name in vars(self):
            raise AttributeError(
                f"{name} of a {type(self).__name__} cannot be set: change the tensor that it was made of in place, or "
                f"make another {type(self).__name__}"
            )
        super().__setattr__(name, value)

    def __init__(self, batch_shape: torch.Size, event_shape: torch.Size, validate_args: bool | None = None) -> None:
        # torch.jit.trace hands sizes out as tensors, and a float times one is rounded to float32.
        event_shape = torch.Size(map(int, event_shape))
        wanted = self._validate_args if validate_args is None else validate_args
        looks = wanted and not unseen(*(value for value in vars(self).values() if isinstance(value, Tensor)))
        if looks and in_functorch():
            self._check_through_vmap()
            looks = False
        super().__init__(batch_shape, event_shape, validate_args=looks)
        self._validate_args = wanted

    def _check_through_vmap(self) -> None:
        """What torch checks of the arguments; its own message fails on a number under vmap."""
        for name, constraint in self.arg_constraints.items():
            value = getattr(self, name)
            if not constraints.is_dependent(constraint) and not holds(inside := constraint.check(value)):
                off, of, first = outside(inside, value, value.ndim - inside.ndim)
                raise ValueError(
                    f"Expected parameter {name} to satisfy the constraint {constraint!r}, but {off} of {of} values do "
                    f"not, the first is {first}"
                )

    def _expanded(self, value: Any, batch: torch.Size) -> Any:
        """A tensor or a law with the batch's axes expanded."""
        shape = value.shape if isinstance(value, Tensor) else value.batch_shape
        return value.expand(batch + shape[len(self.batch_shape) :])

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """This law with its parameters expanded to ``batch_shape``, to which its own must broadcast; no copies.

        >>> import torch, hyperdist_torch as ht
        >>> law = ht.WrappedNormal(torch.tensor([0.3, 0.1]), 0.5).expand((4, 3))
        >>> law.batch_shape, law.sample((10,)).shape
        (torch.Size([4, 3]), torch.Size([10, 4, 3, 2]))
        """
        new: Any = self._get_checked_instance(type(self), _instance)
        batch = torch.Size(batch_shape)
        for name, value in vars(self).items():
            if name in self._batched and value is not None:
                several = isinstance(value, tuple)
                expanded = [self._expanded(each, batch) for each in (value if several else (value,))]
                value = tuple(expanded) if several else expanded[0]
            vars(new)[name] = value
        Distribution.__init__(new, batch, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new
