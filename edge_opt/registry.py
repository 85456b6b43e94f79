"""What can be added to edge-opt, and where each one is: tables of ``"module:object"`` strings, imported on first use.

A package of its own adds to a kind with an entry point of the group ``edge_opt.<kind>`` (``edge_opt.exporters``, …).
The protocols say what one must offer; ``tests/conformance`` holds every registered one against them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from edge_opt.errors import UnknownName
from edge_opt.types import Change, Context, LayerError, Model, Quantization, Source, SourceKind

Kind = Literal["frontends", "passes", "exporters", "runtimes", "devices", "executors"]
Array = NDArray[Any]

TABLES: Mapping[Kind, Mapping[str, str]] = {
    "frontends": {
        "keras": "edge_opt.frontends.keras:frontend",
        "saved_model": "edge_opt.frontends.saved_model:frontend",
        "tflite": "edge_opt.frontends.tflite:frontend",
        "onnx": "edge_opt.frontends.onnx:frontend",
    },
    "passes": {
        "slim": "edge_opt.passes.slim:slim",
        "strided": "edge_opt.passes.strided:strided",
        "shallow": "edge_opt.passes.shallow:shallow",
    },
    "exporters": {
        "tflite": "edge_opt.exporters.tflite:exporter",
        "onnx": "edge_opt.exporters.onnx:exporter",
        "openvino": "edge_opt.exporters.openvino:exporter",
    },
    "runtimes": {
        "litert": "edge_opt.runtimes.litert",
        "onnxruntime": "edge_opt.runtimes.ort",
        "openvino": "edge_opt.runtimes.ov",
        "tflite-runtime": "edge_opt.runtimes.tfl",
    },
    "devices": {
        "local": "edge_opt.devices.local:LocalDevice",
        "callgrind": "edge_opt.devices.callgrind:CallgrindDevice",
        "ssh": "edge_opt.devices.ssh:SshDevice",
        "emulator": "edge_opt.devices.emulator:EmulatorDevice",
    },
    "executors": {
        "process": "edge_opt.executors.process:ProcessExecutor",
    },
}


class Frontend(Protocol):
    """A kind of trained model → its description, a float source at batch 1, and the framework's own outputs.

    ``accepts`` looks at names and first bytes only; the other two load the framework and run in a process of their own.
    One that can look inside has ``activity(path, inputs, allow_code) -> tuple[Activity, ...]`` too, run likewise: how
    many channels of each layer never answer. Without it a diagnosis says nothing of dead channels. One whose models can
    be changed has ``network(path, allow_code) -> Any``: the Keras 3 model that passes start from. Raises ModelError.
    """

    source: SourceKind  # of what :meth:`prepare` writes

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` looks like a model of this kind."""

    def prepare(self, path: Path, out: Path, allow_code: bool) -> tuple[Model, Source]:
        """The description of the model at ``path``, and the float source, batch 1, written to the new folder ``out``.

        Raises ModelError where it cannot be read, has free dimensions besides the batch, or carries code unasked.
        """

    def predict(self, path: Path, inputs: Array, allow_code: bool) -> Array:
        """What the framework itself answers, ``(n, classes)`` float32, for ``inputs`` ``(n, …)`` float32."""


class Pass(Protocol):
    """A Keras 3 network → one with less to compute, taught by the original until it answers as well.

    The first two only look at the word; the other runs in a process of its own, and goes on from its checkpoints where
    an earlier one was killed.
    """

    EXAMPLES: tuple[str, ...]  # words that it accepts, as ("slim50", "slim@2x")
    WORDS: str  # all of them, for people: "slim5 to slim95, slim@1.1x to slim@100x"
    PRICED: bool  # whether it looks at the times of the layers on the target, which take a while to measure

    def accepts(self, word: str) -> bool:
        """Whether ``word``, one of those before the last ``+`` of a recipe, asks for this pass."""

    def says(self, word: str) -> str:
        """What the pass does when it is asked for by ``word``, as a clause: "half of the channels removed"."""

    def apply(self, word: str, net: Any, teacher: Any, context: Context) -> tuple[Any, Change]:
        """The new network, and what was done. ``net`` comes of the passes before, ``teacher`` is the original.

        Neither is changed. Raises InputError where the network has nothing that this pass could take.
        """


