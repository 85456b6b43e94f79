"""What takes minutes under emulation, and so runs where it is asked for."""

from __future__ import annotations

import os

import pytest

ASKED = "EDGE_OPT_AT_LENGTH"
at_length = pytest.mark.skipif(
    os.environ.get(ASKED) != "1",
    reason=f"it takes minutes under emulation: 'make test-devices' runs it, or {ASKED}=1",
)
