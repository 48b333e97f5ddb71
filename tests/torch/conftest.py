"""Without torch the tests here are skipped by their own import; modules that they share are not collected either."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

collect_ignore = [] if find_spec("torch") else [
    path.name for path in Path(__file__).parent.glob("*.py") if not path.name.startswith(("test_", "conftest"))
]  # fmt: skip


@pytest.fixture(autouse=True)
def _validating(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's compiler turns the validation of all distributions off for good when it first comes in; one test's use of
    it must not do so for the next."""
    if "torch" in sys.modules:
        kind = sys.modules["torch"].distributions.Distribution
        monkeypatch.setattr(kind, "_validate_args", kind._validate_args)


@pytest.fixture(autouse=True)
def _seeded(seed: int) -> None:
    """torch's own generator, which gradgradcheck and draws without a generator use, starts from the test's seed."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed % 2**63)
