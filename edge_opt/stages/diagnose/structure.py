"""Symptoms of the structure: channels that do nothing, parameters in the wrong place, and no normalisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edge_opt.types import Activity, Structure, Symptom

_Check = Callable[[Structure], Iterator[Symptom]]

# Dead channels: of all that were looked at, or of one layer. Rectified units die now and then in sound trainings too
# (a few percent; Lu et al. 2020, "Dying ReLU and initialization"), in a dense layer more often than in a convolution.
_MANY_DEAD, _SOME_DEAD = 0.3, 0.05
_HALF_DEAD, _QUARTER_DEAD = 0.5, 0.25
_LEAST_CHANNELS = 8  # of a layer that is judged by itself

_DENSE = {"Dense", "Gemm", "MatMul", "BatchMatMulV2", "FULLY_CONNECTED"}
_NEARLY_ALL, _MOST = 0.9, 0.5  # of the parameters in one dense layer
_LARGE = 50_000  # parameters: in a smaller network their place does not matter
_AT_STAKE = 0.25  # of accuracy for what is wasted: channels and parameters cost time and size before they cost answers
_DEEP = 3  # convolutions from which on normalisation helps to train


def symptoms(made: Structure) -> Iterator[Symptom]:
    """Every symptom of the structure."""
    for check in CHECKS:
        yield from check(made)


def dead_channels(made: Structure) -> Iterator[Symptom]:
    """Channels that answer the same to every sample: they cost time and know nothing."""
    channels = sum(one.channels for one in made.activity)
    dead = sum(one.dead for one in made.activity)
    if not made.looked_inside or not dead:
        return
    share = dead / channels if channels >= 2 * _LEAST_CHANNELS else 0.0
    judged = [one for one in made.activity if one.channels >= _LEAST_CHANNELS]
    worst = max((_share(one) for one in judged), default=0.0)
    convolution = max((_share(one) for one in judged if one.kind != "Dense"), default=0.0)
    if share < _SOME_DEAD and worst < _QUARTER_DEAD:
        return
    yield Symptom(
        code="EO806",
        severity="problem" if share >= _MANY_DEAD or convolution >= _HALF_DEAD else "warning",
        size=max(share, convolution / 2) * _AT_STAKE,
        facts={"dead": dead, "channels": channels, "share": share},
        names=_worst(made.activity),
    )


def one_dense_layer(made: Structure) -> Iterator[Symptom]:
    """A dense layer behind convolutions that holds most of the parameters: size without much use."""
    if made.largest_kind not in _DENSE or not made.convolutions or made.parameters < _LARGE:
        return
    if made.largest_share >= _MOST:
        yield Symptom(
            code="EO807",
            severity="problem" if made.largest_share >= _NEARLY_ALL else "warning",
            size=(made.largest_share - _MOST) * _AT_STAKE,
            facts={
                "share": made.largest_share,
                "parameters": round(made.largest_share * made.parameters),
                "total": made.parameters,
            },
            names=(made.largest_layer,),
        )


def no_normalisation(made: Structure) -> Iterator[Symptom]:
    """Several convolutions without a normalisation between them, where that can be known.

    Exporters fold batch normalisation into the convolutions, so that its absence says nothing in ONNX or TFLite.
    """
    if made.looked_inside and made.convolutions >= _DEEP and not made.normalisations:
        yield Symptom(code="EO808", severity="hint", size=0.01, facts={"convolutions": made.convolutions})


def _worst(activity: Sequence[Activity]) -> tuple[str, ...]:
    """The layers with most of their channels dead, the worst first; a single channel here and there is left out."""
    ordered = sorted((one for one in activity if one.dead), key=_share, reverse=True)
    return tuple(one.layer for one in ordered if one is ordered[0] or _share(one) >= _SOME_DEAD)


def _share(one: Activity) -> float:
    return one.dead / one.channels


CHECKS: tuple[_Check, ...] = (dead_channels, one_dense_layer, no_normalisation)
