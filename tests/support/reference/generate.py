"""Write the reference values of the radial laws: python -m tests.support.reference.generate [--check] [NAME ...]

One JSON file a law: {"provenance": {...}, "rows": [...]}. Each row is computed twice, at 50 digits with 32 nodes a
panel and at 60 digits with 40 nodes on panels 0.8 as wide; `error` is the largest difference of the two over all that
the row holds, relative for tails, quantiles and derivatives, over 1 + |value| for the rest. Parameters, p and x are
doubles, taken as exact; `x` is the double nearest to the quantile, where cdf, sf, log_pdf and dx (derivative in the
law's parameter at fixed cdf) are evaluated. `--check` recomputes a random tenth of the rows and compares.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from typing import Any

import mpmath
from mpmath import mp, mpf
from tqdm import tqdm

from tests.support import oracles
from tests.support.oracles import REFERENCE
from tests.support.tables import Law, Table

DIGITS = 25
LOWER = (1e-300, 1e-30, 1e-6, 0.1, 0.5)
UPPER = (0.1, 1e-6, 1e-30, 1e-300)
DIMENSIONS = (1, 2, 3, 4, 5, 8, 10, 20, 40, 50, 100, 300, 1000)
SCALES = (1e-6, 1e-3, 1e-2, 0.1, 0.3, 1.0, 1.18, 2.0, 5.0, 7.0, 30.0, 1e3)
GRIDS: dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]] = {
    "hyperbolic": (("d", "s"), [(d, s) for d in DIMENSIONS for s in SCALES]),
    "chi": (("d", "s"), [(d, s) for d in DIMENSIONS for s in (1e-6, 0.1, 1.0, 5.0, 30.0, 1e3)]),
    "von_mises_fisher": (
        ("m", "kappa"),
        [
            (m, k)
            for m in (2, 3, 4, 5, 10, 50, 100, 1000, 10000)
            for k in (1e-6, 1e-3, 0.1, 1.0, 10.0, 100.0, 1e4, 1e6, 1e8)
        ],
    ),
    "spherical": (
        ("d", "sigma"),
        [(d, s) for d in (1, 2, 3, 5, 10, 50, 100, 1000) for s in (1e-3, 0.1, 0.5, 1.0, 3.0, 30.0)],
    ),
    "circle": (("sigma",), [(s,) for s in (1e-3, 0.1, 0.5, 1.0, 2.0, 5.0, 30.0)]),
}


def summary(name: str, parameters: tuple[Any, ...], table: Table) -> dict[str, mpf]:
    """Normaliser, moments, entropies of a radial law, and (`law_...`) of the law on its space, by Riemannian volume."""
    average, log_z, d, scale = table.average, table.log_normaliser(), parameters[0], mpf(parameters[-1])
    values = {
        "mode": table.law.mode,
        "mean": average["mean"],
        "second_moment": average["second_moment"],
        "variance": average["second_moment"] - average["mean"] ** 2,
        "entropy": log_z - average["phi"],
    }
    if name == "circle":
        return values | {"law_entropy": values["entropy"] + mp.log(2)}
    law_log_z = log_z + oracles.log_area(d - 1 if name == "von_mises_fisher" else d)
    derivative = table.law.rate * average["statistic"]
    values |= {"log_normaliser": log_z, "dlog_normaliser": derivative, "law_log_normaliser": law_log_z}
    if name == "von_mises_fisher":
        resultant = average["statistic"]
        spread = average["statistic_squared"] - resultant**2
        values |= {"resultant": resultant, "one_minus_resultant": 1 - resultant, "dresultant": spread}
        return values | {"law_entropy": law_log_z - scale * resultant}
    inside = average.get("mean_log_sinhc", mpf(0))
    volume = {"mean_log_sinhc": inside} if name == "chi" else {}
    return values | volume | {"law_entropy": law_log_z + average["second_moment"] / (2 * scale**2) + (d - 1) * inside}


def point(p: float, upper: bool, table: Table, mirror: Table | None) -> dict[str, Any]:
    """The quantile at p, and cdf, sf, log density and parameter derivative at the double nearest to it."""
    if upper and mirror is not None:
        y = mirror.quantile(mpf(p), False)
        exact, x = mirror.law.end - y, float(mirror.law.end - y)
        at = mirror.law.end - mpf(x)
        small, derivative, log_pdf = mirror.tail(at, False)[0], -mirror.parameter_derivative(at), mirror.log_pdf(at)
    else:
        exact = table.quantile(mpf(p), upper)
        x = float(exact)
        at = mpf(x)
        small, derivative, log_pdf = table.tail(at, upper)[0], table.parameter_derivative(at), table.log_pdf(at)
    cdf, sf = (1 - small, small) if upper else (small, 1 - small)
    values = {"quantile": exact, "x": x, "cdf": cdf, "sf": sf, "log_pdf": log_pdf, "dx": derivative}
    return {"p": p, "upper": upper} | values


def compute(name: str, parameters: tuple[Any, ...], order: int, width: float) -> dict[str, Any]:
    """All values of one row, as mpf."""
    law: Law = getattr(oracles, name)(*parameters)
    table = Table(law, order, width)
    mirror = Table(law.reflected, order, width) if law.reflected is not None else None
    levels = [(p, False) for p in LOWER] + [(p, True) for p in UPPER]
    return summary(name, parameters, table) | {"points": [point(p, upper, table, mirror) for p, upper in levels]}


def difference(first: dict[str, Any], second: dict[str, Any]) -> mpf:
    """The largest difference of two computations of a row; points whose doubles x differ by rounding are an error."""
    worst = [abs(value - second[key]) / (1 + abs(value)) for key, value in first.items() if key != "points"]
    for one, two in zip(first["points"], second["points"], strict=True):
        if one["x"] != two["x"]:
            raise ArithmeticError(f"quantiles differ: {one['x']!r} and {two['x']!r}")
        worst += [abs(one[key] - two[key]) / abs(one[key]) for key in ("quantile", "cdf", "sf", "dx")]
        worst.append(abs(one["log_pdf"] - two["log_pdf"]) / (1 + abs(one["log_pdf"])))
    return max(worst)


def row(name: str, parameters: tuple[Any, ...]) -> dict[str, Any]:
    """One row as it is stored."""
    with mp.workdps(50):
        first = compute(name, parameters, 32, 1.0)
    with mp.workdps(60):
        second = compute(name, parameters, 40, 0.8)
        error = difference(first, second)
    if error > mpf(10) ** -DIGITS:
        raise ArithmeticError(f"{name}{parameters}: two computations differ by {mp.nstr(error, 3)}")

    def text(value: Any) -> Any:
        return mp.nstr(value, DIGITS) if isinstance(value, mpf) else value

    stored = {key: text(value) for key, value in second.items() if key != "points"}
    points = [{key: text(value) for key, value in entry.items()} for entry in second["points"]]
    return dict(zip(GRIDS[name][0], parameters, strict=True)) | stored | {"error": float(error), "points": points}


def write(names: list[str]) -> None:
    """Compute and store the rows of the named laws."""
    for name in names:
        rows = [row(name, parameters) for parameters in tqdm(GRIDS[name][1], desc=name)]
        provenance = {
            "command": "python -m tests.support.reference.generate",
            "mpmath": mpmath.__version__,
            "working_digits": [50, 60],
            "stored_digits": DIGITS,
            "error": max(entry["error"] for entry in rows),
        }
        lines = ",\n".join(json.dumps(entry) for entry in rows)
        text = f'{{"provenance": {json.dumps(provenance)},\n"rows": [\n{lines}\n]}}\n'
        (REFERENCE / f"{name}.json").write_text(text)


def check(names: list[str]) -> int:
    """Recompute a random tenth of each law's rows; the number that differ from what is stored beyond the last digit."""
    failures = 0
    for name in names:
        stored = oracles.load(name)
        keys = GRIDS[name][0]
        chosen = random.sample(stored, max(2, len(stored) // 10))
        for old in tqdm(chosen, desc=f"check {name}"):
            if not same(old, row(name, tuple(old[key] for key in keys))):
                failures += 1
                tqdm.write(f"{name} {[old[key] for key in keys]} differs")
    return failures


def same(old: Any, new: Any) -> bool:
    """Equal structure, and numbers equal to one unit of the last stored digit."""
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old if key != "error")
    if isinstance(old, list):
        return len(old) == len(new) and all(map(same, old, new))
    if isinstance(old, str):
        return abs(mpf(old) - mpf(new)) <= abs(mpf(old)) * mpf(10) ** (1 - DIGITS)
    return old == new


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"laws, of {', '.join(GRIDS)}; all by default")
    parser.add_argument("--check", action="store_true", help="compare a random tenth of the stored rows")
    options = parser.parse_args()
    unknown = set(options.names) - set(GRIDS)
    if unknown:
        parser.error(f"no law {', '.join(sorted(unknown))}")
    names = options.names or list(GRIDS)
    if options.check:
        return min(check(names), 1)
    write(names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
