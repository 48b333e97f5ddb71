"""Objects that JAX's transformations take apart and put together again: arrays are leaves, the rest stays."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import jax

from hyperdist._frozen import Frozen


class Tree(Frozen):
    """A frozen pytree: ``_leaves`` names what is traced, mapped and differentiated, ``_kept`` what is not."""

    _leaves: ClassVar[tuple[str, ...]] = ()
    _kept: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_pytree_with_keys(cls, cls._with_keys, cls._joined, cls._apart)

    def _apart(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(vars(self)[name] for name in self._leaves), tuple(vars(self)[name] for name in self._kept)

    def _with_keys(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        leaves, kept = self._apart()
        keys = map(jax.tree_util.GetAttrKey, self._leaves)
        return tuple(zip(keys, leaves, strict=True)), kept

    @classmethod
    def _joined(cls, kept: tuple[Any, ...], leaves: Any) -> Self:
        made = object.__new__(cls)
        vars(made).update(zip((*cls._leaves, *cls._kept), (*leaves, *kept), strict=True), _made=True)
        return made
