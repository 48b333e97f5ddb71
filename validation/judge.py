"""From results to a verdict: Holm over all tests, accuracy against its targets, acceptance against 0.90."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hyperdist.testing import holm
from validation import acceptance, accuracy
from validation.independence import LEAST_ESS
from validation.record import row


@dataclass
class Verdict:
    """What passed, what failed, and the tables of the report."""

    alpha: float = holm.ALPHA
    tests: list[dict[str, Any]] = field(default_factory=list)
    accuracy: list[dict[str, Any]] = field(default_factory=list)
    acceptance: dict[str, Any] | None = None
    errors: list[dict[str, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.failures

    def smallest(self, count: int = 10) -> list[dict[str, Any]]:
        """The tests with the smallest p-values."""
        return sorted(self.tests, key=lambda t: (t["adjusted"], t["p"]))[:count]


def judge(results: dict[str, list[dict[str, Any]]]) -> Verdict:
    """The verdict on a run's results, as ``runner.run`` returns them."""
    verdict = Verdict()
    for kind, items in results.items():
        for item in items:
            if "error" in item:
                verdict.errors.append({"key": item["key"], "error": item["error"]})
                verdict.failures.append(f"{item['key']}: {item['error'].strip().splitlines()[-1]}")
        results[kind] = [item for item in items if "error" not in item]
    _tests(verdict, results.get("law", []), results.get("counted", []))
    judge_accuracy(verdict, results.get("accuracy", []) + results.get("distance", []))
    judge_acceptance(verdict, results.get("acceptance", []))
    return verdict


def _tests(verdict: Verdict, laws: list[dict[str, Any]], counted: list[dict[str, Any]]) -> None:
    """Holm over every test of every law; effective sample sizes against their floor."""
    for item in laws:
        verdict.tests += [
            {"law": item["case"]["family"], "key": item["key"], **finding} for finding in item["findings"]
        ]
        verdict.rows.append(row(item["key"], "effective sample size / n", item["ess"], n=item["case"]["n"]))
        if not item["ess"] >= LEAST_ESS:
            verdict.failures.append(f"{item['key']}: effective sample size {item['ess']:.3f} n < {LEAST_ESS} n")
    verdict.tests += [
        {"law": "RiemannianNormal", "key": item["key"], "test": "acceptance", "p": item["p"],
         "statistic": item["observed"], "n": item["proposals"]}
        for item in counted if item["observed"] is not None
    ]  # fmt: skip
    for test, adjusted in zip(verdict.tests, holm.adjust([t["p"] for t in verdict.tests]), strict=True):
        test["adjusted"] = float(adjusted)
        verdict.rows.append(row(test["key"], f"p-value, {test['test']}", test["p"], n=test["n"]))
        if adjusted <= verdict.alpha:
            verdict.failures.append(f"{test['key']}: {test['test']}, p = {test['p']:.1e}, by Holm {adjusted:.1e}")


def judge_accuracy(verdict: Verdict, cells: list[dict[str, Any]]) -> None:
    """The worst error of each function of each law, and where; float32 laws in one line each."""
    tables: dict[tuple[str, str], dict[str, Any]] = {}
    for item in cells:
        single = item["cell"]["dtype"] == "float32"
        place = item["key"].removeprefix(item["cell"]["law"] + " ")
        for function, errors in item["rows"].items():
            name = "all functions, float32" if single else function
            target = accuracy.FLOAT32_TARGET if single else accuracy.TARGETS.get(function)
            entry = tables.setdefault((item["cell"]["law"], name), {
                "law": item["cell"]["law"], "function": name, "error": -1.0, "where": "", "relative": 0.0,
                "relative_where": "", "target": target, "cells": 0, "failed": 0,
            })  # fmt: skip
            error, relative = float(errors["error"]), float(errors["relative"])
            entry["cells"] += 1
            entry["failed"] += int(target is not None and not error <= target)
            if not error <= entry["error"]:
                entry["error"], entry["where"] = error, place
            if not relative <= entry["relative"]:
                entry["relative"], entry["relative_where"] = relative, place
    verdict.accuracy = list(tables.values())
    for entry in verdict.accuracy:
        label = f"{entry['law']}: {entry['function']}"
        verdict.rows.append(row(label, f"worst error at {entry['where']}", entry["error"], n=entry["cells"]))
        if entry["failed"]:
            verdict.failures.append(
                f"{label}: error {entry['error']:.1e} > {entry['target']:.1e} at {entry['where']}"
                f" ({entry['failed']} of {entry['cells']} cells)"
            )


def judge_acceptance(verdict: Verdict, curves: list[dict[str, Any]]) -> None:
    """The smallest stated acceptance rate over all dimensions and scales."""
    if not curves:
        return
    worst = min(curves, key=lambda item: item["minimum"] if np.isfinite(item["minimum"]) else -1.0)
    points = sum(item["points"] for item in curves)
    verdict.acceptance = {"minimum": worst["minimum"], "d": worst["d"], "s": worst["at"], "points": points}
    place = f"d={worst['d']} s={worst['at']:.4g}"
    verdict.rows.append(row("RiemannianNormal: acceptance rate", f"smallest, at {place}", worst["minimum"], n=points))
    if not worst["minimum"] >= acceptance.TARGET:
        verdict.failures.append(f"acceptance rate {worst['minimum']:.4f} < {acceptance.TARGET} at {place}")
