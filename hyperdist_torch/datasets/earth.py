"""The four Earth-science sets of Mathieu and Nickel 2020 (arXiv 2006.10605) as unit vectors, split; not downloaded."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hyperdist import earth
from hyperdist_torch.datasets._files import data_folder


@dataclass(frozen=True)
class EarthSplit:
    """Places of events on the globe as unit vectors, (n, 3), and the same in degrees.

    training, validation, test  unit vectors, x towards latitude and longitude 0, z towards the north pole; each is a
                                point of the sphere to the rounding of its dtype.
    coinciding                  the share of test rows whose coordinates a training row has too.
    degrees                     latitude and longitude of the three parts, (n, 2) float64 NumPy arrays, row for row.
    name, kind, seed            what was read, and how it was split.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from hyperdist_torch.datasets import load_earth
    >>> with tempfile.TemporaryDirectory() as folder:  # where you keep the files of the sets
    ...     rows = "".join(f"{latitude},{3 * latitude}\\n" for latitude in range(-40, 40))
    ...     _ = Path(folder, "volcano.csv").write_text(rows)
    ...     data = load_earth("volcano", data_dir=folder)
    >>> data.training.shape, data.test.shape, data.coinciding
    (torch.Size([64, 3]), torch.Size([8, 3]), 0.0)
    >>> data.with_training(10).training.shape, data.with_training(10).degrees.training.shape
    (torch.Size([10, 3]), (10, 2))
    """

    training: Tensor
    validation: Tensor
    test: Tensor
    coinciding: float
    degrees: earth.Parts
    name: str
    kind: str
    seed: int

    def with_training(self, size: int) -> EarthSplit:
        """The split with ``size`` of its training rows, drawn at random; larger sizes hold the smaller, in order.

        Raises  ValueError where size is not 1 to the number of training rows.
        """
        rows = earth.nested_subset(len(self.training), size, self.seed)
        training = self.degrees.training[rows]
        return replace(
            self, training=self.training[torch.from_numpy(rows)], degrees=self.degrees._replace(training=training),
            coinciding=earth.coinciding(self.degrees.test, training),
        )  # fmt: skip


def load_earth(
    name: str, kind: str = "random rows", seed: int = 0, data_dir: str | os.PathLike[str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> EarthSplit:  # fmt: skip
    """One of the sets, about 80, 10 and 10 % of it for training, validation and test.

    name      "volcano", "earthquake", "flood" or "fire".
    kind      "random rows"; "distinct places", after repeated coordinates are dropped; or "grouped by cell", where rows
              whose coordinates round to the same whole degrees stay together.
    seed      of the shuffle; the same split as ``hyperdist.earth.split`` makes of it.
    data_dir  folder with name.csv, in itself or in its folder ``earth``; None takes HYPERDIST_DATA.
    Raises    ValueError where an argument is wrong, a part would be empty, or, naming file and line, where a row is not
              a latitude and a longitude in range; FileNotFoundError where there is no such file.

    >>> import tempfile
    >>> from hyperdist_torch.datasets import load_earth
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_earth("flood", data_dir=folder)
    Traceback (most recent call last):
    FileNotFoundError: flood.csv is neither in ...: put ...
    """
    if not dtype.is_floating_point:
        raise ValueError(f"dtype must be a floating-point type, got {dtype}")
    degrees = earth.load_parts(data_folder(data_dir), name, kind, seed)
    # Rounded from float64: each coordinate is the nearest of the dtype, as no normalisation in it could make them.
    training, validation, test = (torch.from_numpy(earth.unit(part)).to(dtype) for part in degrees)
    share = earth.coinciding(degrees.test, degrees.training)
    return EarthSplit(training, validation, test, share, degrees, name, kind, seed)
