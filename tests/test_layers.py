"""The layers: what imports what, what `import hyperdist` loads, what lies where, what the wheel holds."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from graphlib import TopologicalSorter
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[1]
CORE = ROOT / "hyperdist"

TORCH = ROOT / "hyperdist_torch"

LAYERS = (
    "_moved",
    "_frozen",
    "arrays",
    "checks",
    "geometry",
    "radial",
    "spaces",
    "distributions",
    "",  # hyperdist/__init__.py itself
    "jax",
    "numpyro",
    "directional",
    "distributed",
    "runs",
    "testing",
    "trees",
    "earth",
    "plot",
)
"""DESIGN: a module imports only what stands above it here; inside a layer, anything but a circle."""

TORCH_LAYERS = (
    "_precision",
    "_host",
    "_parameters",
    "_random",
    "_implicit",
    "_pieces",
    "_law",
    "fast",
    "_states",
    "constraints",
    "transforms",
    "distributions",
    "",  # hyperdist_torch/__init__.py itself
    "pyro",
    "nn",
    "checkpoint",
    "vae",
    "flows",
    "datasets",
    "training",
    "experiments",
)
"""The same of hyperdist_torch, which imports hyperdist and never the other way."""

TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", "hyperdist", "hyperdist_torch", "tests", "validation"}

INSTALLED = {canonicalize_name(found.metadata["Name"]): found for found in distributions()}

OF_A_MACHINE = ("triton", "cuda-", "nvidia-")
"""How the names of what torch's builds for a GPU bring begin: each build wants its own versions."""

OPTIONAL = {
    "matplotlib": ("hyperdist.plot",),
    "mpl_toolkits": ("hyperdist.plot",),  # of Matplotlib
    "tqdm": ("hyperdist.distributions.mixture_fit", "hyperdist.runs.progress"),
    "dask": ("hyperdist.distributed",),
    "distributed": ("hyperdist.runs.places",),
    "pyarrow": ("hyperdist.distributed.files",),
    "zarr": ("hyperdist.distributed.files",),
    "jax": ("hyperdist.jax", "hyperdist.numpyro"),
    "numpyro": ("hyperdist.numpyro",),
}
"""Packages that may be missing, and the places that ask for each."""

HEAVY = (
    "torch",
    "jax",
    "numpyro",
    "mpmath",
    "matplotlib",
    "arviz",
    "pandas",
    "tqdm",
    "dask",
    "distributed",
    "scipy.special",
    "scipy.stats",
    "scipy.integrate",
)
"""What `import hyperdist` must not load: other packages, and the parts of SciPy that cost more than NumPy itself."""


def module_name(path: Path) -> str:
    """hyperdist/spaces/__init__.py -> hyperdist.spaces."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


CORE_MODULES = {module_name(path): path for path in sorted(CORE.rglob("*.py"))}
MODULES = CORE_MODULES | {module_name(path): path for path in sorted(TORCH.rglob("*.py"))}


def imports(name: str) -> set[str]:
    """The modules that a file imports anywhere in it, but for types; `from package import module` is the module."""
    path = MODULES[name]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    for_types = {id(inner) for block in guarded for inner in ast.walk(block)}
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{source}.{alias.name}"
                found.add(full if full in MODULES else source)
    return found - {name}


def layer(name: str) -> int:
    """How far down a module of its package stands."""
    package, _, rest = name.partition(".")
    layers, part = (LAYERS if package == "hyperdist" else TORCH_LAYERS), rest.partition(".")[0]
    assert part in layers, f"{name} has no layer: give it one in DESIGN's order"
    return layers.index(part)


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_only_what_stands_above_it(name):
    own = layer(name)
    for target in imports(name):
        if target.split(".")[0] == name.split(".")[0]:
            assert layer(target) <= own, f"{name} imports {target}, which stands below it"


def test_tests_that_use_torch_are_marked():
    """CI runs them again once torch is there."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        if "hyperdist_torch" not in path.parts and re.search(r"\btorch\b", text := path.read_text(encoding="utf-8")):
            assert "pytest.mark.torch" in text, path


@pytest.mark.parametrize("name", CORE_MODULES)
def test_core_imports_numpy_and_scipy_only(name):
    allowed = {"hyperdist", "numpy", "scipy", *sys.stdlib_module_names}
    allowed |= {package for package, prefixes in OPTIONAL.items() if name.startswith(prefixes)}
    assert {target.split(".")[0] for target in imports(name)} <= allowed


def test_no_import_is_circular():
    """A package's __init__ gathers its own modules, and they may name one another through it without a circle."""
    graph = {name: {t for t in imports(name) if t in MODULES and not name.startswith(f"{t}.")} for name in MODULES}
    list(TopologicalSorter(graph).static_order())


def test_import_loads_nothing_heavy():
    code = f"import hyperdist, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
