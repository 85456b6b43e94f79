"""What candidates take, in seconds: rough at first, and better once jobs of the same run have been timed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_opt.types import Candidate, Effort, Model, Outline

# Rough costs, good enough to say "about three minutes": medians of runs on two cores of a 2.5 GHz Xeon.
_EXPORT_S = {"tflite": 8.0, "onnx": 5.0, "openvino": 4.0}
_PROCESS_S = 0.5
_MACS_PER_S = 1e10  # a third of what small convolutions reach there: phones and boards are slower
_LOOKS = 2  # at the certification split: the baseline and, mostly, the first choice
_PAIRS, _PAIR_PROCESSES, _PAIR_S = 2, 6, 0.5  # mostly a near tie and the winner, of two artifacts each
_SLOWEST_KERNELS = 40  # int16 activations run reference kernels on x86
_PUBLISH_S = 5.0  # the report with its picture, and the bundle
_LEAST_FACTOR = 0.5
# Disturbing samples to compare robustness: so many conditions, of two artifacts, in so many seconds at most
_CONDITIONS = 40
_COMPARED = 2  # artifacts
_DISTURBING_S: Mapping[Effort, float] = {"quick": 20.0, "standard": 60.0, "thorough": 180.0}
_DISTURBING_SHARE = 0.15  # of a time limit
_DISTURB_S, _DISTURB_VALUE_S = 5e-5, 2e-8  # for one sample, and for each of its values
_FEWEST_DISTURBED = 100  # fewer could not tell a model that falls apart from one that does not
# The diagnosis: the framework starts some times, answers every split, and the data are looked at
_STARTS, _START_S, _LOOK_S, _MOST_ANSWERED = 4, 5.0, 15.0, 20_000


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large the job is; ``float_ns`` is the latency of the baseline once it is known."""

    model: Model
    selection: int
    certification: int
    rounds: int
    float_ns: float | None = None
    sample_s: float = 0.0  # to read and preprocess one
    factors: Mapping[str, float] = field(default_factory=dict)  # by stage: how much longer it took than was thought

    @property
    def float_s(self) -> float:
        """The seconds of one inference in float32."""
        return self.float_ns / 1e9 if self.float_ns is not None else self.model.macs / _MACS_PER_S


def price(candidate: Candidate, scale: Scale) -> dict[str, float]:
    """The seconds of each stage for one candidate, by the stage; of several that share a file, each one pays."""
    inference_s = _inference_s(candidate, scale)
    rough = {
        "optimize": _EXPORT_S.get(candidate.format, 8.0),
        "load": _PROCESS_S,
        "evaluate": _PROCESS_S + scale.selection * inference_s,
        "benchmark": scale.rounds * _round_s(inference_s),
    }
    return {stage: seconds * scale.factors.get(stage, 1.0) for stage, seconds in rough.items()}


def again(scale: Scale) -> float:
    """The seconds of timing the baseline once more: every wave has it in each of its rounds."""
    return scale.rounds * _round_s(scale.float_s) * scale.factors.get("benchmark", 1.0)


def reserve(scale: Scale) -> float:
    """The seconds that choosing, timing again, certifying and publishing will take once no more is tried."""
    certify_s = _LOOKS * (_PROCESS_S + scale.certification * scale.float_s) * scale.factors.get("evaluate", 1.0)
    prepare_s = scale.sample_s * scale.certification
    return _PUBLISH_S + prepare_s + certify_s + _pairs_s(scale)


def disturbed(scale: Scale, effort: Effort, limit_s: float | None = None) -> int:
    """How many samples of the selection are disturbed to compare two artifacts; 0 where so few would say nothing."""
    seconds = min(_DISTURBING_S[effort], _DISTURBING_SHARE * limit_s if limit_s is not None else math.inf)
    count = min(scale.selection, int(seconds / (_COMPARED * disturbing_one_s(scale))))
    return count if count >= min(scale.selection, _FEWEST_DISTURBED) else 0


def disturbing_s(scale: Scale, effort: Effort, limit_s: float | None = None) -> float:
    """The seconds that comparing the robustness of two artifacts takes."""
    return disturbed(scale, effort, limit_s) * _COMPARED * disturbing_one_s(scale)


def diagnosis_s(scale: Scale) -> float:
    """The seconds that a diagnosis of the original takes."""
    return _STARTS * _START_S + _LOOK_S + (_MOST_ANSWERED + scale.certification) * scale.float_s


def disturbing_one_s(scale: Scale) -> float:
    """The seconds that one sample takes under all conditions, answered by one artifact."""
    values = math.prod(size or 1 for size in scale.model.inputs[0].shape)
    return _CONDITIONS * (scale.float_s + _DISTURB_S + values * _DISTURB_VALUE_S)


def factors(spent: Mapping[str, tuple[float, int]], tried: Sequence[Candidate], scale: Scale) -> dict[str, float]:
    """How much longer each stage took than :func:`price` says: ``spent`` are its seconds and its jobs so far.

    What runs side by side is in it, as are slow disks and large models. A stage that was quick because it found its
    work finished says little of the next: no factor is below a half.
    """
    found = {}
    for stage, (seconds, jobs) in spent.items():
        thought = [price(one, scale).get(stage, 0.0) for one in tried]
        single = sum(thought) / max(len(thought), 1) / (max(scale.rounds, 1) if stage == "benchmark" else 1)
        if jobs and single:
            found[stage] = max(seconds / (jobs * single), _LEAST_FACTOR)
    return found


def outline(
    candidates: Sequence[Candidate],
    model: Model,
    samples: int,
    sample_bytes: int,
    rounds: int,
    certification: int = 0,
    beside_s: float = 0.0,
) -> Outline:
    """What trying ``candidates`` will take from here on, the model and the data being prepared.

    ``samples`` inputs of ``sample_bytes`` are evaluated for each, ``certification`` inputs for the chosen ones.
    ``beside_s`` is for what is looked at beside them: robustness and the diagnosis.
    """
    scale = Scale(model=model, selection=samples, certification=certification, rounds=rounds)
    prices = [price(one, scale) for one in candidates]
    exports = {one.export_id: each["optimize"] for one, each in zip(candidates, prices, strict=True)}
    return Outline(
        candidates=tuple(one.id for one in candidates),
        seconds=sum(exports.values())
        + sum(sum(each.values()) - each["optimize"] for each in prices)
        + _LOOKS * (_PROCESS_S + certification * scale.float_s)
        + _pairs_s(scale)
        + beside_s,
        disk_bytes=len(exports) * model.size_bytes + (samples + certification) * sample_bytes,
    )


def _inference_s(candidate: Candidate, scale: Scale) -> float:
    wide = candidate.recipe.quantization.activation_bits == 16 and candidate.format == "tflite"
    return scale.float_s * (_SLOWEST_KERNELS if wide else 1)


def _round_s(inference_s: float) -> float:
    return _PROCESS_S + max(0.2, 20 * inference_s)


def _pairs_s(scale: Scale) -> float:
    if not scale.rounds:
        return 0.0
    return _PAIRS * _PAIR_PROCESSES * 2 * (_PROCESS_S + max(_PAIR_S / 2, 30 * scale.float_s))
