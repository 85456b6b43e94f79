"""Artifacts whose 8-bit products may overflow on the target → those proven not to, and why others are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_opt import units
from edge_opt.errors import StepFailed
from edge_opt.flows.planning import processor
from edge_opt.flows.trials import Failures
from edge_opt.flows.workbench import Workbench
from edge_opt.nets import saturation
from edge_opt.stages.plan import knowledge
from edge_opt.types import Artifact, Candidate, Failure, Step

_NAMED = 3  # layers in a sentence


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The layers of one file that may overflow; none where it is proven safe."""

    layers: tuple[saturation.Saturating, ...]


def refuse(
    bench: Workbench, candidates: Sequence[Candidate], artifacts: Mapping[str, Artifact]
) -> tuple[dict[str, Artifact], Failures]:
    """The artifacts that may be used on the target, and a failure for each that may overflow there.

    It answers rightly on this machine where that has other instructions, so its accuracy here would prove nothing.
    """
    on = processor(bench)
    sound = dict(artifacts)
    failures: list[Failure] = []
    for one in candidates:
        if one.id in artifacts and knowledge.may_saturate(one, on):
            outcome = _checked(bench, one, artifacts[one.id])
            if outcome is not None:
                del sound[one.id]
                failures.append(outcome)
    return sound, tuple(failures)


def _checked(bench: Workbench, candidate: Candidate, artifact: Artifact) -> Failure | None:
    """Why the artifact is refused; None where it is proven safe."""

    def work() -> Checked | Failure:
        bench.watch(Step(stage="check", what=candidate.export_id, done=0, total=1))
        try:
            found = bench.executor.submit(saturation.check, bench.run.folder / artifact.path).result()
        except StepFailed as error:
            return _failure(candidate, f"whether it may overflow could not be told: {error.message}", error.hint)
        return Checked(layers=found)

    outcome: Checked | Failure = bench.run.once(f"overflow of {candidate.export_id}", Checked | Failure, work)
    if isinstance(outcome, Failure):
        return outcome
    return _failure(candidate, *_said(bench, outcome)) if outcome.layers else None


def _said(bench: Workbench, checked: Checked) -> tuple[str, str]:
    layers = sorted(checked.layers, key=lambda one: -abs(one.worst_pair_sum))
    named = ", ".join(f"'{one.layer}'" for one in layers[:_NAMED])
    more = f" and {len(layers) - _NAMED} more" if len(layers) > _NAMED else ""
    worst = units.format_count(layers[0].worst_pair_sum)
    return (
        f"8-bit products may overflow in {'layer' if len(layers) == 1 else 'layers'} {named}{more} on "
        f"'{bench.request.target.name}', which has no VNNI: two of them add up to {worst}, beyond 16 bits",
        "u8s7, with weights of 7 bits, never overflows; on a processor with VNNI this file is right",
    )


def _failure(candidate: Candidate, message: str, hint: str) -> Failure:
    return Failure(id=candidate.id, recipe=candidate.recipe.name, stage="check", message=message, hint=hint)
