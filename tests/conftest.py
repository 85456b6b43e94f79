"""What every test can count on: where the checkout is, quiet libraries, properties that ignore the clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from edge_opt import turns

# before any test imports a framework, and inherited by the processes that tests start
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ["EDGE_OPT_CACHE"] = "off"  # nothing that a test makes is taken from, or left in, the cache of its user

# a pytest that a test starts is no worker of the one that runs the test
for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
    del os.environ[name]

settings.register_profile("all", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("quick", settings.get_profile("all"), max_examples=25)


def pytest_configure(config: pytest.Config) -> None:
    """Fewer examples of each property in the quick half of the tests."""
    settings.load_profile("quick" if config.getoption("markexpr") else "all")


@pytest.fixture(scope="session", autouse=True)
def to_ourselves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test waits for another edge-opt on this machine, nor for the disk: none has to outlive a power cut.

    For this process only: the commands that tests start wait and write as those of a user.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "_ROOM", tmp_path_factory.mktemp("turns") / "lock")
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).resolve().parent.parent
