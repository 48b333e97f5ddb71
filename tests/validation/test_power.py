"""Mutants: every planted fault is rejected by the tests that pass the law it claims to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hyperdist.runs import intervals
from validation import examine, faults, laws, power

CRITICAL = 1e-6
NEEDED = {"scale 1 % off": 100_000, "sigma 2 % off": 20_000, "shared uniform": 10_000}
"""Draws of the faults that fewer than 8,000 would not show every time; ``power`` measures the rest at 20,000."""


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda fault: fault.name)
def test_mutant_is_rejected_and_the_law_is_not(fault, seed):
    """One run each; false alarm 1e-6 a test; the measured power at 20,000 draws is in validation/reports/power."""
    case = replace(fault.case, n=NEEDED.get(fault.name, 8_000), mmd=False)
    mutant, exact = replace(fault, case=case), laws.build(case, exact=True)
    smallest = {}
    for name, sampler in (("mutant", mutant), ("law", laws.build(case))):
        found, x, _ = examine.findings(case, sampler, exact, seed % 2**31)
        if case.mixture:
            found += examine.two_sample(case, x, seed % 2**31)
        smallest[name] = min(finding.p for finding in found)
    assert smallest["mutant"] < CRITICAL < smallest["law"]


def test_at_least_the_ten_faults_of_the_design_are_planted():
    names = {fault.name for fault in faults.FAULTS}
    assert len(names) == len(faults.FAULTS) >= 10
    assert {"exponent d - 2", "shared uniform", "sigma 2 % off", "sigma clamped", "wrong envelope above kappa 10",
            "points clamped at the boundary", "missing lambda", "wrapped passed off as Riemannian",
            "float32 direction bias", "duplicate draws"} <= names  # fmt: skip


def test_mmd_alone_rejects_a_wrapped_normal_passed_off_as_riemannian(seed):
    fault = faults.by_name("wrapped passed off as Riemannian")
    assert examine.mmd_finding(fault.case, fault, seed % 2**31).p < CRITICAL
    assert examine.mmd_finding(fault.case, laws.build(fault.case), seed % 2**31).p > CRITICAL


def test_power_counts_and_names_what_was_missed():
    seen = power.evaluate("hemisphere", trials=2, seed=1)
    assert seen["fault"]["rejected"] == 2
    assert seen["true"]["rejected"] == 0
    blind = seen | {"name": "blind", "fault": seen["true"]}
    rows, missed = power.summarise([seen, blind])
    assert missed == ["blind"]
    assert rows[0]["value"] == 1.0
    assert rows[0]["interval95"] == list(intervals.wilson(2, 2))
