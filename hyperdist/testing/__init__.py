"""Tests of samplers: your own, of any law of this library or of a density of your own.

``hyperdist.testing`` loads on first use; it needs SciPy alone.

>>> import hyperdist as hd
>>> law = hd.WrappedNormal([0.3, 0.1, 0.0], 0.7)
>>> hd.testing.check_sampler(law.sample, law, rng=1).passed
True
"""

from hyperdist.testing.check import check_sampler
from hyperdist.testing.finding import Finding
from hyperdist.testing.report import Report

__all__ = ["Finding", "Report", "check_sampler"]
