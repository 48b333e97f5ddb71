"""Without torch the tests here are skipped by their own import; modules that they share are not collected either."""

import sys
from importlib.util import find_spec

import pytest

collect_ignore = [] if find_spec("torch") else ["device.py", "flows.py", "laws.py"]


@pytest.fixture(autouse=True)
def _seeded(seed: int) -> None:
    """torch's own generator, which gradgradcheck and draws without a generator use, starts from the test's seed."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed % 2**63)
