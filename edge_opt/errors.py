"""Everything that can go wrong on the user's side: one sentence that says what, one that says what to do.

::

    EdgeOptError            exit 2, no traceback (``--debug`` shows it)
    ├── InputError          a file, folder or value the user gave
    │   ├── ModelError      not a model, a broken one, one that carries code
    │   ├── DataError       no samples, a class without any, labels that do not fit
    │   └── UnknownName     no such target, recipe, format …, with the nearest that exists
    ├── MissingPackage      an optional dependency, with the command that installs it
    ├── StepFailed          work in a process of its own came back with an error
    │   ├── Crashed         … died from a signal
    │   ├── TimedOut        … took longer than its limit
    │   └── OutOfMemory     … used more than its limit
    ├── DeviceError         a device that cannot be used: no such host, no right, no Python on it
    │   ├── DeviceBusy      … another edge-opt has been measuring there for too long
    │   └── DeviceLost      … it no longer answers in the middle of the work
    └── RunError            the run folder: no room left, written by another version, not a run
        └── AnotherRequest  … begun for something else than what is asked now
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EdgeOptError(Exception):
    """What is wrong, with the value in quotes; ``hint`` says what to do about it."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[EdgeOptError], tuple[str, str]]:
        # errors cross process boundaries: pickle must rebuild the hint too
        return type(self), (self.message, self.hint)


class InputError(EdgeOptError):
    """A file, folder or value that the user gave cannot be used."""


class ModelError(InputError):
    """The model file cannot be read, is not a model, or carries code."""


class DataError(InputError):
    """The data set cannot be used as it is."""


class UnknownName(InputError):
    """A name that is not in its table; build it with :meth:`among`."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> UnknownName:
        """The error for ``name``, with the nearest of ``known``, or all of them where none is near."""
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"
        return cls(f"there is no {kind} '{name}'", hint)


class MissingPackage(EdgeOptError):
    """An optional dependency is not installed; build it with :meth:`of`."""

    @classmethod
    def of(cls, package: str, extra: str, purpose: str) -> MissingPackage:
        """The error for ``package``, which the extra ``extra`` installs and ``purpose`` needs."""
        return cls(
            f"{purpose} needs the package '{package}', which is not installed", f"pip install 'edge-opt[{extra}]'"
        )


class StepFailed(EdgeOptError):
    """Work that ran in a process of its own came back with an error of its libraries."""


class Crashed(StepFailed):
    """The process died from a signal."""


class TimedOut(StepFailed):
    """The process took longer than its limit and was ended."""


class OutOfMemory(StepFailed):
    """The process used more memory than its limit and was ended."""


class DeviceError(EdgeOptError):
    """The device cannot be used: nothing is known of the artifact, so this is no StepFailed of it."""


class DeviceBusy(DeviceError):
    """The device is taken."""


class DeviceLost(DeviceError):
    """The device no longer answers: what it finished before is kept."""


class RunError(EdgeOptError):
    """The run folder cannot be written or read."""


class AnotherRequest(RunError):
    """The run folder was begun for something else than what is asked now."""
