"""The guard's verdict on the same samples → the gate's decision on accuracy."""

from __future__ import annotations

from edge_opt.types import Accuracy, Decision, Outcome, Verdict

_TOO_NEAR = "the drop is too near the limit for any number of samples: give another --accuracy"


def decide(baseline: Accuracy, candidate: Accuracy, verdict: Verdict) -> Decision:
    """The decision on accuracy, or without labels on agreement; ``change`` is the drop in 0..1."""
    found: Outcome = {"pass": "ok", "fail": "regressed", "unclear": "unclear"}[verdict.status]  # type: ignore[assignment]
    if verdict.drop.high < -verdict.limit:
        found = "improved"
    said = next(iter(verdict.findings), None)
    hint = said.hint if said else ""
    if found == "unclear" and not verdict.samples_to_decide:  # the guard's hint names an option of 'optimize'
        hint = _TOO_NEAR
    return Decision(
        measure="accuracy" if baseline.metric == "top1" else "agreement",
        outcome=found,
        unit="fraction",
        baseline=baseline.value,
        candidate=candidate.value,
        change=verdict.drop,
        limit=verdict.limit,
        basis="samples",
        evidence=verdict.samples,
        message=said.message if said else "",
        hint=hint,
    )
