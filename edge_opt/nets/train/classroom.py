"""A student, its teacher and their samples: which step of a training is which, what it does, and what it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import InputError
from edge_opt.nets.train.answering import answering, fixed_batch, scale
from edge_opt.nets.train.looking import judged
from edge_opt.nets.train.samples import Augmentation, Samples, opened
from edge_opt.nets.train.schedule import Pace, Schedule
from edge_opt.nets.train.steps import Stepper
from edge_opt.nets.train.teaching import Teaching
from edge_opt.types import Lesson

_PACED = 6  # steps by which the pace is predicted, after the first, which compiles


class Classroom:
    """Everything that a training works with; what it has reached is kept elsewhere."""

    def __init__(self, student: Any, teacher: Any, lesson: Lesson, schedule: Schedule, seed: int) -> None:
        classes = _classes(student, teacher)
        self.student, self.seed, self.classes = student, seed, classes
        self.samples = opened(lesson, classes)
        self.schedule = _teachable(schedule, self.samples)
        self.ask, self._look = answering(teacher), answering(student)
        taught = self.ask(self.samples.selection)
        self.kind = scale(teacher, taught)
        self.teacher_accuracy, _ = judged(taught, self.samples.selection_labels, self.kind)
        self.augmentation: Augmentation = ()
        self.batch = fixed_batch(student) or min(schedule.batch, len(self.samples.inputs))
        self.per_epoch = max(1, len(self.samples.inputs) // self.batch)
        student.trainable = True
        _draw_from(student, seed)
        self.stepper = Stepper(student, self.kind, schedule.temperature, self.schedule.soft)
        self._teaching: Teaching | None = None
        self._untaught = np.zeros((self.batch, classes), np.float32)
        self._drawn: tuple[int, NDArray[np.int64], NDArray[np.int16]] | None = None

    def remember_answers(self, path: Path) -> None:
        """Ask the teacher only once for a sample that is never changed, and keep it in ``path`` until :meth:`close`."""
        if self.schedule.soft > 0 and not self.augmentation:
            self._teaching = Teaching(self.ask, self.samples, self._untaught.shape[1], path)

    def close(self) -> None:
        """Leave nothing behind."""
        if self._teaching is not None:
            self._teaching.close()

    def step(self, done: int, rate: float) -> float:
        """The loss of the step after ``done``: which samples it sees, and how, depends on the seed and on that only."""
        epoch, place = divmod(done, self.per_epoch)
        order, moves = self._drawn_for(epoch)
        places = order[place * self.batch : (place + 1) * self.batch]
        return self._learn(places, moves[places], rate)

    def look(self) -> tuple[float, float]:
        """The accuracy of the student on the selection split, and its cross-entropy."""
        return judged(self._look(self.samples.selection), self.samples.selection_labels, self.kind)

    def pace(self) -> Pace:
        """What a step, the teacher and a look take, from a few of each; nothing is learned by it."""
        before, memory = self.values(), self.stepper.memory()
        places = np.arange(self.batch, dtype=np.int64) % len(self.samples.inputs)
        moves = self.samples.moves(self.augmentation, np.random.default_rng(0))[places]
        self._learn(places, moves, 0.0)
        step = min(_timed(lambda: self._learn(places, moves, 0.0)) for _ in range(_PACED))
        looking = _timed(self.look)
        teaching = 0.0
        if self.schedule.soft > 0 and not self.augmentation:
            teaching = _timed(lambda: self.ask(self.samples.batch(places, moves)))
        self.restore(before)
        self.stepper.remember(memory)
        return Pace(step=step, teaching=teaching, looking=looking)

    def values(self) -> list[NDArray[Any]]:
        """All variables of the student: weights, statistics, and what dropout draws from."""
        return [np.array(variable.numpy()) for variable in self.student.variables]

    def restore(self, values: list[NDArray[Any]]) -> None:
        """Give the student earlier :meth:`values`."""
        for variable, value in zip(self.student.variables, values, strict=True):
            variable.assign(value)

    def _learn(self, places: NDArray[np.int64], moves: NDArray[np.int16], rate: float) -> float:
        labels = np.zeros(len(places), np.int64) if self.samples.labels is None else self.samples.labels[places]
        taken, taught = self.samples.batch(places, moves), self._untaught
        if self._teaching is not None:
            taught = self._teaching(places)
        elif self.schedule.soft > 0 and self.augmentation:
            # what it says of the picture as it was is 0.3 points worse; Beyer et al. (2022), arXiv 2106.05237
            taught = self.ask(taken)
        return self.stepper(taken, taught, labels, rate)

    def _drawn_for(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
        if self._drawn is None or self._drawn[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            order = rng.permutation(len(self.samples.inputs))
            # fewer samples than a model of a fixed batch takes are repeated
            order = np.resize(order, max(len(order), self.batch))
            self._drawn = epoch, order, self.samples.moves(self.augmentation, rng)
        return self._drawn[1:]


def _timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _classes(student: Any, teacher: Any) -> int:
    (wanted, found) = (tuple(model.outputs[0].shape)[1:] for model in (teacher, student))
    if wanted != found or len(student.outputs) != 1 or len(teacher.outputs) != 1:
        raise InputError(
            f"the network to train answers with shape '{found}', and its teacher with '{wanted}'",
            "change only what comes before the last layer",
        )
    return int(wanted[-1])


def _teachable(schedule: Schedule, samples: Samples) -> Schedule:
    if samples.labels is not None:
        return schedule
    if schedule.soft == 0:
        raise InputError(
            "fine-tuning without the teacher's answers needs labels, and the training split has none",
            "train with the teacher's answers",
        )
    return replace(schedule, soft=1.0)


def _draw_from(student: Any, seed: int) -> None:
    """Let dropout and the like draw the same in every process: their state is ``(seed, count)``."""
    weights = {id(variable) for variable in student.weights}
    states = [variable for variable in student.variables if id(variable) not in weights]
    for place, variable in enumerate(states):
        if tuple(variable.shape) == (2,) and "int" in str(variable.dtype):
            variable.assign(np.array([(seed * 1000 + place) % 2**31, 0], str(variable.dtype)))
