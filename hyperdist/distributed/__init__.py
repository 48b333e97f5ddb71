"""Draws, densities and fits larger than memory: ``dask.array``s, on this machine's cores or on a cluster.

It needs the extra ``distributed``, and loads on first use.
"""

try:
    import dask as _dask
except ImportError:
    raise ImportError("hyperdist.distributed needs Dask: pip install 'hyperdist[distributed]'") from None

from hyperdist.distributed.arrays import log_prob, sample
from hyperdist.distributed.files import from_parquet, from_zarr, to_parquet

__all__ = ["from_parquet", "from_zarr", "log_prob", "sample", "to_parquet"]

del _dask
