"""Laws as values: picked from a batch, compared, and written as plain numbers, by the arguments of ``__init__``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, ClassVar, Self, final

import numpy as np

from hyperdist._frozen import Frozen
from hyperdist.arrays.types import ArrayLike


class Value(Frozen):
    """What a law is, is what it was made of.

    ``law[j]`` picks from the batch, ``==`` and ``hash`` compare, ``to_dict`` and ``from_dict`` go through JSON.
    """

    batch_shape: tuple[int, ...]
    event_shape: tuple[int, ...]

    _event_axes: ClassVar[dict[str, int]] = {"mu": 1}
    """How many of a parameter's last axes are no batch axes, where any."""

    def _arguments(self) -> dict[str, Any]:
        """What ``__init__`` takes to make this law: arrays, words, integers, laws and lists of laws."""
        names = inspect.signature(type(self).__init__).parameters
        found = {name: getattr(self, name, None) for name in names if name != "self"}
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def _made_of(cls, arguments: dict[str, Any]) -> Self:
        """The law of such arguments."""
        return cls(**arguments)

    @final
    def __getitem__(self, index: Any) -> Self:
        """The laws of a part of the batch, by what indexes an array of the batch's shape: law[0], law[1:], law[mask].

        Raises IndexError where the batch has no such element; a law without batch has none.

        >>> import hyperdist
        >>> q = hyperdist.VonMisesFisher([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8]], [5.0, 6.0, 7.0])
        >>> q[2], q[::2].batch_shape
        (VonMisesFisher(mu=array([0.6, 0.8]), kappa=array(7.)), (2,))
        """
        try:
            return self._select(np.arange(int(np.prod(self.batch_shape))).reshape(self.batch_shape)[index])
        except IndexError as error:
            raise IndexError(f"a {type(self).__name__} of batch shape {self.batch_shape}: {error}") from None

    @final
    def __iter__(self) -> Iterator[Self]:
        """The laws along the first batch axis."""
        if not self.batch_shape:
            raise TypeError(f"a {type(self).__name__} without batch cannot be iterated over")
        return (self[j] for j in range(self.batch_shape[0]))

    def _select(self, which: np.ndarray) -> Self:
        """The laws at positions of the flattened batch; they have the batch shape of ``which``."""
        chosen, given = self._expanded(), self._arguments()
        for name, value in given.items():
            axes = self._event_axes.get(name, 0)
            if not _is_array(value) or np.ndim(value) < max(axes, 1):
                chosen[name] = value  # one for the whole batch
            else:
                event = np.shape(value)[np.ndim(value) - axes :]
                chosen[name] = chosen[name].reshape((-1, *event))[which]
        return self._made_of(chosen)

    @final
    def __eq__(self, other: object) -> bool:
        """Whether both are of one class, batch shape and dtype and have the same parameters, to the last bit."""
        if not isinstance(other, Value) or type(self) is not type(other):
            return NotImplemented
        ours, theirs = self._expanded(), other._expanded()
        return ours.keys() == theirs.keys() and all(_same(ours[name], theirs[name]) for name in ours)

    @final
    def __hash__(self) -> int:
        return hash((type(self), *(_fixed(value) for value in self._expanded().values())))

    def _expanded(self) -> dict[str, Any]:
        """The arguments, arrays broadcast over the batch."""
        found = self._arguments()
        for name, value in found.items():
            axes = self._event_axes.get(name, 0)
            if _is_array(value) and np.ndim(value) >= axes:
                found[name] = np.broadcast_to(value, self.batch_shape + np.shape(value)[np.ndim(value) - axes :])
        return found

    @final
    def to_dict(self) -> dict[str, Any]:
        """The law as numbers, words, lists and dictionaries, which JSON holds and ``from_dict`` takes; no bit is lost.

        >>> import hyperdist, json
        >>> q = hyperdist.WrappedNormal([0.1, 0.2], [0.5, 1.0], c=2.0)
        >>> q.to_dict()
        {'law': 'WrappedNormal', 'mu': [0.1, 0.2], 'sigma': [0.5, 1.0], 'c': 2.0, 'model': 'poincare'}
        >>> hyperdist.Distribution.from_dict(json.loads(json.dumps(q.to_dict()))) == q
        True
        """
        given = self._arguments()
        found: dict[str, Any] = {"law": type(self).__name__}
        found |= {name: _plain(value) for name, value in given.items()}
        arrays = {name: np.asarray(value) for name, value in given.items() if _is_array(value)}
        single = {name: array.dtype.name for name, array in arrays.items() if array.dtype != np.float64}
        empty = {name: list(array.shape) for name, array in arrays.items() if not array.size}
        return found | ({"dtype": single} if single else {}) | ({"shape": empty} if empty else {})

    @classmethod
    @final
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The law that ``to_dict`` wrote: of the class that it names, which must be this one or one derived from it.

        Raises ValueError for another class, or for what is no law at all.

        >>> import hyperdist as hd
        >>> written = hd.VonMisesFisher([0.0, 1.0], 5.0).to_dict()
        >>> hd.Distribution.from_dict(written)
        VonMisesFisher(mu=array([0., 1.]), kappa=array(5.))
        >>> hd.Mixture.from_dict(written)
        Traceback (most recent call last):
        ValueError: values must be what to_dict of a Mixture gives, got law 'VonMisesFisher'
        """
        name = values.get("law") if isinstance(values, dict) else None
        found = {law.__name__: law for law in _derived(cls)}
        if name not in found:
            raise ValueError(f"values must be what to_dict of a {cls.__name__} gives, got law {name!r}")
        given = {key: value for key, value in values.items() if key not in ("law", "dtype", "shape")}
        for key, value in given.items():
            given[key] = _restored(value, values.get("dtype", {}).get(key), values.get("shape", {}).get(key))
        law = found[name]
        if inspect.isabstract(law):
            raise ValueError(f"values must name a law that there is, got {name!r}")
        try:
            return law._made_of(given)
        except (TypeError, KeyError) as error:
            raise ValueError(f"values must be what to_dict of a {name} gives, got {sorted(given)}: {error}") from error


def _derived(cls: type) -> list[type]:
    """A class and all derived from it, the nearest first; a later one of the same name stands for itself alone."""
    found = [cls]
    for each in found:
        found += [sub for sub in each.__subclasses__() if sub not in found]
    return found[::-1]


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic)


def _same(x: ArrayLike, y: ArrayLike) -> bool:
    if _is_array(x):
        x, y = np.asarray(x), np.asarray(y)
        return x.dtype == y.dtype and x.shape == y.shape and bool(np.array_equal(x, y))
    return type(x) is type(y) and x == y


def _fixed(value: Any) -> Any:
    """Something hashable, the same for values that ``_same`` calls so."""
    if _is_array(value):
        array = np.asarray(value)
        return array.dtype.name, array.shape, (array + 0.0).tobytes()  # -0.0 equals 0.0
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if _is_array(value):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.to_dict() if isinstance(value, Value) else value


def _restored(value: Any, dtype: str | None, shape: list[int] | None) -> Any:
    if isinstance(value, dict):
        return Value.from_dict(value)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [Value.from_dict(item) for item in value]
    if isinstance(value, str) or (isinstance(value, int) and dtype is None):
        return value
    array = np.asarray(value, dtype or np.float64)
    return array if shape is None else array.reshape(shape)
