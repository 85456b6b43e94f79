"""Evidence → symptoms: what limits a model, the worst first, and causes before what follows from them."""

from __future__ import annotations

from collections.abc import Sequence

from edge_opt.stages.diagnose import behaviour, data, order, structure, training
from edge_opt.stages.diagnose.ranking import ranked
from edge_opt.types import Behaviour, DataEvidence, Structure, Symptom, TrainingEvidence


def diagnose(
    seen: DataEvidence | None,
    trained: TrainingEvidence,
    made: Structure | None,
    behaved: Behaviour | None,
    classes: Sequence[str],
) -> tuple[Symptom, ...]:
    """Every symptom of the data, the training and the model as it is: pure functions over what was collected.

    What is None could not be looked at; ``classes`` name the outputs of the model.
    """
    return ranked(
        [
            *(data.symptoms(seen) if seen else ()),
            *training.symptoms(trained),
            *(structure.symptoms(made) if made else ()),
            *(order.symptoms(behaved, classes) if behaved else ()),
            *(behaviour.symptoms(behaved, classes) if behaved else ()),
        ]
    )
