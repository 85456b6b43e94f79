"""Phrases of the problems that were found, and of the model as it is."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS: Mapping[str, tuple[str, str]] = {
    "severity_and_code": ("({severity:word}, {code})", "({severity:word}, {code})"),
    "explained_by": ("Probably a consequence of {code}.", "Sans doute une conséquence d'{code}."),
    "explained_by_titled": (
        "Probably a consequence of {code}: {title}.",
        "Sans doute une conséquence d'{code} : {title}.",
    ),
    "fix": ("What to do: {fix}", "Que faire : {fix}"),
    "no_symptom": ("Nothing was found that limits the model.", "Rien n'a été trouvé qui limite le modèle."),
    "no_symptom_of": (
        "Nothing was found that limits the model. Looked at: {parts}.",
        "Rien n'a été trouvé qui limite le modèle. Ont été examinés : {parts}.",
    ),
    "part_data": ("the data", "les données"),
    "part_training": ("the training", "l'entraînement"),
    "part_structure": ("the architecture", "l'architecture"),
    "part_behaviour": ("the answers", "les réponses"),
    "not_diagnosed": (
        "This run did not look for what limits the model. {command} does, and names each problem with its evidence.",
        "Cette exécution n'a pas cherché ce qui limite le modèle. {command} le fait, et nomme chaque problème avec ses "
        "preuves.",
    ),
    "not_looked_at": ("Also worth knowing:", "À savoir également :"),
    # ── the model as it is ──────────────────────────────────────────────────────────────────────────────────────────
    "diagnosis_title": ("Model diagnosis", "Diagnostic du modèle"),
    "diagnosis_lead": (
        "The model {model}, as it is: {counts}.",
        "Le modèle {model}, tel qu'il est : {counts}.",
    ),
    "diagnosis_lead_unknown": ("What was found: {counts}.", "Ce qui a été trouvé : {counts}."),
    "count_problem": ("{count:n problem|problems}", "{count:n problème|problèmes}"),
    "count_warning": ("{count:n warning|warnings}", "{count:n avertissement|avertissements}"),
    "count_hint": ("{count:n hint|hints}", "{count:n conseil|conseils}"),
    "count_nothing": ("nothing that limits it", "rien qui le limite"),
    "as_it_is": ("The model as it is", "Le modèle tel qu'il est"),
    "recommended": ("Recommendations", "Recommandations"),
    "nothing_to_do": ("Nothing has to be done.", "Il n'y a rien à faire."),
    "evidence": ("What was seen", "Ce qui a été observé"),
    "measure": ("Measure", "Mesure"),
    "value": ("Value", "Valeur"),
    "accuracy": ("Accuracy", "Précision"),
    "calibration_error": ("Calibration error", "Erreur de calibration"),
    "inference_time": ("Inference time", "Temps d'inférence"),
    "model_size": ("Model size", "Taille du modèle"),
    "robustness": ("Robustness", "Robustesse"),
    "parameters": ("Parameters", "Paramètres"),
    "macs": ("Multiply-accumulates of an inference", "Multiplications-additions par inférence"),
    "accuracy_on": (
        "{value:percent2} of {samples:n sample|samples} ({split:word} split)",
        "{value:percent2} de {samples:n échantillon|échantillons} (ensemble « {split:word} »)",
    ),
    "robustness_on": (
        "{value:percent2} on average over {conditions:n disturbance|disturbances} of {samples:n sample|samples}",
        "{value:percent2} en moyenne sur {conditions:n perturbation|perturbations} "
        "de {samples:n échantillon|échantillons}",
    ),
    "largest_layer": ("Largest layer", "Couche la plus grande"),
    "largest_layer_is": (
        "{layer} ({kind}), {share:percent} of the parameters",
        "{layer} ({kind}), {share:percent} des paramètres",
    ),
    "dead_channels": ("Channels that never answer", "Canaux qui ne réagissent jamais"),
    "dead_of": ("{dead:count} of {channels:count}", "{dead:count} sur {channels:count}"),
    "trained_accuracy": ("Accuracy on the training data", "Précision sur les données d'entraînement"),
    "held_out_accuracy": ("Accuracy on data not trained on", "Précision hors entraînement"),
    "of_samples": (
        "{value:percent2} of {samples:n sample|samples}",
        "{value:percent2} de {samples:n échantillon|échantillons}",
    ),
    "chance": ("Always the commonest class", "Toujours la classe la plus fréquente"),
    "learned_from": ("Learning curves", "Courbes d'apprentissage"),
    "epochs_in": ("{epochs:n epoch|epochs} in {source}", "{epochs:n époque|époques} dans {source}"),
    "split": ("Split", "Ensemble"),
    "count": ("Samples", "Échantillons"),
    "smallest_class": ("Smallest class", "Classe la plus petite"),
    "largest_class": ("Largest class", "Classe la plus grande"),
    "class_of": ("{name}: {count:count}", "{name} : {count:count}"),
    "each_class": ("{count:count} each", "{count:count} chacune"),
    "splits_label": ("The splits of the data", "Les ensembles de données"),
    "model_label": ("The model as it is", "Le modèle tel qu'il est"),
    "class": ("Class", "Classe"),
    "classes_label": ("Accuracy by class, the weakest first", "Précision par classe, la plus faible d'abord"),
    "accuracy_percent": ("Accuracy, %", "Précision, %"),
    "most_confused": ("Confused most often", "Le plus souvent confondue avec"),
    "confused_times": ("{name} ({count:count})", "{name} ({count:count})"),
    "inputs_seen": (
        "What the model gets lies between {low:number} and {high:number}, mean {mean:number}, standard deviation "
        "{deviation:number}.",
        "Ce que reçoit le modèle va de {low:number} à {high:number}, moyenne {mean:number}, écart type "
        "{deviation:number}.",
    ),
    "overlap_seen": (
        "Copies from the {earlier:word} split among {samples:count} looked at of the {later:word} split: {exact:count} "
        "exact, {near:count} near.",
        "Copies de l'ensemble « {earlier:word} » parmi {samples:count} échantillons examinés de l'ensemble "
        "« {later:word} » : {exact:n exacte|exactes}, {near:n approchée|approchées}.",
    ),
    "shift_seen": (
        "A classifier tells the splits {first:word} and {second:word} apart with an AUC of {auc:number} (0.5 is "
        "chance, p = {p:p}).",
        "Un classifieur distingue les ensembles « {first:word} » et « {second:word} » avec une AUC de {auc:number} "
        "(p = {p:p} ; le hasard donne un demi).",
    ),
    "doubts_seen": (
        "The model firmly contradicts {doubtful:n label|labels} of {samples:count} of the {split:word} split, of which "
        "about {scattered:count} look wrong at random; the others may well be its own errors.",
        "Le modèle contredit fermement {doubtful:n étiquette|étiquettes} sur {samples:count} de l'ensemble "
        "« {split:word} », dont environ {scattered:count} semblent fausses au hasard ; les autres peuvent être ses "
        "propres erreurs.",
    ),
    "unreadable_seen": (
        "{total:n file|files} listed: {corrupt:count} could not be read, {missing:count} are missing.",
        "{total:n fichier listé|fichiers listés} : {corrupt:count} illisibles, {missing:count} absents.",
    ),
    "faults_seen": (
        "Of {looked_at:n picture|pictures}: {dark:count} dark, {bright:count} overexposed, {blurred:count} blurred, "
        "{flat:count} without contrast, {odd:count} of an odd size.",
        "Sur {looked_at:n image|images} : {dark:count} sombres, {bright:count} surexposées, {blurred:count} floues, "
        "{flat:count} sans contraste, {odd:count} de taille inhabituelle.",
    ),
}
