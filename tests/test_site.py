"""The site's own parts: docstrings as reStructuredText, examples at their size, pages made of records and packages."""

from __future__ import annotations

import ast
import doctest
import re
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch

DOCS = Path(__file__).parents[1] / ".github" / "docs"
EXAMPLES = sorted((DOCS / "examples").rglob("*.py"))


@pytest.fixture
def part(monkeypatch):
    """A module of the site's extensions by its name."""
    monkeypatch.syspath_prepend(str(DOCS / "_extensions"))
    return import_module


DOCSTRING = """Distance of |x| and x_.

x, y : (*batch, d)  points; see ``dist_sq``
       and 1 * 2.
c : scalar;  d : (n,) or *args;
grid    whether to draw `it`.
returns (*batch)    length.
Accuracy  2 eps (Mathieu 2019, arXiv 1901.06033).
Raises ValueError where x_ is.
That is all::

- one
  line

    code(x)

>>> 1 + 1
2
"""


def test_fields_of_a_docstring(part):
    text = part("docstrings").convert(DOCSTRING)
    assert text.startswith("Distance of \\|x\\| and x\\_.\n\n:Parameters:\n    **x, y**\n        \\ ``(*batch, d)``\\ ")
    assert re.findall(r"^:(\w+):", text, re.MULTILINE) == ["Parameters", "Returns", "Accuracy", "Raises"]
    assert re.findall(r"^    \*\*(.+)\*\*$", text, re.MULTILINE) == ["x, y", "c", "d", "grid"]
    assert "`arXiv 1901.06033 <https://arxiv.org/abs/1901.06033>`__" in text
    assert ":py:obj:`dist_sq`" in text
    assert ".. code-block:: python\n\n    code(x)" in text
    assert ".. code-block:: pycon\n\n    >>> 1 + 1\n    2" in text


def test_no_mark_in_a_docstring_is_markup(part):
    publish = pytest.importorskip("docutils.core").publish_doctree
    from docutils.parsers.rst import roles

    convert = part("docstrings").convert
    roles.register_generic_role("py:obj", import_module("docutils.nodes").literal)
    texts = [DOCSTRING]
    for path in [*(DOCS.parents[1] / "hyperdist").rglob("*.py"), *(DOCS.parents[1] / "hyperdist_torch").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                texts.append(text)
    page = "\n\n..\n\n".join(map(convert, texts))
    publish(page, settings_overrides={"halt_level": 2, "report_level": 5, "syntax_highlight": "none"})


@pytest.mark.parametrize("quick", [True, False])
def test_examples_have_two_sizes(part, tmp_path, quick):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.py").write_text("N = 2_000  # quick: 20\nM = 3  # the number\n", encoding="utf-8")
    part("pages").examples(source, tmp_path / "made", quick)
    assert (tmp_path / "made" / "a.py").read_text() == f"N = {20 if quick else '2_000'}\nM = 3  # the number\n"


def test_every_table_of_a_record_is_a_page(part, tmp_path):
    pages = part("pages")
    pages.tables(tmp_path / "records")
    pages.power(tmp_path / "power.md")
    made = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "records").glob("*.md")}
    assert set(made) == {path.parent.name for path in (pages.ROOT / "validation" / "reports").glob("*/table.md")}
    headings = [next(line for line in text.splitlines() if line.startswith("# ")) for text in made.values()]
    assert len(set(headings)) == len(headings)
    assert (tmp_path / "power.md").read_text(encoding="utf-8").count("\n|") > 20


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
def test_the_api_lists_what_packages_offer(part, tmp_path):
    pytest.importorskip("sphinx")
    pages = part("pages")
    pages.api(tmp_path, {"hyperdist.directional": "Directions", "hyperdist_torch.nn": "Layers"})
    for name in ("hyperdist.directional", "hyperdist_torch.nn"):
        text = (tmp_path / f"{name}.rst").read_text(encoding="utf-8")
        assert all(re.search(rf"^   {member}$", text, re.MULTILINE) for member in sys.modules[name].__all__)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_begins_with_a_title(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines = (ast.get_docstring(tree) or "").splitlines()
    assert len(lines) > 2
    assert set(lines[1]) == {"="}
    assert len(lines[1]) == len(lines[0])


def pages_with_code() -> list[Path]:
    return [
        path
        for path in (*DOCS.glob("*.md"), *(DOCS / "guides").glob("*.md"))
        if "```python" in path.read_text(encoding="utf-8")
    ]


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
@pytest.mark.parametrize("path", pages_with_code(), ids=lambda path: path.stem)
def test_code_on_a_page_runs(path, request):
    """What it shows as output is what comes."""
    if path.stem == "distributed":
        pytest.importorskip("dask")
    if path.stem == "jax":
        pytest.importorskip("numpyro")
        config = pytest.importorskip("jax").config
        before = config.jax_enable_x64
        request.addfinalizer(lambda: config.update("jax_enable_x64", before))
    import_module("matplotlib").use("agg")
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    blocks = [block for block in blocks if "SLURMCluster" not in block]  # which needs a cluster of that kind
    shown = "\n".join(block for block in blocks if ">>>" in block)
    scope: dict[str, object] = {}
    exec(compile("\n".join(block for block in blocks if ">>>" not in block), path.name, "exec"), scope)
    test = doctest.DocTestParser().get_doctest(shown, {}, path.name, path.name, 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert runner.run(test, out=report.append).failed == 0, "".join(report)


def test_links_between_pages_lead_somewhere():
    built = {"gallery/index", "tutorials/index", "api/packages"}
    known = {path.relative_to(DOCS).as_posix().removesuffix(".md") for path in DOCS.rglob("*.md")} | built
    known |= {path.relative_to(DOCS / "examples").as_posix().removesuffix(".py") for path in EXAMPLES}
    for page in DOCS.rglob("*.md"):
        if page.relative_to(DOCS).parts[0] not in ("_made", "gallery", "tutorials", "api", "tables"):
            links = re.findall(r"\]\(([\w/.-]+)\)", page.read_text(encoding="utf-8"))
            assert {link.removesuffix(".md") for link in links} <= known, page