class Exporter(Protocol):
    """A float source and a quantization → files that a runtime loads, with float32 inputs and outputs, batch 1.

    One that needs no SavedModel in between has ``export_function(frozen, out) -> Path`` too: the float32 file of a
    frozen TensorFlow function. Without it the single layers of a network take longer to write. One that can write an
    artifact anew has ``rewritten(path, out) -> Path``: the same network in another file, to calibrate the gate with.
    """

    format: str

    def variants(self, quantization: Quantization, source: SourceKind) -> tuple[str, ...]:
        """The ways to store ``quantization`` in this format, from such a source.

        ``("",)`` for one, names for several, ``()`` for none.
        """

    def export(self, source: Source, quantization: Quantization, variant: str, samples: Array, out: Path) -> Path:
        """Write the artifact into the empty folder ``out`` and return the file that the runtime opens.

        ``samples`` are calibration inputs, ``(n, …)`` float32 as the model sees them; used by ``static`` only.
        """

    def layer_errors(
        self, source: Source, quantization: Quantization, variant: str, samples: Array, out: Path
    ) -> tuple[LayerError, ...]:
        """How much ``quantization``, a static one, disturbs each layer, the worst first; ``out`` is a scratch folder.

        The names are those that ``Quantization.keep_float`` and ``wide`` take for this source and this format.
        """


class Runtime(Protocol):
    """A module of ``edge_opt.runtimes``; it imports its engine inside ``open``, so that looking costs nothing.

    One that needs an environment of its own has ``python() -> Path | None`` too: the interpreter that can import it.
    """

    FORMATS: tuple[str, ...]
    PACKAGES: tuple[str, ...]  # import names of which one must be installed

    def options(self, isa: Sequence[str]) -> tuple[Mapping[str, str], ...]:
        """The ways to run that deserve a trial of their own on ``isa``: ``({},)``, and ``{"precision": "bf16"}`` …"""

    def open(self, path: str, threads: int, options: Mapping[str, str]) -> Any:
        """A session: ``run(list[ndarray]) -> list[ndarray]``, ``inputs``, ``outputs``, ``executed``, ``version``."""


class Device(Protocol):
    """Where worker jobs run: this machine, a board over SSH, a browser. One job at a time.

    One that cannot do every mode has ``MODES``, those that it can, and refuses the others by an InputError. One that is
    elsewhere has ``ADDRESS``, an example of where: it is made with such an address, and may raise InputError.
    """

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer to ``job`` (``docs/worker-protocol.md``), run in a fresh process.

        Raises Crashed, TimedOut, OutOfMemory, or StepFailed with the runtime's own words.
        """


class Executor(Protocol):
    """Where other heavy work runs, each call in a process of its own."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """The future result of ``function(*arguments)``; both must pickle.

        Its exception is the EdgeOptError that was raised, or a StepFailed with the library's own words.
        """

    def close(self) -> None:
        """End what still runs."""


@cache
def _table(kind: Kind) -> dict[str, str]:
    added = {point.name: point.value for point in entry_points(group=f"edge_opt.{kind}")}
    return {**added, **TABLES[kind]}


def names(kind: Kind) -> tuple[str, ...]:
    """Every registered name of ``kind``, in the order of the table."""
    return tuple(_table(kind))


def load(kind: Kind, name: str) -> Any:
    """The object registered as ``name``; imports its module. Raises UnknownName."""
    table = _table(kind)
    if name not in table:
        raise UnknownName.among(kind.removesuffix("s"), name, table)
    module, _, attribute = table[name].partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found
