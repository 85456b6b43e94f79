"""Symptoms of the training, from its learning curves and from what the finished model has learned.

The thresholds were found on the real trainings in ``tests/fixtures/histories``, where tests hold them. A *problem*
needs a sign that is beyond chance, and an accuracy that shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from edge_opt import stats
from edge_opt.stages.diagnose import curves
from edge_opt.types import Fact, Fit, History, Symptom, TrainingEvidence

_Check = Callable[[TrainingEvidence], Iterator[Symptom]]

_LARGE_GAP, _GAP = 0.10, 0.03  # of accuracy, between what was trained on and what was not
_GAP_WITH_RISE, _HIGH_RISE = 0.06, 0.25  # smaller, but the validation loss has risen by a quarter since its best
_POOR, _FAIR = 0.75, 0.85  # of the way from chance to always right, on the samples that were trained on
_EARLY_GAP = 0.06  # at the best epoch: where it was no larger, the epochs after it made the gap
_RISE, _LOST = 0.10, 0.03  # of the validation loss since its best epoch; of the validation accuracy
_UNSTABLE, _UNSTEADY = 0.018, 0.012  # the up and down of the validation accuracy around its trend
_STILL_FALLING, _PROMISING = 0.15, 0.15  # the share of the fall in the last third; what as many epochs more promise
_NOISY, _NOISY_NATS = 0.03, 0.01  # the up and down of the training loss, as a share and in its own unit
_STUCK, _STUCK_SOMEWHERE = 0.1, 0.6  # of the way from chance, and where chance is not known: two classes have 0.5
_FLAT = 0.02  # the range of a loss that does not move
_CLIMB, _CLIMB_NATS = 0.25, 0.1  # of the training loss itself, above its lowest


def symptoms(trained: TrainingEvidence) -> Iterator[Symptom]:
    """Every symptom of the training."""
    for check in CHECKS:
        yield from check(trained)


def overfitting(trained: TrainingEvidence) -> Iterator[Symptom]:
    """Much more is right of what was trained on than of what was not."""
    gap, surely = _gap(trained)
    if gap < _GAP or surely <= 0:
        return
    history = trained.history
    level, held_out = _levels(trained)
    facts: dict[str, Fact] = {"trained": level, "held_out": held_out, "gap": gap, **_epochs(history)}
    if history and history.val_loss:
        facts["epoch"] = curves.best(history.val_loss)
    late = _too_long(trained)
    yield Symptom(
        code="EO701",
        severity="problem" if _overfits(trained) and not late else "warning",
        size=gap,
        facts=facts,
        explained_by="EO704" if late else "",
    )


def underfitting(trained: TrainingEvidence) -> Iterator[Symptom]:
    """Not even what was trained on is answered well, and the rest no worse: the model has not the capacity."""
    level, held_out = _levels(trained)
    known = [value for value in (level, held_out, *_ends(trained.history)) if not math.isnan(value)]
    if math.isnan(level) or not known:
        return
    # a model that was better in its training gets other data now: that is another problem
    chance = trained.fit.chance if trained.fit else 0.0
    learned = _learned(max(known), chance)
    gap, _ = _gap(trained)
    if learned >= _FAIR or gap > (1 - level) / 2:
        return
    yield Symptom(
        code="EO702",
        severity="problem" if learned < _POOR and chance <= 0.5 else "warning",
        size=(1 - max(known)) / 2,  # even a good model leaves some wrong
        facts={"trained": level, "held_out": level if math.isnan(held_out) else held_out, **_epochs(trained.history)},
    )


def unstable(trained: TrainingEvidence) -> Iterator[Symptom]:
    """The accuracy jumps up and down from epoch to epoch, so that the last one is a matter of luck."""
    history = trained.history
    curve = (history.val_accuracy or history.accuracy) if history else ()
    if history is None or len(curve) < 8:
        return
    swing = curves.noise(curve)
    if trained.fit and history.val_accuracy:  # few samples alone move it: epochs disagree about half of what is wrong
        swing = math.sqrt(max(0.0, swing**2 - (1 - curves.end(curve)) / (4 * trained.fit.held_out_samples)))
    if swing >= _UNSTEADY:
        late = curve[len(curve) // 3 :]
        yield Symptom(
            code="EO703",
            severity="problem" if swing >= _UNSTABLE else "warning",
            size=swing,
            facts={"swing": swing * math.sqrt(2), "low": min(late), "high": max(late), **_epochs(history)},
        )


def long_past(trained: TrainingEvidence) -> Iterator[Symptom]:
    """The validation loss was lowest long before the end, and has risen since, while the training loss went on."""
    history = trained.history
    if history is None or not _has_risen(history):
        return
    curve, epochs = history.val_loss, len(history.val_loss)
    risen = curves.rise(curve)
    lost = 0.0
    if history.val_accuracy:
        highest = max(curves.smoothed(history.val_accuracy))
        lost = highest - curves.end(history.val_accuracy)
        lost = lost if lost > 2 * curves.noise(history.val_accuracy) else 0.0
        if trained.fit and trained.fit.held_out > highest - 0.01:  # the weights of the best epoch were taken back
            lost = 0.0
    yield Symptom(
        code="EO704",
        severity="problem" if lost >= _LOST or _too_long(trained) else "warning",
        size=max(lost, min(risen, 1.0) / 20, _gap(trained)[0] if _too_long(trained) else 0.0),
        facts={
            "epoch": curves.best(curve),
            "epochs": epochs,
            "best": min(curves.smoothed(curve)),
            "risen": risen,
            "lost": lost,
        },
    )


def rate_too_high(trained: TrainingEvidence) -> Iterator[Symptom]:
    """The training loss does not fall: it never did, it climbed again, or it only goes up and down."""
    history = trained.history
    if history is None or len(history.loss) < 3:
        return
    loss = history.loss
    learned = _learned_in(trained)
    stuck = learned < (_STUCK if trained.fit else _STUCK_SOMEWHERE)
    never = stuck and _does_not_move(loss[1:]) and _does_not_move(history.val_loss[1:])
    climbed = curves.end(loss) - min(curves.smoothed(loss)) >= _CLIMB_NATS and curves.rise(loss) >= _CLIMB
    noisy = (
        len(loss) >= 6
        and curves.relative_noise(loss) >= _NOISY
        and curves.noise(loss) >= _NOISY_NATS
        and curves.gained_late(loss) < 3 * curves.relative_noise(loss)
    )
    if not (never or climbed or noisy) or (never and _still_falling(history)):
        return
    yield Symptom(
        code="EO705",
        severity="problem" if learned < _FAIR else "warning",
        size=max(0.02, (1 - learned) / 2),
        facts={
            "first": loss[0],
            "last": curves.end(loss),
            "lowest": min(loss),
            "epoch": int(min(range(len(loss)), key=loss.__getitem__)) + 1,
            **_epochs(history),
        },
    )


def rate_too_low(trained: TrainingEvidence) -> Iterator[Symptom]:
    """The losses still fall as the training ends: the steps were too small, or too few."""
    history = trained.history
    if history is None or history.diverged_at is not None or not _still_falling(history):
        return  # of one that diverged, the curves are cut off where they fell
    curve = history.val_loss or history.loss
    learned, promised = _learned_in(trained), curves.promised(curve)
    last = max(1, len(curve) // 3)
    yield Symptom(
        code="EO706",
        severity="problem" if (_knows_accuracy(trained) and learned < _POOR) or promised >= _PROMISING else "warning",
        size=max(promised / 5, (1 - learned) / 2),
        facts={
            "epoch": len(curve) - last,
            "before": curve[-1 - last],
            "last": curve[-1],
            "share": curves.falling_share(curve),
            **_epochs(history),
        },
    )


def diverged(trained: TrainingEvidence) -> Iterator[Symptom]:
    """The loss became NaN or infinite."""
    if trained.history and trained.history.diverged_at is not None:
        facts: dict[str, Fact] = {"epoch": trained.history.diverged_at, **_epochs(trained.history)}
        yield Symptom(code="EO707", severity="problem", size=1.0, facts=facts)


def without_validation(trained: TrainingEvidence) -> Iterator[Symptom]:
    """Nothing tells how the model did on other samples while it was trained."""
    history = trained.history
    if history and history.loss and not history.val_loss and not history.val_accuracy:
        yield Symptom(code="EO708", severity="hint", size=0.01, facts=_epochs(history))


# ── what the checks ask ────────────────────────────────────────────────────────────────────────────────────────────


def _epochs(history: History | None) -> dict[str, Fact]:
    return {"epochs": len(history.loss)} if history else {}


def _ends(history: History | None) -> tuple[float, float]:
    """The accuracies at the end of the curves, NaN for what was not recorded."""
    known = (history.accuracy, history.val_accuracy) if history else ((), ())
    trained, held_out = (curves.end(curve) if curve else math.nan for curve in known)
    return trained, held_out


def _levels(trained: TrainingEvidence) -> tuple[float, float]:
    """The accuracy on what was trained on and on what was not: measured now if it was, else as the history ends."""
    return (trained.fit.trained, trained.fit.held_out) if trained.fit else _ends(trained.history)


def _gap(trained: TrainingEvidence) -> tuple[float, float]:
    """The gap of accuracy and its lower bound, one-sided 95 %; the curves have no bound, as they tell no numbers."""
    level, held_out = _levels(trained)
    if math.isnan(level) or math.isnan(held_out):
        return 0.0, 0.0
    return level - held_out, _least_gap(trained.fit) if trained.fit else level - held_out


def _least_gap(fit: Fit, confidence: float = 0.9) -> float:
    """The lower bound of the difference of two independent proportions.

    Source: Newcombe (1998), Statistics in Medicine 17:873-890, method 10.
    """
    first = stats.wilson_interval(round(fit.trained * fit.trained_samples), fit.trained_samples, confidence=confidence)
    second = stats.wilson_interval(
        round(fit.held_out * fit.held_out_samples), fit.held_out_samples, confidence=confidence
    )
    return first.estimate - second.estimate - math.hypot(first.estimate - first.low, second.high - second.estimate)


def _overfits(trained: TrainingEvidence) -> bool:
    """Whether the gap is a problem: large, or not small while the validation loss has risen much."""
    gap, surely = _gap(trained)
    history = trained.history
    risen = curves.rise(history.val_loss) if history and history.val_loss else 0.0
    return surely > gap / 2 and (gap >= _LARGE_GAP or (gap >= _GAP_WITH_RISE and risen >= _HIGH_RISE))


def _too_long(trained: TrainingEvidence) -> bool:
    """Whether an overfitting came with the epochs after the best one, so that stopping there would have spared it."""
    history = trained.history
    if history is None or not (_overfits(trained) and _has_risen(history)):
        return False
    if not history.accuracy or not history.val_accuracy:
        return False
    place = curves.best(history.val_loss) - 1
    early = curves.smoothed(history.accuracy)[place] - curves.smoothed(history.val_accuracy)[place]
    return early < min(_EARLY_GAP, _gap(trained)[0] / 2)


def _has_risen(history: History) -> bool:
    """Whether the validation loss has risen since its best epoch, some epochs ago, beyond its up and down."""
    curve = history.val_loss
    if len(curve) < 5 or len(curve) - curves.best(curve) < max(3, len(curve) / 5):
        return False
    return curves.rise(curve) >= max(_RISE, 2 * curves.relative_noise(curve))


def _learned(accuracy: float, chance: float) -> float:
    """How far ``accuracy`` is on the way from chance to always right."""
    return (accuracy - chance) / (1 - chance) if chance < 1 else 1.0


def _learned_in(trained: TrainingEvidence) -> float:
    """The same at the end of the training, on its own samples; 0 where no accuracy is known."""
    level = _ends(trained.history)[0]
    level = trained.fit.trained if math.isnan(level) and trained.fit else level
    return 0.0 if math.isnan(level) else _learned(level, trained.fit.chance if trained.fit else 0.0)


def _knows_accuracy(trained: TrainingEvidence) -> bool:
    return trained.fit is not None or not math.isnan(_ends(trained.history)[0])


def _does_not_move(curve: curves.Curve) -> bool:
    return not curve or max(curve) - min(curve) <= _FLAT * max(abs(max(curve)), abs(min(curve)))


def _still_falling(history: History) -> bool:
    """Whether the loss still falls as fast as it did, on the validation split if there is one."""
    watched = history.val_loss or history.loss
    if len(watched) < 2 or curves.falling_share(history.loss) <= 0:
        return False
    return curves.falling_share(watched) >= _STILL_FALLING


CHECKS: tuple[_Check, ...] = (
    overfitting,
    underfitting,
    unstable,
    long_past,
    rate_too_high,
    rate_too_low,
    diverged,
    without_validation,
)
