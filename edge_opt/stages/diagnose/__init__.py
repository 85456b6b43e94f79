"""Evidence → symptoms: what limits a model, the worst first, and causes before what follows from them."""

from __future__ import annotations

from edge_opt.stages.diagnose import behaviour, data, structure, training
from edge_opt.stages.diagnose.ranking import ranked
from edge_opt.types import Behaviour, DataEvidence, Structure, Symptom, TrainingEvidence


def diagnose(
    seen: DataEvidence | None, trained: TrainingEvidence, made: Structure | None, behaved: Behaviour | None
) -> tuple[Symptom, ...]:
    """Every symptom of the data, the training and the model as it is: pure functions over what was collected.

    What is None could not be looked at.
    """
    return ranked(
        [
            *(data.symptoms(seen) if seen else ()),
            *training.symptoms(trained),
            *(structure.symptoms(made) if made else ()),
            *(behaviour.symptoms(behaved, seen.classes) if behaved and seen else ()),
        ]
    )
