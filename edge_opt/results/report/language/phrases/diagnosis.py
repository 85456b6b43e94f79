"""Phrases of the problems that were found, and of how the model answers as it is."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS: Mapping[str, tuple[str, str]] = {
    "severity_and_code": ("{severity:word}, {code}", "{severity:word}, {code}"),
    "explained_by": (
        "Probably a consequence of {code}.",
        "Sans doute une conséquence de {code}.",
    ),
    "fix": ("What to do: {fix}", "Que faire : {fix}"),
    "no_symptom": (
        "Nothing was found that limits the model.",
        "Rien n'a été trouvé qui limite le modèle.",
    ),
    "measure": ("Measure", "Mesure"),
    "value": ("Value", "Valeur"),
    "accuracy": ("Accuracy", "Précision"),
    "calibration_error": ("Calibration error", "Erreur de calibration"),
    "inference_time": ("Inference time", "Temps d'inférence"),
    "model_size": ("Model size", "Taille du modèle"),
    "robustness": ("Robustness", "Robustesse"),
    "parameters": ("Parameters", "Paramètres"),
    "accuracy_on": (
        "{value:percent2} of {samples:n sample|samples} ({split:word} split)",
        "{value:percent2} de {samples:n échantillon|échantillons} (ensemble « {split:word} »)",
    ),
    "robustness_on": (
        "{value:percent2} on average over {conditions:n disturbance|disturbances} of {samples:n sample|samples}",
        "{value:percent2} en moyenne sur {conditions:n perturbation|perturbations} "
        "de {samples:n échantillon|échantillons}",
    ),
}
