"""Phrases for data without labels, where agreement with the original is counted and nothing is called accuracy.

Each stands in for the phrase of the same key without the ending.
"""

from __future__ import annotations

from collections.abc import Mapping

ENDING = " of agreement"

_PAIRS: Mapping[str, tuple[str, str]] = {
    "front_means": (
        "Of what did not fail and breaks no limit, nothing equals or beats one of these in latency, size and agreement "
        "at once:",
        "Parmi ce qui n'a pas échoué et ne dépasse aucune limite, rien n'égale ou ne bat l'un de ceux-ci à la fois en "
        "latence, en taille et en accord :",
    ),
    "ladder_means": (
        "A static_int8 that agreed too little was answered rung by rung, each from the evidence before it: its ranges "
        "by better methods, then the layers that quantization disturbs most in higher precision.",
        "À un static_int8 qui s'accordait trop peu avec l'original, on a répondu échelon par échelon, chacun d'après "
        "ce que montrait le précédent : de meilleures plages d'abord, puis davantage de bits pour les couches que la "
        "quantification perturbe le plus.",
    ),
    "by_class_label": ("Agreement by class before and after", "Accord par classe, avant et après"),
    "certificate_values": (
        "On these {noun} the agreement of the baseline is {before:percent2}, that of the artifact {after:percent2}; "
        "for {discordant:count} of them one answers as the original does and the other does not.",
        "Sur ces {noun}, l'accord de la référence est de {before:percent2}, celui de l'artefact de {after:percent2} ; "
        "pour {discordant:count} de ces {noun}, l'un répond comme l'original et l'autre non.",
    ),
    "note_after_labelled": (
        "the change of agreement is paired, both models on the same {noun}",
        "l'écart d'accord est apparié, les deux modèles sur les mêmes {noun}",
    ),
    "impact_accuracy": ("agreement with the original {change}", "accord avec l'original {change}"),
    "drop_accuracy": ("agreement {change}", "accord {change}"),
    "known_change": (
        "The change of agreement is paired, both models on the same {noun}; ± is its {confidence:confidence} interval.",
        "L'écart d'accord est apparié, les deux modèles sur les mêmes {noun} ; ± est son intervalle à "
        "{confidence:confidence}.",
    ),
    "reading_best": (
        "The best was chosen among several by the selection split and by these times, which flatters it a little: "
        "quote its agreement from the certificate.",
        "Le meilleur a été choisi parmi plusieurs d'après les données de sélection et ces temps, ce qui le flatte un "
        "peu : citez son accord d'après le certificat.",
    ),
    "reading_retimed": (
        "The best was chosen among several by the selection split and by these times, which flatters it a little: "
        "quote its agreement from the certificate and its speed-up from the second timing.",
        "Le meilleur a été choisi parmi plusieurs d'après les données de sélection et ces temps, ce qui le flatte un "
        "peu : citez son accord d'après le certificat et son accélération d'après la seconde mesure.",
    ),
    "contract": ("Preprocessing found by trying", "Prétraitement trouvé par essais"),
    "front_drawn": (
        "Latency and size of every trial on {target}, {threads}; bold names are on the front, the number is the change "
        "of agreement in points",
        "Latence et taille de chaque essai sur {target}, {threads} ; les noms en gras sont sur le front, le nombre est "
        "l'écart d'accord en points",
    ),
    "ladder_drawn": (
        "The ladder of {trial}: change of agreement and speed-up, rung by rung, with their intervals",
        "L'échelle de {trial} : écart d'accord et accélération, échelon par échelon, avec leurs intervalles",
    ),
    "change_axis": ("change of agreement, points", "écart d'accord, points"),
}
PAIRS: Mapping[str, tuple[str, str]] = {f"{key}{ENDING}": pair for key, pair in _PAIRS.items()}
