"""README's examples run as they stand, and its links lead somewhere."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest

from validation import readme

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "validation" / "reports" / "accuracy" / "record.json"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_examples_give_what_they_show():
    examples = doctest.DocTestParser().get_doctest(README.replace("\n```", "\n\n```"), {}, "README.md", "README.md", 0)
    assert len(examples.examples) >= 10
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).run(
        examples, out=report.append
    )
    assert result.failed == 0, "".join(report)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", README))
def test_link_leads_somewhere(target):
    assert (ROOT / target).exists()


def test_picture_is_small():
    assert (ROOT / ".github" / "picture.webp").stat().st_size < 150_000


@pytest.mark.skipif(not RECORD.exists(), reason="no accuracy record is committed")
def test_accuracy_table_is_the_record():
    """And says whether its sources have changed since; `python -m validation readme` writes both."""
    assert readme.fill(README, readme.table(json.loads(RECORD.read_text(encoding="utf-8")))) == README


def test_both_commands_install_what_they_run():
    assert "pip install -c .ci/constraints.txt -e '.[validation]' && python -m validation\n" in README
    assert "pip install -c .ci/constraints.txt -e '.[test]' && pytest -n auto\n" in README
