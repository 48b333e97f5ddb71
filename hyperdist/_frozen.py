"""Objects that own their parameters: set once, as read-only copies, so that nothing kept with them goes stale."""

from __future__ import annotations

import inspect
from abc import ABCMeta
from functools import cached_property
from typing import Any

import numpy as np

_MADE = "_made"


def owned(array: np.ndarray) -> np.ndarray:
    """A read-only copy, as small as the array: what is broadcast is copied once."""
    once = tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides)
    copy = np.array(array[once])
    copy.setflags(write=False)
    return np.broadcast_to(copy, array.shape) if copy.shape != array.shape else copy


class _MakesFrozen(ABCMeta):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        vars(made)[_MADE] = True
        return made

    @property
    def __signature__(cls) -> inspect.Signature:
        """That of ``__init__``, which ``help`` and editors would not find behind ``__call__``."""
        made = inspect.signature(cls.__init__)
        return made.replace(parameters=list(made.parameters.values())[1:], return_annotation=made.empty)


class Frozen(metaclass=_MakesFrozen):
    """What is set while an object is made stays: arrays as ``owned`` copies, and AttributeError for a second value.

    What is worked out once (``cached_property``) is left behind by pickle and by copies, which work it out anew.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if vars(self).get(_MADE):
            raise AttributeError(
                f"{name} of a {type(self).__name__} cannot be set, since what is known of it would not follow: "
                f"make another {type(self).__name__}"
            )
        super().__setattr__(name, owned(value) if isinstance(value, np.ndarray) else value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name} of a {type(self).__name__} cannot be deleted")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not self._is_cache(name)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # NumPy's pickles and copies forget that an array is read-only.
        vars(self).update({name: owned(v) if isinstance(v, np.ndarray) else v for name, v in state.items()})

    @classmethod
    def _is_cache(cls, name: str) -> bool:
        return isinstance(getattr(cls, name, None), cached_property)
