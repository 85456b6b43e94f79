"""The one training loop of the project: a student taught by a network that already knows, and by labels."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from edge_opt.errors import ModelError
from edge_opt.nets.train.classroom import Classroom
from edge_opt.nets.train.keeping import State, fingerprint, keep, kept
from edge_opt.nets.train.looking import tolerated, unlearned
from edge_opt.nets.train.normalisation import following
from edge_opt.nets.train.samples import Augmentation
from edge_opt.nets.train.schedule import Schedule, Way
from edge_opt.nets.train.telling import Telling
from edge_opt.types import Lesson, Trained

_CHECKPOINT_S = 30.0  # between two, inside an epoch
_WINDOW_S = 1.0  # over which it is seen how fast training goes
_LATE = 1.05  # of the time that is left: less is noise
_SLOWER = 0.1
_SOON = 50  # steps before which nobody has to know anything
_LONG = 300  # steps without a better accuracy, however few an epoch has


def fit(
    student: Any,
    teacher: Any,
    lesson: Lesson,
    schedule: Schedule,
    *,
    seed: int,
    checkpoints: Path,
    progress: Path,
    what: str,
) -> tuple[Any, Trained]:
    """``student`` with the weights of its best epoch, and how it got there; it is changed in place.

    The best is the one most accurate on the selection split, of equal ones that of the lowest loss; epoch 0, before any
    training, counts too. Called again after a kill, it goes on from the last checkpoint in ``checkpoints`` and ends
    where it would have ended. ``progress`` is a file that tells ``types.Progress`` as JSON, and ``what`` names it.

    Raises DataError where the lesson has nothing to teach, InputError where student and teacher do not answer alike,
    ModelError where the loss becomes NaN even at a tenth of the rate.
    """
    begun = time.monotonic()
    with following(student):
        room = Classroom(student, teacher, lesson, schedule, seed)
        name = fingerprint(student, room.samples, room.schedule, seed)
        state = _Training(room, checkpoints / f"{name}.npz", Telling(progress, what), begun).run()
        room.restore(state.best)
        room.close()
    return student, Trained(
        epochs=math.ceil(state.way.done / room.per_epoch),
        best_epoch=state.best_epoch,
        steps=state.way.done,
        samples=len(room.samples.inputs),
        seconds=state.seconds,
        accuracy=state.accuracy,
        teacher_accuracy=room.teacher_accuracy,
        augmentation=state.augmentation,
    )


def _tolerated(room: Classroom) -> Augmentation:
    samples = room.samples
    return tolerated(room.ask, samples.selection, samples.selection_labels, samples.picture)


class _Training:
    """One training in one process: begun, or taken up where a checkpoint left it."""

    def __init__(self, room: Classroom, checkpoint: Path, telling: Telling, begun: float) -> None:
        self._room, self._checkpoint, self._telling = room, checkpoint, telling
        self._start = room.values()
        found = kept(checkpoint)
        room.augmentation = found.augmentation if found else _tolerated(room)
        room.remember_answers(checkpoint.with_suffix(".answers"))
        self.state = found or self._begin(begun)
        self._begun = begun - (found.seconds if found else 0.0)  # as if all of it had been in one go
        if found is None:
            self._keep()
        self._kept_at = self._window_at = time.monotonic()
        self._window_from, self._slowness = self.state.way.done, 1.0

    def run(self) -> State:
        """The state at the end, which is also what is kept."""
        state, room = self.state, self._room
        room.restore(state.student)
        room.stepper.remember(tuple(state.memory))
        while not state.finished:
            way = state.way
            loss = room.step(way.done, way.rate() * room.schedule.rate * state.slower)
            if not math.isfinite(loss):
                self._restart()
                continue
            state.loss += loss
            way.advance()
            self._pace()
            if way.left == 0 or way.done % room.per_epoch == 0:
                self._look()
            elif time.monotonic() - self._kept_at > _CHECKPOINT_S:
                self._keep()
            self._tell(loss)
        return state

    def _begin(self, begun: float) -> State:
        room = self._room
        accuracy, loss = room.look()
        pace = room.pace()
        steps = room.per_epoch * room.schedule.epochs
        if room.schedule.seconds is not None:
            left = room.schedule.seconds - (time.monotonic() - begun)
            steps = max(1, pace.fitting(left, 0, steps, room.per_epoch))
        return State(
            way=Way.of(steps),
            pace=pace,
            student=self._start,
            memory=list(room.stepper.memory()),
            best=self._start,
            accuracy=accuracy,
            selection_loss=loss,
            first=(accuracy, loss),
            augmentation=room.augmentation,
        )

    def _restart(self) -> None:
        """From the start at a tenth of the rate, once."""
        state, room = self.state, self._room
        if state.slower < 1:
            raise ModelError(
                f"the loss of '{self._telling.what}' becomes NaN or infinite, even at a rate of "
                f"{room.schedule.rate * state.slower:g}",
                "look for values in the training data that are far outside of the range of the others",
            )
        room.restore(self._start)
        room.stepper.forget()
        state.slower, state.loss, state.stale = _SLOWER, 0.0, 0
        state.way = Way.of(state.way.done + state.way.left)
        self._window_at, self._window_from = time.monotonic(), 0

    def _look(self) -> None:
        """At the end of an epoch: keep the student where it is the best so far, and write all down."""
        state, room = self.state, self._room
        accuracy, loss = room.look()
        # asked once, of the first epoch that ends a while after the start
        due = (state.way.done - 1) // room.per_epoch * room.per_epoch < _SOON <= state.way.done
        if due and state.slower == 1.0 and unlearned(state.first, (accuracy, loss), room.classes):
            self._restart()
            return
        state.stale += 1
        if (accuracy, -loss) > (state.accuracy, -state.selection_loss):
            state.stale = 0 if accuracy > state.accuracy else state.stale
            state.accuracy, state.selection_loss, state.best = accuracy, loss, room.values()
            state.best_epoch = math.ceil(state.way.done / room.per_epoch)
        state.loss = 0.0
        bored = state.stale >= room.schedule.patience and state.stale * room.per_epoch >= _LONG
        state.finished = state.way.left == 0 or bored
        self._keep()

    def _pace(self) -> None:
        """Compare with what was predicted, and leave out what does not fit into the time any more."""
        state, room = self.state, self._room
        took = time.monotonic() - self._window_at
        if took < _WINDOW_S:
            return
        done = state.way.done
        self._slowness = took / state.pace.cost(self._window_from, done - self._window_from, room.per_epoch)
        self._window_at, self._window_from = time.monotonic(), done
        if room.schedule.seconds is None:
            return
        left = room.schedule.seconds - (time.monotonic() - self._begun)
        if self._left_s() > _LATE * max(left, 0.0):
            state.way.shorten(state.pace.fitting(left / self._slowness, done, state.way.left, room.per_epoch))

    def _left_s(self) -> float:
        way = self.state.way
        return self._slowness * self.state.pace.cost(way.done, way.left, self._room.per_epoch)

    def _keep(self) -> None:
        self.state.student, self.state.memory = self._room.values(), list(self._room.stepper.memory())
        self.state.seconds = time.monotonic() - self._begun
        keep(self.state, self._checkpoint)
        self._kept_at = time.monotonic()

    def _tell(self, loss: float) -> None:
        state, each = self.state, self._room.per_epoch
        within = state.way.done % each
        self._telling.tell(
            state.way.done // each,
            math.ceil((state.way.done + state.way.left) / each),
            loss=state.loss / within if within else loss,
            accuracy=state.accuracy,
            left_s=0.0 if state.finished else self._left_s(),
            now=state.finished,
        )
