"""Draws, densities and fits larger than memory: ``dask.array``s, on this machine's cores or on a cluster.

It needs the extra ``distributed``, and loads on first use.
"""

try:
    import dask as _dask
except ImportError:
    raise ImportError("hyperdist.distributed needs Dask: pip install 'hyperdist[distributed]'") from None

from hyperdist.distributed.arrays import log_prob, sample

__all__ = ["log_prob", "sample"]

del _dask
