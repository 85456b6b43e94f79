"""``edge-opt diagnose`` as functions: plain values in, a diagnosis out, and its documents in a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

from edge_opt.errors import AnotherRequest, RunError
from edge_opt.flows.addresses import target_of
from edge_opt.flows.asked import device, executor, silent
from edge_opt.flows.diagnosis.confusions import draw_confusions
from edge_opt.flows.diagnosis.whole import Diagnosed, Request
from edge_opt.flows.diagnosis.whole import diagnose as diagnosed
from edge_opt.flows.given import temporary
from edge_opt.flows.prepare import frontend_of
from edge_opt.inputs import dataset as datasets
from edge_opt.results.report import diagnosis as texts
from edge_opt.store import Run, cache_folder
from edge_opt.types import Diagnosis, Watch


def diagnose(
    model: str | Path,
    data: str | Path,
    *,
    history: str | Path | None = None,
    target: str = "host",
    devices: Sequence[str] = (),
    output: str | Path | None = None,
    samples: int | None = None,
    seed: int = 0,
    allow_code: bool = False,
    watch: Watch = silent,
) -> Diagnosis:
    """What limits the model, the worst first, with the evidence.

    ``history`` are its learning curves; one that lies beside the model is found. ``samples`` are disturbed to measure
    robustness: by default as many as three minutes allow, at least 200. The folder ``output``, if given, keeps the
    documents and what need not be done twice. Raises EdgeOptError where nothing can be looked at.
    """
    return diagnose_into(
        output, model, data, history=history, target=target, devices=devices, samples=samples, seed=seed,
        allow_code=allow_code, watch=watch,
    ).diagnosis  # fmt: skip


def _opened(output: str | Path | None) -> AbstractContextManager[Run | None]:
    """The folder that keeps what was measured. Raises RunError where that is the run of another command."""
    if output is None:
        return nullcontext()
    try:
        return Run.start(Path(output), {"command": "diagnose"}, resume=True)
    except AnotherRequest as error:  # its list of options would be that of the other command
        raise RunError(f"'{output}' holds a run of another command", "give another -o") from error


def diagnosis_folder(model: str | Path, output: str | Path | None) -> Path:
    """Where the command line works: ``output``, or the folder ``runs/MODEL-diagnosis`` here."""
    return Path(output) if output else Path("runs") / f"{Path(model).stem}-diagnosis"


def diagnose_into(
    output: str | Path | None,
    model: str | Path,
    data: str | Path,
    *,
    history: str | Path | None = None,
    target: str = "host",
    devices: Sequence[str] = (),
    samples: int | None = None,
    seed: int = 0,
    allow_code: bool = False,
    watch: Watch = silent,
) -> Diagnosed:
    """The same with the model that it is of."""
    request = Request(
        model=Path(model),
        data=Path(data),
        target=target_of(target, devices),
        history=Path(history) if history else None,
        samples=samples,
        cache=cache_folder(os.environ),
        seed=seed,
        allow_code=allow_code,
    )
    frontend_of(request.model)  # before there is a folder: the commonest mistake is a mistyped path
    datasets.find(request.data)
    with _opened(output) as kept, temporary() as scratch, closing(executor()) as workers:
        run = kept or scratch
        found = diagnosed(request, run=run, device=device(request.target), executor=workers, watch=watch)
        if kept:
            if found.judged and found.diagnosis.behaviour:
                draw_confusions(found.diagnosis.behaviour, found.judged, found.classes, kept.folder)
            texts.write(found.diagnosis, found.model, kept.folder)
            kept.write("diagnosis.json", texts.render(found.diagnosis, found.model, "json"))
            kept.close()
    return found
