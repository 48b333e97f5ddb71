"""What ``check_sampler`` returns: the tests, the verdict, and both to be read."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hyperdist.runs.files import write_text
from hyperdist.testing import holm
from hyperdist.testing.finding import Finding

_MEANING = {
    "support": "draws that do not lie on the space, or where the density is 0",
    "radius": "Kolmogorov-Smirnov of the distance from the centre",
    "projections": "Kolmogorov-Smirnov of directions along axes",
    "directions": "chi-square of directions crossed with the radius",
    "chain": "autocorrelation of the draws in the order they came",
    "repeats": "draws equal to the last bit",
    "batch": "dependence between the laws of a batch",
    "two-sample": "Kolmogorov-Smirnov against independent draws",
    "mmd": "maximum mean discrepancy against independent draws",
    "stein": "Stein's identity of the density",
    "score": "mean of d log p/d parameter",
}
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child,td:last-child,th:last-child{text-align:left}.bad{background:#fde8e8;font-weight:600}"""
_CURVE = 200
"""Points of the picture's curve."""


@dataclass(frozen=True)
class Report:
    """The outcome of all tests of one sampler.

    law   : what it was compared with, in words
    tests : a ``Finding`` each, with ``adjusted``, its p-value after Holm's correction over all of them
    alpha : the chance that a right sampler fails
    pit   : (n,) probability transform of the radius, uniform if it is right; empty where there is no radius

    >>> import hyperdist as hd
    >>> law = hd.SphericalRiemannianNormal([0.0, 0.0, 1.0], 0.5)
    >>> report = hd.testing.check_sampler(hd.SphericalUniform(2).sample, law, 200)
    >>> report.passed, report.failures[0].p < report.alpha
    (False, True)
    >>> report.raise_for_failure()
    Traceback (most recent call last):
    AssertionError: the draws are not those of SphericalRiemannianNormal...: ... tests fail at alpha = 1e-06...
    """

    law: str
    tests: tuple[Finding, ...]
    alpha: float
    pit: np.ndarray

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The tests that failed, smallest p-value first."""
        failed = [test for test in self.tests if not (test.adjusted or 0.0) > self.alpha]
        return tuple(sorted(failed, key=lambda test: test.p))

    @property
    def passed(self) -> bool:
        """Whether no test failed."""
        return not self.failures

    def raise_for_failure(self) -> None:
        """AssertionError that names the failed tests, their statistics and p-values; nothing where all passed."""
        if self.passed:
            return
        lines = [f"{test.test}: {_what(test.test)}; statistic {test.statistic:.4g}, p = {test.p:.2g} "
                 f"(by Holm {test.adjusted:.2g}), n = {test.n}" for test in self.failures]  # fmt: skip
        listed = "\n  ".join(lines)
        raise AssertionError(
            f"the draws are not those of {self.law}: {len(lines)} of {len(self.tests)} tests fail at "
            f"alpha = {self.alpha:g}\n  {listed}"
        )

    def __repr__(self) -> str:
        verdict = "passed" if self.passed else "FAILED: " + ", ".join(test.test for test in self.failures)
        return f"<Report: {len(self.tests)} tests of {self.law}, {verdict}>"

    def __str__(self) -> str:
        rows = [("test", "statistic", "p", "p (Holm)")]
        rows += [(t.test, f"{t.statistic:.4g}", f"{t.p:.2g}", f"{t.adjusted:.2g}") for t in self.tests]
        width = max(len(row[0]) for row in rows)
        lines = [f"{name:{width}}  {statistic:>10}  {p:>8}  {adjusted:>8}" for name, statistic, p, adjusted in rows]
        return "\n".join([repr(self), *lines])

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write a page without links to anything else: the verdict, the tests, and the radius's distribution.

        >>> import tempfile
        >>> from pathlib import Path
        >>> import hyperdist as hd
        >>> law = hd.VonMisesFisher([0.0, 0.0, 1.0], 5.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "report.html")
        ...     hd.testing.check_sampler(law.sample, law, 200).to_html(path)
        ...     "Sampler passed" in path.read_text(encoding="utf-8")
        True
        """
        verdict = "passed" if self.passed else "failed"
        rows = "".join(
            f"<tr{'' if (t.adjusted or 0.0) > self.alpha else ' class=bad'}><td>{html.escape(t.test)}</td>"
            f"<td>{t.statistic:.4g}</td><td>{t.p:.2g}</td><td>{t.adjusted:.2g}</td><td>{t.n}</td>"
            f"<td>{html.escape(_what(t.test))}</td></tr>\n"
            for t in self.tests
        )
        page = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sampler {verdict}</title>'
            f"<style>{_STYLE}</style>\n<h1>Sampler {verdict}</h1>\n<p>Draws against {html.escape(self.law)}. "
            f"A right sampler fails with probability {self.alpha:g} at most, over all tests together.</p>\n"
            "<table><tr><th>test<th>statistic<th>p<th>p (Holm)<th>draws<th>of</tr>\n"
            f"{rows}</table>\n{self._picture()}</html>\n"
        )
        write_text(Path(path), page)

    def _picture(self) -> str:
        """The radius's empirical cdf less the law's, with a band that right draws leave with probability alpha."""
        n = self.pit.size
        if not n or not np.isfinite(self.pit).all():
            return ""
        u = np.linspace(0.0, 1.0, _CURVE + 1)
        gap = np.searchsorted(np.sort(self.pit), u, side="right") / n - u
        band = float(np.sqrt(-0.5 * np.log(0.5 * self.alpha) / n))  # Massart 1990
        top = 1.2 * max(band, float(np.max(np.abs(gap))))
        points = " ".join(f"{600 * x:.1f},{100 - 100 * y / top:.1f}" for x, y in zip(u, gap, strict=True))
        edges = "".join(
            f'<path d="M0 {100 - 100 * y / top:.1f}H600" stroke="#c33" stroke-dasharray="4"/>' for y in (band, -band)
        )
        return (
            '<h2>Distance from the centre</h2>\n<svg viewBox="0 0 600 200" width="600" fill="none" role="img">'
            f'<title>Empirical cdf less the law\'s</title><path d="M0 100H600" stroke="#999"/>{edges}'
            f'<polyline points="{points}" stroke="#146" stroke-width="1.5"/></svg>\n<p>Empirical distribution '
            f"function less the law's over the law's, 0 to 1; dashed: {band:.2g}, which right draws pass with "
            f"probability {self.alpha:g}.</p>\n"
        )


def _what(test: str) -> str:
    return _MEANING.get(test, _MEANING.get(test.partition(" ")[0], ""))


def report(law: str, tests: list[Finding], alpha: float, pit: np.ndarray) -> Report:
    """A report, with Holm's corrections filled in."""
    for test, adjusted in zip(tests, holm.adjust([test.p for test in tests]), strict=True):
        test.adjusted = float(adjusted)
    return Report(law, tuple(tests), alpha, pit)