@pytest.mark.parametrize("name", ["hyperdist_torch", "hyperdist_torch.flows", "hyperdist_torch.vae"])
def test_importing_with_torch_loads_nothing_heavy_either(name):
    """SciPy's parts cost half a second, which is for who calls what needs them."""
    heavy = [part for part in HEAVY if part not in ("torch", "tqdm", "mpmath")]
    heavy += ["scipy.optimize", "scipy.spatial", "scipy.linalg", "torchdiffeq", "lightning"]
    code = (
        f"import torch, sys; before = {{*sys.modules}}; import {name}; print({{*sys.modules}} & {{*{heavy}}} - before)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "set()"


def test_import_prints_and_warns_nothing():
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import hyperdist"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (run.stdout, run.stderr) == ("", "")


def test_top_level_holds_only_what_belongs_there():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    run = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT)
    tops = {line.partition("/")[0] for line in run.stdout.splitlines()}
    assert {name for name in tops if not name.startswith(".")} <= TOP_LEVEL


def test_names_promised_are_there():
    import hyperdist

    assert len(set(hyperdist.__all__)) == len(hyperdist.__all__)
    for name in hyperdist.__all__:
        assert getattr(hyperdist, name) is not None


def test_extras_and_python_are_as_promised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["optional-dependencies"]) == {
        "torch", "jax", "pyro", "experiments", "distributed", "validation",
        "plot", "maps", "core-test", "test", "docs", "all"
    }  # fmt: skip
    held = Requirement(project["optional-dependencies"]["all"][0]).extras
    assert held == set(project["optional-dependencies"]) - {"all"}
    assert {requirement.split(">")[0] for requirement in project["dependencies"]} == {"numpy", "scipy"}
    assert project["requires-python"] == ">=3.11"


def requirements() -> list[str]:
    """Those of the package and of all its extras, but for the extras themselves."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [r for extra, of in extras.items() if extra != "all" for r in of]
    return [requirement for requirement in wanted if not requirement.startswith("hyperdist[")]


def pins(name: str) -> dict[str, str]:
    """The versions of a file of constraints by the packages' names."""
    lines = (ROOT / ".ci" / name).read_text(encoding="utf-8").splitlines()
    found = [line.partition(";")[0].strip().partition("==") for line in lines if "==" in line.partition("#")[0]]
    return {canonicalize_name(package): version for package, _, version in found}


def test_every_requirement_has_a_tested_version():
    pinned = pins("constraints.txt")
    assert {canonicalize_name(Requirement(r).name) for r in requirements()} <= set(pinned)
    assert pinned["torch"] == "2.13.0"


def test_every_package_that_a_requirement_brings_is_pinned():
    """As far as it is installed here: what one brings that is not cannot be known."""
    left, seen = [(canonicalize_name(Requirement(r).name), "") for r in requirements()], set[tuple[str, str]]()
    while left:
        package, extra = left.pop()
        if (package, extra) in seen or package not in INSTALLED:
            continue
        seen.add((package, extra))
        for line in INSTALLED[package].requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                left += [(canonicalize_name(needed.name), extra) for extra in ("", *needed.extras)]
    # What was installed with the lowest versions brings packages of its time.
    brought = {package for package, _ in seen if not package.startswith(OF_A_MACHINE)}
    assert brought <= {*pins("constraints.txt"), *pins("lowest.txt")}


def test_the_lowest_versions_tested_are_those_declared():
    """On Python 3.11, the least that is declared: what its marker keeps from there is tested by the newest alone."""
    declared = {}
    for requirement in map(Requirement, requirements()):
        if requirement.marker is None or requirement.marker.evaluate({"python_version": "3.11"}):
            (least,) = (bound.version for bound in requirement.specifier if bound.operator == ">=")
            declared[canonicalize_name(requirement.name)] = least
    lowest = pins("lowest.txt")
    assert {package: lowest.get(package) for package in declared} == declared


def test_description_for_an_index_has_no_picture_beside_it(tmp_path):
    """README's pictures stand for themselves in their words; all else of it is there."""
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode().partition("\n\n")[2]
    assert not re.findall(r"\]\((?!https?:)[^)]*\)", text)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("*Picture: ") == readme.count("![") >= 3
    assert len(text.splitlines()) == len(readme.splitlines())


def test_source_distribution_holds_what_its_tests_read(tmp_path):
    (path,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    run = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=False, cwd=ROOT)
    tracked = set(run.stdout.splitlines()) if (ROOT / ".git").exists() else {"README.md", ".github/picture.webp"}
    assert tracked - names <= {".pre-commit-config.yaml"}


def test_editable_installs_put_two_packages_on_the_path(tmp_path):
    pytest.importorskip("editables")
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["editable"])
    with zipfile.ZipFile(wheel) as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist() if not name.startswith("hyperdist-"))
    assert set(re.findall(r"map_module\('(\w+)'", text)) == {"hyperdist", "hyperdist_torch"}


def test_wheel_holds_the_two_packages(tmp_path):
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.partition("/")[0] for n in names if ".dist-info/" not in n} == {"hyperdist", "hyperdist_torch"}
    assert {"hyperdist/py.typed", "hyperdist/__init__.py", "hyperdist_torch/py.typed"} <= set(names)
    assert any(n.endswith("/licenses/LICENSE") for n in names)
