"""stdout and stderr, whose reader may leave before the end, as ``head`` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast


class _Stream:
    """A text stream that is written to whether or not anybody still reads it, so that the command ends as it would.

    Where nothing of the ``result`` has been printed by then, writing raises BrokenPipeError once: work for nobody ends.
    """

    def __init__(self, stream: TextIO, result: _Stream | None = None) -> None:
        self._stream, self._result = stream, result or self
        self._begun = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As many characters as ``text`` has."""
        self._begun = True
        with self._unread():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        with self._unread():
            self._stream.flush()

    @contextmanager
    def _unread(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            # what is left goes nowhere: Python flushes again when it ends, and would exit with 120
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            if not self._result._begun:
                raise


@contextmanager
def outliving_readers() -> Iterator[None]:
    """Let stdout lose its reader at any time, and stderr once the result is being printed; before, BrokenPipeError."""
    out = _Stream(sys.stdout) if sys.stdout else None  # None where the caller closed it
    err = _Stream(sys.stderr, out) if sys.stderr else None
    with redirect_stdout(cast("TextIO", out)), redirect_stderr(cast("TextIO", err)):
        yield
