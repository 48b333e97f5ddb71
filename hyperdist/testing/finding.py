"""What one test found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Finding:
    """One test's outcome; ``p`` is already corrected for the choices made inside the test.

    test : its name;  statistic, p, n : what it found on how many draws
    adjusted : ``p`` after Holm's correction over all tests of a report; None where it belongs to none

    >>> import hyperdist as hd
    >>> law = hd.WrappedNormal([0.1, 0.2], 0.5)
    >>> tests = {found.test: found for found in hd.testing.check_sampler(law.sample, law, 200).tests}
    >>> found = tests["radius"]
    >>> found.n, found.p <= found.adjusted
    (200, True)
    """

    test: str
    p: float
    statistic: float
    n: int
    adjusted: float | None = None


def bonferroni(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """The statistic of the smallest p-value, and that p-value times the number of tests."""
    statistic, p = min(pairs, key=lambda pair: pair[1])
    return statistic, min(1.0, p * len(pairs))
