"""Phrases of the head of a report, of the solutions, of the comparison and of the conclusion."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS: Mapping[str, tuple[str, str]] = {
    # ── under the title ─────────────────────────────────────────────────────────────────────────────────────────────
    "lead_changed": (
        "The model {model} was optimised for {target}: {best} replaces it.",
        "Le modèle {model} a été optimisé pour {target} : {best} le remplace.",
    ),
    "lead_unchanged": (
        "The model {model} was to be optimised for {target}: it stays as it is, only converted ({best}).",
        "Le modèle {model} devait être optimisé pour {target} : il reste tel quel, seulement converti ({best}).",
    ),
    "lead_meta": ("{tool}, {date}, {machine}, {threads}.", "{tool}, {date}, {machine}, {threads}."),
    # ── solutions ───────────────────────────────────────────────────────────────────────────────────────────────────
    "conversion": ("Conversion to {format} for {runtime}", "Conversion au format {format} pour {runtime}"),
    "conversion_what": (
        "The trained {framework} model was converted without changing its numbers, so that the device needs only "
        "{runtime} to run it.",
        "Le modèle {framework} entraîné a été converti sans en changer les nombres : sur l'appareil, {runtime} suffit "
        "à l'exécuter.",
    ),
    "conversion_size": (
        "{before} as a training file, {after} now",
        "{before} en fichier d'entraînement, {after} ensuite",
    ),
    "conversion_same": (
        "its outputs differ from those of {framework} by at most {difference:number}",
        "ses sorties s'écartent de celles de {framework} d'au plus {difference:number}",
    ),
    "conversion_time": ("{time} per inference", "{time} par inférence"),
    "contract": ("Preprocessing found by its accuracy", "Prétraitement trouvé par sa précision"),
    "contract_what": (
        "No description of the preprocessing came with the data; the likely ones were tried on labelled samples and "
        "the one the model answers best was kept: {contract}.",
        "Aucune description du prétraitement n'accompagnait les données ; les plus probables ont été essayées sur des "
        "échantillons étiquetés et celle à laquelle le modèle répond le mieux a été retenue : {contract}.",
    ),
    "contract_impact": (
        "{right:count} of {samples:count} right with it, {other:count} with the next best",
        "{right:count} réponses justes sur {samples:count} avec lui, {other:count} avec le suivant",
    ),
    "contract_known": (
        "every number of this report rests on it",
        "tous les nombres de ce rapport en dépendent",
    ),
    "float16": ("Weights in half precision (float16)", "Poids en demi-précision (float16)"),
    "float16_what": (
        "Every weight is stored in 16 bits instead of 32; the computation stays in floating point.",
        "Chaque poids est enregistré sur 16 bits au lieu de 32 ; le calcul reste en virgule flottante.",
    ),
    "weight_only": ("Weights in {weights:count} bits", "Poids sur {weights:count} bits"),
    "weight_only_what": (
        "Every weight is stored in {weights:count} bits instead of 32 and expanded to floating point to compute.",
        "Chaque poids est enregistré sur {weights:count} bits au lieu de 32, puis reconverti en virgule flottante pour "
        "le calcul.",
    ),
    "dynamic": ("Dynamic quantization in {weights:count} bits", "Quantification dynamique sur {weights:count} bits"),
    "dynamic_what": (
        "Every weight is stored in {weights:count} bits instead of 32; intermediate values are rounded to "
        "{activations:count} bits while the model runs, with ranges found at that moment.",
        "Chaque poids est enregistré sur {weights:count} bits au lieu de 32 ; les valeurs intermédiaires sont "
        "arrondies à {activations:count} bits pendant l'exécution, sur des plages déterminées à ce moment.",
    ),
    "static": (
        "Full quantization: weights in {weights:count} bits, computation in {activations:count} bits",
        "Quantification complète : poids sur {weights:count} bits, calcul sur {activations:count} bits",
    ),
    "static_what": (
        "Weights and intermediate values are whole numbers instead of 32-bit floating point; the ranges of the "
        "intermediate values were calibrated on {things} that take no part in any judgement below.",
        "Les poids et les valeurs intermédiaires sont des entiers au lieu de nombres en virgule flottante sur 32 bits "
        "; les plages des valeurs intermédiaires ont été calibrées sur {things} qui n'entrent dans aucun jugement "
        "ci-dessous.",
    ),
    "per_channel": (
        "Each channel of a layer has a scale of its own.",
        "Chaque canal d'une couche a sa propre échelle.",
    ),
    "ranges": ("Calibrated ranges by the method {method}", "Plages calibrées par la méthode {method}"),
    "ranges_percentile": (
        "The rarest intermediate values are cut off, so that the others are rounded more finely.",
        "Les valeurs intermédiaires les plus rares sont tronquées, pour que les autres soient arrondies plus finement.",
    ),
    "ranges_mse": (
        "The ranges are those with the least squared error of rounding.",
        "Les plages sont celles dont l'erreur quadratique d'arrondi est la plus faible.",
    ),
    "ranges_octav": (
        "The ranges balance what is clipped against what is rounded.",
        "Les plages équilibrent ce qui est tronqué et ce qui est arrondi.",
    ),
    "kept": (
        "{count:n layer|layers} kept in floating point",
        "{count:n couche conservée|couches conservées} en virgule flottante",
    ),
    "kept_what": (
        "Quantization disturbs {layers} most; {count:form that one computes|those compute} as before.",
        "La quantification perturbe surtout {layers} ; {count:form cette couche calcule|ces couches calculent} comme "
        "avant.",
    ),
    "wide": (
        "{count:n layer|layers} computed in 16 bits",
        "{count:n couche calculée|couches calculées} sur 16 bits",
    ),
    "wide_what": (
        "Quantization disturbs {layers} most; {count:form its values have|their values have} 16 bits instead of 8.",
        "La quantification perturbe surtout {layers} ; {count:form ses valeurs ont|leurs valeurs ont} 16 bits au lieu "
        "de 8.",
    ),
    "option": ("Computation with {options}", "Calcul avec {options}"),
    "option_what": (
        "The runtime {runtime} was told to compute this way.",
        "Le moteur {runtime} a été réglé pour calculer ainsi.",
    ),
    "impact_accuracy": ("accuracy {change}", "précision {change}"),
    "impact_accuracy_same": ("accuracy unchanged on {things}", "précision inchangée sur {things}"),
    "impact_memory": ("{after} of memory instead of {before}", "{after} de mémoire au lieu de {before}"),
    "impact_included": (
        "included in the figures of the step before",
        "comprise dans les chiffres de l'étape précédente",
    ),
    "impact_next": ("measured together with the next step", "mesuré avec l'étape suivante"),
    "impact_not_enough": (
        "this alone keeps not every limit, so that the next step was taken",
        "cela seul ne respecte pas toutes les limites, d'où l'étape suivante",
    ),
    "nothing_changed": (
        "Nothing else was changed, because {reasons}.",
        "Rien d'autre n'a été changé, parce que {reasons}.",
    ),
    # ── why the baseline stays ──────────────────────────────────────────────────────────────────────────────────────
    "why_nothing_better": (
        "nothing that was tried has been shown to beat it within the limits",
        "rien de ce qui a été essayé ne s'est montré meilleur dans les limites fixées",
    ),
    "why_few_samples": (
        "{things} of the test split are too few to certify anything else at {limit:pp}",
        "{things} de test ne suffisent pas pour certifier autre chose à {limit:pp}",
    ),
    "why_few_rounds": (
        "{rounds:n round|rounds} cannot show that {trials} {count:form is|are} better, as an interval takes three",
        "{rounds:n tour|tours} de mesure ne {rounds:form peut|peuvent} pas montrer que {trials} "
        "{count:form est meilleur|sont meilleurs} : il en faut trois pour un intervalle",
    ),
    "why_timed_again": (
        "{trials} {count:form was|were} no longer better when timed again",
        "{trials} {count:form n'était|n'étaient} plus {count:form meilleur|meilleurs} lors de la seconde mesure",
    ),
    "why_traded": (
        "{trials} {count:form has|have} lost robustness or calibration",
        "{trials} {count:form a|ont} perdu en robustesse ou en calibration",
    ),
    "why_failed": (
        "{trials} {count:form has|have} lost too much on the test split",
        "{trials} {count:form a|ont} trop perdu sur les données de test",
    ),
    "why_unclear": (
        "{trials} {count:form has|have} not been certified, as the test split is too small to tell",
        "{trials} {count:form n'a|n'ont} pas pu être {count:form certifié|certifiés} : les données de test sont trop "
        "peu nombreuses pour trancher",
    ),
    "why_slower_balanced": (
        "It was chosen for its size, as the goal {goal} weighs half the size like twice the speed; {baseline} is "
        "faster.",
        "Il a été retenu pour sa taille, car l'objectif « {goal} » pèse une taille réduite de moitié comme une vitesse "
        "doublée ; {baseline} est plus rapide.",
    ),
    "why_slower_size": (
        "It was chosen for its size, which is the goal; {baseline} is faster.",
        "Il a été retenu pour sa taille, qui est l'objectif ; {baseline} est plus rapide.",
    ),
    "why_slower_latency": (
        "It was chosen for the limits, which it keeps better; {baseline} is faster.",
        "Il a été retenu pour les limites, qu'il respecte mieux ; {baseline} est plus rapide.",
    ),
}
