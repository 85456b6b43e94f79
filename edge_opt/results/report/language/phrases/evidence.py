"""Phrases of the appendix: what was asked, how it was measured, how each number is known and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS: Mapping[str, tuple[str, str]] = {
    "asked": ("What was asked", "Ce qui était demandé"),
    "asked_model": (
        "Model: {path} ({framework}, {parameters:n parameter|parameters}, {macs:count} multiply-accumulates an "
        "inference, {size:bytes}), sha256 {sha}",
        "Modèle : {path} ({framework}, {parameters:n paramètre|paramètres}, {macs:count} multiplications-additions par "
        "inférence, {size:bytes}), sha256 {sha}",
    ),
    "asked_data": (
        "Data: {path}, {classes:n class|classes}: {calibration} to calibrate, {selection:count} to choose, "
        "{certification:count} to certify, sha256 {sha}",
        "Données : {path}, {classes:n classe|classes} : {calibration} pour calibrer, {selection:count} pour choisir, "
        "{certification:count} pour certifier, sha256 {sha}",
    ),
    "asked_contract": ("Preprocessing: {contract}", "Prétraitement : {contract}"),
    "contract_picture": (
        "{color:word}, {height:count} × {width:count} pixels ({resize:word}, {crop:word}), {sums}, {rest}",
        "{color:word}, {height:count} × {width:count} pixels ({resize:word}, {crop:word}), {sums}, {rest}",
    ),
    "asked_target": ("Target: {target} ({description}), {threads}", "Cible : {target} ({description}), {threads}"),
    "asked_limits": (
        "Limits: {limits}; goal: {goal:word}, effort: {effort:word}",
        "Limites : {limits} ; objectif : {goal:word}, effort : {effort:word}",
    ),
    "limit_drop": ("{metric:word} drop at most {limit:pp}", "perte de {metric:word} d'au plus {limit:pp}"),
    "limit_latency": ("p90 latency at most {limit:duration}", "latence p90 d'au plus {limit:duration}"),
    "limit_size": ("size at most {limit:bytes}", "taille d'au plus {limit:bytes}"),
    "limit_memory": ("memory at most {limit:bytes}", "mémoire d'au plus {limit:bytes}"),
    "asked_command": ("Command: {command}", "Commande : {command}"),
    # ── how it was measured ─────────────────────────────────────────────────────────────────────────────────────────
    "protocol": ("How it was measured, and on what", "Comment les mesures ont été faites, et sur quoi"),
    "nothing_timed": ("Nothing was timed.", "Rien n'a été chronométré."),
    "protocol_is": (
        "Batch 1, one inference at a time, {threads}, warm-up left out: {rounds} in random order, every measurement in "
        "a fresh process, {samples} for each artifact.",
        "Lot de 1, une inférence à la fois, {threads}, échauffement exclu : {rounds} dans un ordre aléatoire, chaque "
        "mesure dans un processus neuf, {samples} par artefact.",
    ),
    "protocol_means": (
        "Latency is the median ± half of the interquartile range, beside it the 90th percentile; a sample spans "
        "setting the input, the inference and reading the output. The speed-up is the median of the ratios round by "
        "round, with an interval from resampling the rounds.",
        "La latence est la médiane ± la moitié de l'écart interquartile, avec à côté le 90e centile ; une mesure va de "
        "l'écriture de l'entrée à la lecture de la sortie, inférence comprise. L'accélération est la médiane des "
        "rapports tour par tour, avec un intervalle obtenu en rééchantillonnant les tours.",
    ),
    "rounds": ("{count:n round|rounds}", "{count:n tour|tours}"),
    "rounds_between": ("{low:count} to {high:count} rounds", "{low:count} à {high:count} tours"),
    "latencies_between": ("{low:count} to {high:count} samples", "{low:count} à {high:count} mesures"),
    "latencies": ("{count:n sample|samples}", "{count:n mesure|mesures}"),
    "machine_is": (
        "Machine: {cpu}, {machine}, {cores}{isa}, {ram:bytes} of memory",
        "Machine : {cpu}, {machine}, {cores}{isa}, {ram:bytes} de mémoire",
    ),
    "system_is": (
        "System: {system}, Python {python}, frequency governor: {governor}",
        "Système : {system}, Python {python}, gouverneur de fréquence : {governor}",
    ),
    "load_is": (
        "Load average while measuring: at most {load:number}",
        "Charge moyenne pendant la mesure : au plus {load:number}",
    ),
    "executed": ("{version}, what it says it did: {said}", "{version}, ce qu'il dit avoir fait : {said}"),
    "executed_by": (
        "{version}, what it says it did: {said} ({trials})",
        "{version}, ce qu'il dit avoir fait : {said} ({trials})",
    ),
    "timed_again": (
        "The winner was timed again, {how} ({processes:n process|processes}): {faster}",
        "Le gagnant a été chronométré de nouveau, {how} ({processes:n processus|processus}) : {faster}",
    ),
    # ── how each number is known ────────────────────────────────────────────────────────────────────────────────────
    "known": ("How each number is known", "Comment chaque nombre est connu"),
    "known_times": (
        "Latency, load time and memory: {measured} on {machine}.",
        "Latence, temps de chargement et mémoire : {measured} sur {machine}.",
    ),
    "measured": ("measured", "mesurés"),
    "known_memory": (
        "Memory: what loading and running the artifact added to its process, median over the rounds.",
        "Mémoire : ce que le chargement et l'exécution de l'artefact ont ajouté à son processus, médiane des tours.",
    ),
    "known_untimed": ("{trial} was not timed.", "{trial} n'a pas été chronométré."),
    "known_accuracy": (
        "Accuracy: {counted} on labelled {noun}, each artifact run by its own runtime, with the preprocessing above.",
        "Précision : {counted} sur des {noun}, d'après leurs étiquettes, chaque artefact exécuté par son propre "
        "moteur, avec le prétraitement ci-dessus.",
    ),
    "counted": ("counted", "comptée"),
    "known_agreement": (
        "Agreement: {counted}, the share of the {noun} that an artifact answers as the float model does, which "
        "{framework} ran; there are no labels, so that nobody knows which answers are right.",
        "Accord : {counted}, la part des {noun} auxquels un artefact répond comme le modèle flottant, exécuté par "
        "{framework} ; sans étiquettes, nul ne sait quelles réponses sont justes.",
    ),
    "known_original": (
        "Before anything was done, {framework} itself: {value:percent2} on {things} of the selection split.",
        "Avant toute modification, {framework} lui-même : {value:percent2} sur {things} de sélection.",
    ),
    "known_size": (
        "Size: {counted}, the bytes of the artifact's files; compressed: the same after gzip.",
        "Taille : {counted}, les octets des fichiers de l'artefact ; compressé : les mêmes après gzip.",
    ),
    "known_change": (
        "The change of accuracy is paired, both models on the same {noun}; ± is its {confidence:confidence} interval.",
        "L'écart de précision est apparié, les deux modèles sur les mêmes {noun} ; ± est son intervalle à "
        "{confidence:confidence}.",
    ),
    "known_outputs": (
        "Outputs against {framework}'s own: at most {apart:number} apart, in {trial}.",
        "Sorties comparées à celles de {framework} : au plus {apart:number} d'écart, dans {trial}.",
    ),
    "known_robustness": (
        "Robustness: {counted}, the mean accuracy over all disturbances and strengths, on the same {noun} for both.",
        "Robustesse : {counted}, la précision moyenne sur toutes les perturbations et intensités, sur les mêmes {noun} "
        "pour les deux.",
    ),
    "known_calibration": (
        "Calibration error: {counted}, the mean distance between confidence and accuracy over bins of equally many "
        "samples.",
        "Erreur de calibration : {counted}, l'écart moyen entre confiance et précision sur des groupes de même "
        "effectif.",
    ),
    # ── how to read it ──────────────────────────────────────────────────────────────────────────────────────────────
    "reading": ("How to read it", "Comment le lire"),
    "reading_times": (
        "Times hold for {machine}, {threads}. Elsewhere another recipe may win: measure there.",
        "Les temps valent pour {machine}, {threads}. Ailleurs, une autre recette peut l'emporter : mesurez sur place.",
    ),
    "reading_slower": (
        "Smaller is not faster: {trials} {count:form is|are} slower here than the baseline.",
        "Plus petit n'est pas plus rapide : {trials} {count:form est|sont} ici plus {count:form lent|lents} que la "
        "référence.",
    ),
    "reading_best": (
        "The best was chosen among several by the selection split and by these times, which flatters it a little: "
        "quote its accuracy from the certificate.",
        "Le meilleur a été choisi parmi plusieurs d'après les données de sélection et ces temps, ce qui le flatte un "
        "peu : citez sa précision d'après le certificat.",
    ),
    "reading_retimed": (
        "The best was chosen among several by the selection split and by these times, which flatters it a little: "
        "quote its accuracy from the certificate and its speed-up from the second timing.",
        "Le meilleur a été choisi parmi plusieurs d'après les données de sélection et ces temps, ce qui le flatte un "
        "peu : citez sa précision d'après le certificat et son accélération d'après la seconde mesure.",
    ),
    "reading_unclear": ("{trial} is unclear: {message}", "{trial} est indécis : {message}"),
    "reading_ledger": (
        "The certification split was looked at {looks:n time|times}: each further look makes a lucky pass more likely.",
        "Les données de test ont été consultées {looks:count} fois : chaque consultation de plus rend un succès dû à "
        "la chance plus probable.",
    ),
    # ── where each number comes from ────────────────────────────────────────────────────────────────────────────────
    "sources": ("Where each number comes from", "D'où vient chaque nombre"),
    "sources_means": (
        "Every number above is computed from {report}, which holds every latency and every answer; {journal} has the "
        "same as it was measured, job by job.",
        "Tous les nombres ci-dessus se calculent depuis {report}, qui contient chaque latence et chaque réponse ; "
        "{journal} contient les mêmes telles que mesurées, tâche par tâche.",
    ),
    "sources_label": ("Where each number comes from", "D'où vient chaque nombre"),
    "number": ("number", "nombre"),
    "number_value": ("value", "valeur"),
    "number_path": ("path in report.json", "chemin dans report.json"),
    "number_job": ("key in jobs.jsonl", "clé dans jobs.jsonl"),
    "number_trials_label": ("Where the numbers of each trial come from", "D'où viennent les nombres de chaque essai"),
    "number_trial": ("trial", "essai"),
    "of_before": ("{what}, before", "{what}, avant"),
    "of_after": ("{what}, after", "{what}, après"),
    "of_change": ("{what}, improvement", "{what}, amélioration"),
    # ── how to reproduce it ─────────────────────────────────────────────────────────────────────────────────────────
    "reproduce": ("How to reproduce it", "Comment le reproduire"),
    "commands_label": ("Commands", "Commandes"),
    "reproduce_is": (
        "Seed {seed:number}, started {started}, took {seconds:seconds}. Versions:",
        "Graine {seed:number}, début {started}, durée {seconds:seconds}. Versions :",
    ),
    "version": ("{name}: {version}", "{name} : {version}"),
}
