"""Random numbers of a test follow from its name, so that a failure repeats; FREE_SEEDS=1 draws new ones.

The seed is printed where a test fails; TEST_SEED=<that number>, on the one test, repeats a failure of FREE_SEEDS.
"""

from __future__ import annotations

import hashlib
import os
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import settings

collect_ignore_glob = [] if find_spec("torch") else ["support/torch/*", "hyperdist_torch/*"]

EXTRAS = {
    "hyperdist/distributed": "dask", "hyperdist/jax": "jax", "hyperdist/numpyro.py": "numpyro",
    "hyperdist/plot": "matplotlib",
}  # fmt: skip
"""Parts that cannot be imported, so that pytest cannot collect their examples, without a package."""

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, max_examples=60)
settings.register_profile("free", deadline=None, database=None, max_examples=300, print_blob=True)
settings.load_profile("free" if os.environ.get("FREE_SEEDS") == "1" else "repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Leave out the examples of parts whose package is not installed; a conftest's own list is of its folder alone."""
    lacking = [str(config.rootpath / part) for part, package in EXTRAS.items() if find_spec(package) is None]
    config.option.ignore = [*(config.option.ignore or []), *lacking]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all that lies in a folder of that name as using torch; other tests say so themselves."""
    for item in items:
        if "hyperdist_torch" in item.path.parts:
            item.add_marker(pytest.mark.torch)


def seed_of(nodeid: str) -> int:
    """A seed that depends on the test's name only, the same on every machine and in every order of tests."""
    if "TEST_SEED" in os.environ:
        return int(os.environ["TEST_SEED"])
    if os.environ.get("FREE_SEEDS") == "1":
        return int(np.random.SeedSequence().generate_state(2, np.uint64)[0])
    return int.from_bytes(hashlib.sha256(nodeid.encode()).digest()[:8], "big")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this test; shown by pytest where the test fails."""
    value = seed_of(request.node.nodeid)
    print(f"seed of {request.node.nodeid}: TEST_SEED={value}")
    return value


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """A generator of this test's own."""
    return np.random.default_rng(seed)


@pytest.fixture(autouse=True)
def _torch_as_it_was(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's own generator, which gradgradcheck and draws without a generator use, starts from the test's seed.

    torch's compiler turns the validation of all distributions off for good when it first comes in; one test's use of it
    must not do so for the next.
    """
    if "torch" in sys.modules and hasattr(sys.modules["torch"], "distributions"):
        torch = sys.modules["torch"]
        torch.manual_seed(seed % 2**63)
        kind = torch.distributions.Distribution
        monkeypatch.setattr(kind, "_validate_args", kind._validate_args)
