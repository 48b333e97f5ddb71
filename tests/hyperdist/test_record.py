"""Records: where a run came from."""

from __future__ import annotations

import subprocess

import pytest

from hyperdist.runs import record


def test_a_record_names_the_commit_of_its_checkout():
    root = record._ROOT
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    assert (root / "hyperdist" / "runs" / "record.py").is_file()
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True).stdout
    commit = record.provenance("x", ["hyperdist"], [])["commit"]
    assert commit is not None
    assert head.startswith(commit.removesuffix("+changes"))
