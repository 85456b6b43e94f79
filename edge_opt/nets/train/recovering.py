"""What every change of a network ends with: statistics that fit it again, and a training that makes up for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_opt.nets.train.fitting import fit
from edge_opt.nets.train.judging import LOOKED_AT
from edge_opt.nets.train.normalisation import reestimate
from edge_opt.nets.train.schedule import Schedule
from edge_opt.types import Context, Trained


def recover(
    student: Any, teacher: Any, context: Context, schedule: Schedule, *, name: str, what: str
) -> tuple[Any, Trained]:
    """``student`` trained to answer as before it was changed, and how that went; it is changed in place.

    ``name`` is where its checkpoints lie, and ``what`` is told while it lasts. Raises what :func:`fit` raises.
    """
    reestimate(student, np.load(context.lesson.inputs, mmap_mode="r")[:LOOKED_AT])
    return fit(
        student,
        teacher,
        context.lesson,
        schedule,
        seed=context.seed,
        checkpoints=context.checkpoints / name,
        progress=context.progress,
        what=what,
    )
