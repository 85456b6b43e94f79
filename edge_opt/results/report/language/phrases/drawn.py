"""Phrases in the pictures, below them, and in their place for who cannot see them."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS: Mapping[str, tuple[str, str]] = {
    "before": ("before", "avant"),
    "after": ("after", "après"),
    # ── learning curves ─────────────────────────────────────────────────────────────────────────────────────────────
    "curves": ("Learning curves, from {source}", "Courbes d'apprentissage, d'après {source}"),
    "curves_alt": (
        "Learning curves over {epochs:n epoch|epochs}. {lines}",
        "Courbes d'apprentissage sur {epochs:n époque|époques}. {lines}",
    ),
    "curve_told": (
        "{name}: from {first:number} to {last:number}.",
        "{name} : de {first:number} à {last:number}.",
    ),
    "mark_told": ("Marked at epoch {epoch:count}: {title}.", "Repère à l'époque {epoch:count} : {title}."),
    "epoch": ("epoch", "époque"),
    "loss": ("loss", "perte"),
    "curve_accuracy": ("accuracy", "précision"),
    "curve_training": ("training", "entraînement"),
    "curve_validation": ("validation", "validation"),
    # ── confusion ───────────────────────────────────────────────────────────────────────────────────────────────────
    "confusion": (
        "Confusion matrices: of each class (row), the share that is taken for each other, in percent",
        "Matrices de confusion : pour chaque classe (ligne), la part prise pour chaque autre, en pour cent",
    ),
    "confusion_most": (
        "Confusion matrices of the {count:n class|classes} confused most: of each class (row), the share that is taken "
        "for each other, in percent",
        "Matrices de confusion {count:form de la|des} {count:n classe|classes} les plus confondues : pour chaque "
        "classe (ligne), la part prise pour chaque autre, en pour cent",
    ),
    "confusion_alt": (
        "{when}: {right:percent} right; most often confused: {pairs}.",
        "{when} : {right:percent} de réponses justes ; le plus souvent confondus : {pairs}.",
    ),
    "confusion_none": ("{when}: everything is right.", "{when} : toutes les réponses sont justes."),
    "confusion_pair": (
        "{label} taken for {predicted}, {count:count} times",
        "{label} pris pour {predicted}, {count:count} fois",
    ),
    "label_axis": ("label", "étiquette"),
    "answer_axis": ("answer", "réponse"),
    # ── classes ─────────────────────────────────────────────────────────────────────────────────────────────────────
    "classes_drawn": (
        "Accuracy of each class before and after, on the test split",
        "Précision de chaque classe avant et après, sur les données de test",
    ),
    "classes_alt": (
        "Of {count:n class|classes}, {name} changes most: from {before:percent2} to {after:percent2}; {better:count} "
        "better, {worse:count} worse.",
        "Sur {count:n classe|classes}, {name} change le plus : de {before:percent2} à {after:percent2} ; "
        "{better:count} en hausse, {worse:count} en baisse.",
    ),
    "accuracy_axis": ("accuracy, %", "précision, %"),
    # ── robustness ──────────────────────────────────────────────────────────────────────────────────────────────────
    "robustness_drawn": (
        "Robustness: accuracy under each disturbance at strengths 0 (none) to {most:number}",
        "Robustesse : précision sous chaque perturbation, aux intensités 0 (aucune) à {most:number}",
    ),
    "robustness_alt": (
        "Accuracy at the greatest strength: {kinds}.",
        "Précision à l'intensité la plus forte : {kinds}.",
    ),
    "robustness_kind": ("{kind:word} {before:percent}", "{kind:word} {before:percent}"),
    "robustness_both": (
        "{kind:word} {before:percent} before and {after:percent} after",
        "{kind:word} {before:percent} avant et {after:percent} après",
    ),
    "strength_axis": ("strength", "intensité"),
    # ── latency ─────────────────────────────────────────────────────────────────────────────────────────────────────
    "latency_drawn": (
        "Latency of every trial: the median (mark), half of all samples (thick), and 90 % of them (thin)",
        "Latence de chaque essai : médiane (repère), moitié des mesures (trait épais) et 90 % d'entre elles (trait "
        "fin)",
    ),
    "latency_alt": ("Median latencies: {trials}.", "Latences médianes : {trials}."),
    "latency_one": ("{name} {median:duration}", "{name} {median:duration}"),
    "latency_axis": ("latency, {unit}", "latence, {unit}"),
    # ── front ───────────────────────────────────────────────────────────────────────────────────────────────────────
    "front_drawn": (
        "Latency and size of every trial on {target}, {threads}; bold names are on the front, the number is the change "
        "of accuracy in points",
        "Latence et taille de chaque essai sur {target}, {threads} ; les noms en gras sont sur le front, le nombre est "
        "l'écart de précision en points",
    ),
    "front_alt": (
        "Of {count:n trial|trials} that were timed, on the front: {trials}; chosen: {best}.",
        "Sur {count:n essai chronométré|essais chronométrés}, sur le front : {trials} ; retenu : {best}.",
    ),
    "front_one": ("{name} ({median:duration}, {size:bytes})", "{name} ({median:duration}, {size:bytes})"),
    "median_axis": ("latency, median, {unit}", "latence médiane, {unit}"),
    "size_axis": ("size, {unit}", "taille, {unit}"),
    "front_line": ("front", "front"),
    # ── ladder ──────────────────────────────────────────────────────────────────────────────────────────────────────
    "ladder_drawn": (
        "The ladder of {trial}: change of accuracy and speed-up, rung by rung, with their intervals",
        "L'échelle de {trial} : écart de précision et accélération, échelon par échelon, avec leurs intervalles",
    ),
    "ladder_alt": ("Rung by rung: {rungs}.", "Échelon par échelon : {rungs}."),
    "ladder_one": (
        "{name} {change} points and {speed} times as fast",
        "{name} {change} point et vitesse multipliée par {speed}",
    ),
    "ladder_untimed": ("{name} {change} points", "{name} {change} point"),
    "change_axis": ("change of accuracy, points", "écart de précision, points"),
    "speed_axis": ("speed-up", "accélération"),
    "limit_line": ("limit", "limite"),
    # ── confusions ──────────────────────────────────────────────────────────────────────────────────────────────────
    "confusions_drawn": (
        "Samples that the model confuses: the label, and below it the answer and how sure the model is of it",
        "Échantillons que le modèle confond : l'étiquette, puis la réponse et la confiance du modèle",
    ),
    "confusions_alt": (
        "Pictures of the samples confused most often, each with its label and the wrong answer.",
        "Images des échantillons le plus souvent confondus, chacune avec son étiquette et la réponse fausse.",
    ),
}
