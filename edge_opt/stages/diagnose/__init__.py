"""Evidence → symptoms: what limits a model, the worst first, and causes before what follows from them."""

from __future__ import annotations

from edge_opt.stages.diagnose import behaviour, data, structure, training
from edge_opt.stages.diagnose.ranking import ranked
from edge_opt.types import Behaviour, DataEvidence, Structure, Symptom, TrainingEvidence


def diagnose(seen: DataEvidence, trained: TrainingEvidence, made: Structure, behaved: Behaviour) -> tuple[Symptom, ...]:
    """Every symptom of the data, the training and the model as it is: pure functions over what was collected."""
    return ranked(
        [
            *data.symptoms(seen),
            *training.symptoms(trained),
            *structure.symptoms(made),
            *behaviour.symptoms(behaved, seen.classes),
        ]
    )
