"""Which preprocessing contract the accuracy supports, when none was written: said with its evidence, never silently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, exp, lgamma, log, log1p
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.inputs.preprocess import describe
from edge_opt.types import Contract, Finding
from edge_opt.units import format_percent

SIGNIFICANCE = 0.05
ONE_ANSWER = 0.95

Correct = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The contract that the labelled samples support, its accuracy on them, and what is to be said about it."""

    contract: Contract
    accuracy: float
    findings: tuple[Finding, ...]


def finalists(correct: Mapping[Contract, NDArray[Any]]) -> tuple[Contract, ...]:
    """The contracts that the samples cannot tell from the best, with the best among them, in the order given.

    ``correct`` is as for :func:`choose`, which then decides between them on more samples.
    """
    best = max(correct.values(), key=lambda each: int(each.sum()))
    level = SIGNIFICANCE / max(1, len(correct) - 1)
    return tuple(contract for contract, each in correct.items() if mcnemar(best, each) > level)


def choose(correct: Mapping[Contract, NDArray[Any]], chance: float, tried: int = 0) -> Choice:
    """The contract of the highest accuracy; of those that the samples cannot tell from it, the most usual: the first.

    ``correct[contract][i]`` is whether sample ``i`` was classified rightly under it, on the same samples for all;
    ``chance`` is the accuracy of always answering the commonest class, 0..1; ``tried`` is the number of contracts in
    all, where only finalists are left. Contracts that the samples cannot tell from the best (exact McNemar test at 5 %,
    Bonferroni over the comparisons) are a warning. Raises DataError where no contract beats chance (exact binomial
    test, likewise).
    """
    answers = {contract: np.asarray(each, bool) for contract, each in correct.items()}
    if not answers or len({len(each) for each in answers.values()}) != 1 or not len(next(iter(answers.values()))):
        raise ValueError("choose needs contracts, all tried on the same samples")
    tried = max(tried, len(answers))
    ranked = sorted(answers, key=lambda contract: -int(answers[contract].sum()))
    best, samples = ranked[0], len(answers[ranked[0]])
    accuracy = {contract: float(each.mean()) for contract, each in answers.items()}
    if binomial_tail(int(answers[best].sum()), samples, chance) > SIGNIFICANCE / tried:
        raise _nothing(ranked, accuracy, samples, chance, tried)
    level = SIGNIFICANCE / max(1, tried - 1)
    tied = [one for one in answers if one == best or mcnemar(answers[best], answers[one]) > level]
    best, *rivals = tied
    findings = [_supported(best, [each for each in ranked if each not in tied], accuracy, samples)]
    if rivals:
        findings.append(_rivals(best, rivals, answers, samples))
    return Choice(contract=best, accuracy=accuracy[best], findings=tuple(findings))


def doubt(correct: NDArray[Any], labels: NDArray[np.int64]) -> Finding | None:
    """An error where the model, preprocessed by its contract, is not shown to beat chance; None where it is.

    ``correct[i]`` is whether sample ``i`` was classified rightly, ``labels[i]`` its class. Exact binomial test at 5 %.
    """
    right, samples = int(np.sum(correct)), len(labels)
    chance = float(np.bincount(labels).max()) / samples
    if binomial_tail(right, samples, chance) <= SIGNIFICANCE:
        return None
    return Finding(
        code="EO115",
        level="error",
        message=f"the model itself is right on {format_percent(right / samples)} of {samples} samples, "
        f"no better than always answering the commonest class ({format_percent(chance)})",
        hint="the contract beside the data, the order of the classes or the labels are not those of its training: "
        "move the contract away and run 'edge-opt init DATA MODEL'",
    )


def unlabelled(predictions: NDArray[np.int64], classes: Sequence[str], compared: str) -> tuple[Finding, ...]:
    """What is to be said where the answers of ``compared``, ``predictions`` ``(n,)``, stand in for labels."""
    found = [
        Finding(
            code="EO122",
            level="warning",
            message=f"the data have no labels: what is counted is agreement with {compared}, never accuracy",
            hint="whether the answers are right, nobody has checked: give labels, if you can get some",
        )
    ]
    commonest = int(np.bincount(predictions).argmax())
    share = float((predictions == commonest).mean())
    if share > ONE_ANSWER:
        found.append(
            Finding(
                code="EO125",
                level="warning",
                message=f"{compared} answers '{classes[commonest]}' to {format_percent(share)} of the "
                f"{len(predictions)} samples, so that agreement says little",
                hint="check the preprocessing contract, and give samples of every kind that the model will meet",
            )
        )
    return tuple(found)


