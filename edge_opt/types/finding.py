"""What a user should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something a user should know: a stable code (``EO101``), how bad it is, what was seen, and what to do."""

    code: str
    level: Level
    message: str
    hint: str = ""
