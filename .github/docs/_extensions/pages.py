"""Pages that are made of what stands elsewhere: the records' tables, the API's lists, the examples at their size."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import docstrings

ROOT = Path(__file__).parents[3]

QUICK = re.compile(r"^(?P<set>\s*\w+ = )(?P<full>.+?)  # quick: (?P<quick>.+)$", re.MULTILINE)
"""``STEPS = 2000  # quick: 20``, a size in an example: what stands behind it is for continuous integration."""

_WIDE = "---\nhtml_theme.sidebar_secondary.remove: true\n---\n"
"""A page without the list of its sections, so that tables have its room."""
_HEADINGS = {"timing-flows": "# Processor time of flows", "earth": "# Mixtures and kernels on the Earth sets"}
"""Of tables whose own heading another has too."""


def examples(source: Path, target: Path, quick: bool) -> None:
    """The examples of a folder, at full size or quick; pages that the gallery made of examples now gone are removed."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    for path in target.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(QUICK.sub(r"\g<set>\g<quick>" if quick else r"\g<set>\g<full>", text), encoding="utf-8")
    for folder in source.iterdir():
        for page in (source.parent / folder.name).glob("*.rst"):
            if page.stem != "index" and not page.name.startswith("sg_") and not (folder / f"{page.stem}.py").exists():
                page.unlink()


def tables(target: Path) -> None:
    """A page for each validation/reports/NAME/table.md."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted((ROOT / "validation" / "reports").glob("*/table.md")):
        heading, _, rest = path.read_text(encoding="utf-8").partition("\n")
        heading = _HEADINGS.get(path.parent.name, heading)
        from_record = f"From the record `validation/reports/{path.parent.name}/record.json`."
        whole = rest.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")  # a figure and its interval on one line
        (target / f"{path.parent.name}.md").write_text(f"{_WIDE}{heading}\n\n{from_record}\n{whole}", encoding="utf-8")


def api(target: Path, packages: dict[str, str]) -> None:
    """A page for each package: what its docstring says, and a list of what it holds, with a page for each of these."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name, title in packages.items():
        module = import_module(name)
        lines = [title, "=" * len(title), "", f".. automodule:: {name}", "   :no-members:", ""]
        for heading, names in _listed(module).items():
            lines += [heading, "-" * len(heading), ""]
            if heading == "Values":
                lines += [_value(module, member) for member in names]
            else:
                lines += [".. autosummary::", "   :toctree: objects", "", *(f"   {member}" for member in names)]
            lines.append("")
        (target / f"{name}.rst").write_text("\n".join(lines), encoding="utf-8")


def _listed(module: ModuleType) -> dict[str, list[str]]:
    """The names of ``__all__`` by kind, but for modules and what the core names already."""
    kinds: dict[str, list[str]] = {"Classes": [], "Functions": [], "Values": []}
    for name in sorted(_public(module), key=str.lower):
        member = getattr(module, name)
        if inspect.ismodule(member) or _is_elsewhere(member, module):
            continue
        kind = "Classes" if inspect.isclass(member) else "Functions" if callable(member) else "Values"
        kinds[kind].append(name)
    return {kind: names for kind, names in kinds.items() if names}


def _value(module: ModuleType, name: str) -> str:
    """A line of a list: a value's name and the string that stands below it, in the module that makes it."""
    from sphinx.pycode import ModuleAnalyzer

    for source in [name for name in sys.modules if name.startswith(module.__name__)]:
        text = ModuleAnalyzer.for_module(source).find_attr_docs().get(("", name))
        if text:
            return f"- ``{name}``: {' '.join(map(docstrings.inline, text))}"
    return f"- ``{name}`` = ``{getattr(module, name)!r}``"


def _public(module: ModuleType) -> list[str]:
    own = [name for name in vars(module) if getattr(getattr(module, name), "__module__", "") == module.__name__]
    return getattr(module, "__all__", [name for name in own if not name.startswith("_")])


def _is_elsewhere(member: object, module: ModuleType) -> bool:
    """Whether ``hyperdist`` names it, or it is a law in the dress of Pyro or NumPyro, which its package tells."""
    core = import_module("hyperdist")
    if module.__name__.endswith("pyro") and getattr(member, "__name__", "") in core.__all__:
        return True
    return module is not core and any(getattr(core, name) is member for name in core.__all__)


def power(target: Path) -> None:
    """The table of planted faults, from the record."""
    record = json.loads((ROOT / "validation" / "reports" / "power" / "record.json").read_text(encoding="utf-8"))
    faults = record["settings"]["faults"]
    lines = ["| fault | as | found in | 95 % interval | by |", "| --- | --- | --: | --- | --- |"]
    for row in record["rows"]:
        if row["name"] in faults:
            fault, (low, high) = faults[row["name"]], row["interval95"]
            found = f"{round(row['value'] * row['n'])} of {row['n']}"
            by = ", ".join(fault["caught by"])
            lines.append(f"| {row['name']} | {fault['text']} | {found} | {low:.2f} to {high:.2f} | {by} |")
    for row in record["rows"]:
        if row["name"] not in faults:
            low, high = row["interval95"]
            lines += ["", f"{row['name'].capitalize()}: {row['metric']} {row['value']:.4f} ({low:.4f} to {high:.4f})."]
    _write(target, [*lines, "", f"Measured at commit {record['commit']}, {record['date'].split()[0]}."])


def report(target: Path) -> None:
    """The report of the validation, where one lies in the folder REPORT; a word on its absence where none does."""
    path = ROOT / os.environ.get("REPORT", "validation-report") / "report.md"
    if not path.exists():
        _write(target, ["This build of the site had no report at hand; the published one shows it here."])
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    _write(target, [f"##{line}" if line.startswith("#") else line for line in lines])


def _write(target: Path, lines: list[str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
