"""Phrases of the table of before and after, and of the conclusion."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS: Mapping[str, tuple[str, str]] = {
    # ── the table ───────────────────────────────────────────────────────────────────────────────────────────────────
    "agreement_cell": ("{value:percent2} agreement", "{value:percent2} d'accord"),
    "within": ("{change}: within the limit", "{change} : dans la limite"),
    "beyond": ("{change}: beyond the limit", "{change} : au-delà de la limite"),
    "untold": ("{change}: cannot be told", "{change} : indécis"),
    "note_before": (
        "Before: the original model, its accuracy by {framework} itself on {things} of the test split; its time and "
        "size are those of its float32 conversion {baseline}, run on the same device as the rest.",
        "Avant : le modèle d'origine, sa précision par {framework} lui-même sur {things} de test ; son temps et sa "
        "taille sont ceux de sa conversion float32 {baseline}, exécutée sur le même appareil que le reste.",
    ),
    "note_before_converted": (
        "Before: the original model as its float32 conversion {baseline}, run on the same device as the rest, its "
        "accuracy on {things} of the test split.",
        "Avant : le modèle d'origine sous la forme de sa conversion float32 {baseline}, exécutée sur le même appareil "
        "que le reste, sa précision sur {things} de test.",
    ),
    "note_before_unlabelled": (
        "Before: the original model as its float32 conversion {baseline}. The data have no labels, so that nobody "
        "knows which answers are right: what is counted is how often the optimised model answers as the original "
        "does, on {things}.",
        "Avant : le modèle d'origine sous la forme de sa conversion float32 {baseline}. Les données n'ont pas "
        "d'étiquettes, et nul ne sait quelles réponses sont justes : on compte combien de fois le modèle optimisé "
        "répond comme l'original, sur {things}.",
    ),
    "note_after": (
        "After: {best}, as it is handed over; {accuracy}.",
        "Après : {best}, tel qu'il est livré ; {accuracy}.",
    ),
    "note_after_labelled": (
        "the change of accuracy is paired, both models on the same {noun}",
        "l'écart de précision est apparié, les deux modèles sur les mêmes {noun}",
    ),
    "note_after_same": ("it is the same model", "c'est le même modèle"),
    "note_retimed": (
        "Both times come from a second measurement of the two alone, {how} ({processes:n process|processes}).",
        "Les deux temps viennent d'une seconde mesure des deux modèles seuls, {how} ({processes:n "
        "processus|processus}).",
    ),
    "how_pair": (
        "in one process in alternating blocks",
        "dans un même processus, par blocs alternés",
    ),
    "how_rounds": ("in rounds of separate processes", "par tours, dans des processus séparés"),
    "note_times": (
        "Both times come from the same rounds of measurement, each in a fresh process.",
        "Les deux temps viennent des mêmes tours de mesure, chacun dans un processus neuf.",
    ),
    "note_robustness": (
        "Robustness is the mean accuracy over {conditions:n disturbance|disturbances} ({kinds}) of {things} of the "
        "selection split; at most {limit:pp} of it may be lost.",
        "La robustesse est la précision moyenne sous {conditions:n perturbation|perturbations} ({kinds}) de {things} "
        "de sélection ; elle peut perdre au plus {limit:pp}.",
    ),
    "note_robustness_single": (
        "Robustness is the mean accuracy over {conditions:n disturbance|disturbances} ({kinds}) of {things}.",
        "La robustesse est la précision moyenne sous {conditions:n perturbation|perturbations} ({kinds}) de {things}.",
    ),
    "note_no_robustness": (
        "Robustness was not measured in this run.",
        "La robustesse n'a pas été mesurée lors de cette exécution.",
    ),
    "note_calibration": (
        "The calibration error is the mean distance between how sure the model is and how often it is right; 0 is "
        "perfect. It is that of the test split; the judgement rests on the selection split ({change}, at most "
        "{limit:pp}).",
        "L'erreur de calibration est l'écart moyen entre la confiance du modèle et la fréquence de ses bonnes "
        "réponses ; 0 est parfait. C'est celle des données de test ; le jugement repose sur celles de sélection "
        "({change}, au plus {limit:pp}).",
    ),
    "note_calibration_single": (
        "The calibration error is the mean distance between how sure the model is and how often it is right; 0 is "
        "perfect.",
        "L'erreur de calibration est l'écart moyen entre la confiance du modèle et la fréquence de ses bonnes "
        "réponses ; 0 est parfait.",
    ),
    # ── the conclusion ──────────────────────────────────────────────────────────────────────────────────────────────
    "handed_over": (
        "{best} is handed over: {facts}.",
        "{best} est livré : {facts}.",
    ),
    "handed_over_baseline": (
        "The model is handed over as it was, converted: {best}.",
        "Le modèle est livré tel qu'il était, converti : {best}.",
    ),
    "certified": (
        "Certified at {limit:pp} on {things} of the test split, which took no part in calibrating and "
        "choosing: {drop}.",
        "Certifié à {limit:pp} sur {things} de test, qui n'ont servi ni à calibrer ni à choisir : {drop}.",
    ),
    "not_certified": (
        "Not certified: on {things} of the test split it breaks the limit of {limit:pp}: {drop}.",
        "Non certifié : sur {things} de test, il dépasse la limite de {limit:pp} : {drop}.",
    ),
    "cannot_certify": (
        "Not certified: {things} of the test split cannot tell whether the limit of {limit:pp} is kept: {drop}.",
        "Non certifié : {things} de test ne permettent pas de dire si la limite de {limit:pp} est respectée : {drop}.",
    ),
    "own_reference": (
        "The baseline is its own reference: {value:percent2} on {things} of the test split.",
        "La référence se mesure à elle-même : {value:percent2} sur {things} de test.",
    ),
    "drop_accuracy": ("accuracy {change}", "précision {change}"),
    "looked_at": (
        "The test split was looked at {looks:n time|times} to certify.",
        "Les données de test ont été consultées {looks:count} fois pour certifier.",
    ),
    "looked_at_once": (
        "The test split was looked at once to certify.",
        "Les données de test ont été consultées une seule fois pour certifier.",
    ),
    "looked_for_diagnosis": (
        "It was also looked at {looks:n time|times} for the diagnosis, which decides nothing.",
        "Elles l'ont aussi été {looks:count} fois pour le diagnostic, qui ne décide de rien.",
    ),
    "never_looked_at": (
        "The test split was not looked at to certify.",
        "Les données de test n'ont pas été consultées pour certifier.",
    ),
    "robust_pass": (
        "Its robustness stays within the limit: {change}.",
        "Sa robustesse reste dans la limite : {change}.",
    ),
    "robust_fail": (
        "It has lost more robustness than the limit allows: {change}.",
        "Il a perdu plus de robustesse que la limite ne le permet : {change}.",
    ),
    "robust_unclear": (
        "Whether its robustness stays within the limit cannot be told: {change}.",
        "On ne peut pas dire si sa robustesse reste dans la limite : {change}.",
    ),
    "robust_change": ("mean accuracy under disturbance {change}", "précision moyenne sous perturbation {change}"),
    "remaining": (
        "{problems:n problem|problems} {problems:form remains|remain} that optimising does not mend; what to do comes "
        "first below.",
        "{problems:n problème demeure|problèmes demeurent}, que l'optimisation ne corrige pas ; les remèdes viennent "
        "en premier ci-dessous.",
    ),
    "recommendations": ("Recommendations:", "Recommandations :"),
    "recommend": ("{title}: {fix}", "{title} : {fix}"),
    "fixes_above": (
        "What to do about the {others:n other symptom|other symptoms} stands above, beside the evidence.",
        "Pour {others:form l'autre symptôme|les autres symptômes}, ce qu'il y a à faire figure plus haut, à côté des "
        "preuves ({others:count}).",
    ),
    "deploy": (
        "Deploy the folder {bundle}, and verify on the device itself that it keeps what is promised here: {command}.",
        "Déployez le dossier {bundle}, et vérifiez sur l'appareil même qu'il tient ce qui est promis ici : {command}.",
    ),
    "measure_there": (
        "The times hold for {machine}. For another device, measure there: another recipe may win.",
        "Les temps valent pour {machine}. Pour un autre appareil, mesurez sur place : une autre recette peut "
        "l'emporter.",
    ),
    "more_samples": (
        "Label more test samples: about {count:count} would settle the certificate.",
        "Étiquetez davantage de données de test : {count:count} environ trancheraient le certificat.",
    ),
    "mind_contract": (
        "Apply the same preprocessing in the application ({contract}): another one looks like a bad model.",
        "Appliquez le même prétraitement dans l'application ({contract}) : un autre ferait croire à un mauvais modèle.",
    ),
    "broken_limit": (
        "Mind the limit that is not kept: {finding}",
        "Tenez compte de la limite qui n'est pas respectée : {finding}",
    ),
    "diagnose_first": (
        "Have the original diagnosed, to know what limits it: {command}.",
        "Faites diagnostiquer le modèle d'origine pour savoir ce qui le limite : {command}.",
    ),
}
