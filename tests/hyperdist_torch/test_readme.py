"""README's examples in torch and JAX run as they stand, one after another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("pyro")
pytest.importorskip("jax")

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
EXAMPLES = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if ">>>" not in block]


def test_examples_run() -> None:
    assert len(EXAMPLES) == 6
    names: dict[str, object] = {}
    for block in EXAMPLES:
        exec(block, names)
    assert names["z"].shape == (8, 128, 20)
    assert all(p.grad is not None for p in names["model"].parameters())
    assert any(p.grad.abs().max() > 0 for p in names["field"].parameters())
    assert all(p.grad is not None for p in names["genes"].parameters())
    assert names["chain"].get_samples()["mu"].shape == (20, 2)
    assert names["slope"] > 0.0
    assert names["seen"].shape == (100, 2)
    assert names["x"].shape == (256, 3)