def unguessable(path: Path, model: Path | None, likely: Sequence[Contract]) -> DataError:
    """The error for data without labels and without a contract, where several are ``likely`` for ``model``."""
    given = f"{quote(str(path))} {quote(str(model)) if model else 'MODEL'}"
    return DataError(
        f"'{path}' has neither labels nor a preprocessing contract, and {len(likely)} are likely, "
        f"such as '{describe(likely[0])}' and '{describe(likely[1])}'",
        f"run 'edge-opt init {given}', correct the file that it writes to what was done in training, and go on",
    )


def only(contract: Contract) -> Finding:
    """That ``contract`` was taken unseen by any label, as no other is likely."""
    return Finding(
        code="EO123",
        level="warning",
        message=f"no preprocessing contract is given, and without labels none can be tried: '{describe(contract)}' is "
        "taken, the only likely one",
        hint="look up how the model was trained, and write it beside the data: 'edge-opt init' makes the file",
    )


def mcnemar(first: Correct, second: Correct) -> float:
    """The two-sided p-value that two classifiers are right equally often, from the samples where they differ.

    Source: the exact sign test on the discordant pairs (McNemar 1947, in its binomial form).
    """
    wins, losses = int((first & ~second).sum()), int((~first & second).sum())
    discordant = wins + losses
    tail = sum(comb(discordant, k) for k in range(min(wins, losses) + 1))
    return min(1.0, float(Fraction(2 * tail, 2**discordant)))


def binomial_tail(successes: int, samples: int, probability: float) -> float:
    """The probability of at least ``successes`` among ``samples`` draws of ``probability``."""
    if successes <= 0 or probability >= 1:
        return 1.0
    if probability <= 0:
        return 0.0
    hit, miss = log(probability), log1p(-probability)
    log_terms = (
        lgamma(samples + 1) - lgamma(k + 1) - lgamma(samples - k + 1) + k * hit + (samples - k) * miss
        for k in range(successes, samples + 1)
    )
    return min(1.0, sum(map(exp, log_terms)))


def _supported(best: Contract, others: list[Contract], accuracy: Mapping[Contract, float], samples: int) -> Finding:
    then = f"; next comes '{describe(others[0])}' with {format_percent(accuracy[others[0]])}" if others else ""
    return Finding(
        code="EO112",
        level="info",
        message=f"no preprocessing contract is given; the accuracy supports '{describe(best)}': "
        f"{format_percent(accuracy[best])} on {samples} samples{then}",
        hint="'edge-opt init' writes it beside the data and shows ten of them as the model will see them",
    )


def _rivals(best: Contract, rivals: list[Contract], tried: Mapping[Contract, Correct], samples: int) -> Finding:
    listed = ", ".join(
        f"'{describe(rival)}' ({format_percent(float(tried[rival].mean()))}, "
        f"{int((tried[best] != tried[rival]).sum())} of {samples} samples differ)"
        for rival in rivals[:3]
    )
    more = f" and {len(rivals) - 3} more" if len(rivals) > 3 else ""
    return Finding(
        code="EO113",
        level="warning",
        message=f"{samples} samples cannot tell '{describe(best)}' from {listed}{more}",
        hint="look up how the model was trained and write it into the contract, or give more labelled samples",
    )


def _nothing(
    ranked: list[Contract], accuracy: Mapping[Contract, float], samples: int, chance: float, tried: int
) -> DataError:
    listed = ", ".join(f"'{describe(contract)}' {format_percent(accuracy[contract])}" for contract in ranked[:3])
    rest = f" (the best of {tried} tried)" if tried > 3 else ""
    return DataError(
        f"under no likely preprocessing is the model better than chance, {format_percent(chance)}, "
        f"on {samples} samples: {listed}{rest}",
        "check that the labels are in the order of the model's outputs; else write the contract that the model was "
        "trained with: 'edge-opt init' makes a file to start from",
    )
