"""Samples that a model confuses, picked and drawn into the folder of a run, where its report finds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_opt.errors import DataError, MissingPackage
from edge_opt.inputs.dataset import Samples
from edge_opt.results.report.pictures.confusions import Example, svg
from edge_opt.store import room
from edge_opt.types import Behaviour

_PAIRS, _EACH = 3, 6
PLACE = Path("pictures") / "confusions.svg"


def draw_confusions(behaviour: Behaviour, samples: Samples, classes: Sequence[str], folder: Path) -> None:
    """Draw the worst confusions of pictures into ``folder``; nothing where there are none, or no matplotlib."""
    examples = []
    for i in worst(behaviour):
        try:
            picture = samples.image(i)
        except DataError:  # the file has gone meanwhile
            continue
        if picture.ndim != 3 or picture.shape[-1] not in (1, 3):
            return
        accuracy = behaviour.accuracy
        examples.append(
            Example(
                picture=np.clip(picture, 0, 255).astype(np.uint8),
                label=classes[behaviour.labels[i]],
                predicted=classes[accuracy.predictions[i]],
                confidence=accuracy.confidences[i],
            )
        )
    if not examples:
        return
    try:
        drawn = svg(examples)
    except MissingPackage:
        return
    with room(folder):
        (folder / PLACE).parent.mkdir(exist_ok=True)
        (folder / PLACE).write_text(drawn, encoding="utf-8")


def worst(behaviour: Behaviour) -> list[int]:
    """The samples of the commonest confusions, those first of which the model was surest: six of each of three."""
    accuracy = behaviour.accuracy
    wrong = [i for i, score in enumerate(accuracy.scores) if not score]
    pairs = Counter((behaviour.labels[i], accuracy.predictions[i]) for i in wrong)
    found: list[int] = []
    for pair, _ in pairs.most_common(_PAIRS):
        those = [i for i in wrong if (behaviour.labels[i], accuracy.predictions[i]) == pair]
        found += sorted(those, key=lambda i: -accuracy.confidences[i])[:_EACH]
    return found
