"""Files that are written whole or not at all, and the JSON of records."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from hyperdist._files import to_json, write_text


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "records" / "record.json"
    write_text(path, "old\n")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old\n"
    assert list(path.parent.iterdir()) == [path]


def test_infinities_and_nan_are_strings() -> None:
    assert json.loads(to_json({"x": math.inf, "y": [math.nan, 1.5], "z": (-math.inf,)})) == {
        "x": "inf", "y": ["nan", 1.5], "z": ["-inf"],
    }  # fmt: skip


def test_a_list_of_numbers_is_one_line() -> None:
    value = {"curve": [1, 2.5, None, True], "rows": [{"n": [3]}, []], "text": ["[\\n 1,\\n 2\\n]", "[ 1 ]"]}
    text = to_json(value)
    assert json.loads(text) == value
    assert ' "curve": [1, 2.5, null, true],\n' in text
    assert '   "n": [3]\n' in text
