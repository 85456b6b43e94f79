"""Phrases of the appendix: what was tried, what failed, and what the certificate rests on."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS: Mapping[str, tuple[str, str]] = {
    "pictures": ("Pictures", "Figures"),
    "no_pictures": (
        "There are no pictures here: {command} installs what draws them.",
        "Il n'y a pas de figures ici : {command} installe ce qui les dessine.",
    ),
    # ── all trials ──────────────────────────────────────────────────────────────────────────────────────────────────
    "trials": ("What was tried", "Ce qui a été essayé"),
    "trials_label": ("All trials, the baseline first", "Tous les essais, la référence en premier"),
    "recipe": ("recipe", "recette"),
    "format": ("format", "format"),
    "runtime": ("runtime", "moteur"),
    "size": ("size", "taille"),
    "compressed": ("compressed", "compressé"),
    "latency": ("latency {unit}", "latence {unit}"),
    "p90": ("p90 {unit}", "p90 {unit}"),
    "load": ("load", "chargement"),
    "memory": ("memory", "mémoire"),
    "score": ("{metric:word} %", "{metric:word} %"),
    "score_change": ("Δ {metric:word}, points", "Δ {metric:word}, points"),
    "speed_up": ("speed-up", "accélération"),
    "verdict": ("verdict", "verdict"),
    "best_for": (
        "{mark} is the best for the goal '{goal:word}'.",
        "{mark} est le meilleur pour l'objectif « {goal:word} ».",
    ),
    "verdict_means": (
        "The verdict says whether every limit is kept; the drop, at most {limit:pp}, was counted on {things} of the "
        "selection split.",
        "Le verdict dit si toutes les limites sont respectées ; la perte, au plus {limit:pp}, a été comptée sur "
        "{things} de sélection.",
    ),
    "in_every_row": ("In every row: {constant}.", "Sur chaque ligne : {constant}."),
    "even_means": (
        "≈ the interval of the speed-up holds 1: neither faster nor slower has been shown.",
        "≈ : l'intervalle de l'accélération contient 1, ni gain ni perte de vitesse n'est démontré.",
    ),
    "few_means": (
        "≈ timed in fewer than three rounds, or the interval holds 1: neither faster nor slower has been shown.",
        "≈ : mesuré en moins de trois tours, ou l'intervalle contient 1, ni gain ni perte de vitesse n'est démontré.",
    ),
    # ── the front and the ladder ────────────────────────────────────────────────────────────────────────────────────
    "front": ("The front", "Le front de Pareto"),
    "front_means": (
        "Of what did not fail and breaks no limit, nothing equals or beats one of these in latency, size and accuracy "
        "at once:",
        "Parmi ce qui n'a pas échoué et ne dépasse aucune limite, rien n'égale ou ne bat l'un de ceux-ci à la fois en "
        "latence, en taille et en précision :",
    ),
    "front_label": ("The trials on the front", "Les essais sur le front"),
    "artifact": ("artifact", "artefact"),
    "ladder": ("The ladder", "L'échelle de recettes"),
    "ladder_means": (
        "A static_int8 that lost too much accuracy was answered rung by rung, each from the evidence before it: its "
        "ranges by better methods, then the layers that quantization disturbs most in higher precision.",
        "À un static_int8 qui perdait trop de précision, on a répondu échelon par échelon, chacun d'après ce que "
        "montrait le précédent : de meilleures plages d'abord, puis une précision plus élevée pour les couches que la "
        "quantification perturbe le plus.",
    ),
    "ladder_of": ("The ladder of {trial}", "L'échelle de {trial}"),
    "rung": ("rung", "échelon"),
    # ── what did not work ───────────────────────────────────────────────────────────────────────────────────────────
    "broken": ("What did not work", "Ce qui n'a pas fonctionné"),
    "failed_at": ("{trial} failed at {stage:word}: {message}", "{trial} a échoué ({stage:word}) : {message}"),
    "was_not_timed": ("{trial} was not timed: {reason}", "{trial} n'a pas été chronométré : {reason}"),
    "skipped": ("What was not tried", "Ce qui n'a pas été essayé"),
    "skipped_one": ("{trial}: {reason}", "{trial} : {reason}"),
    # ── findings and certificate ────────────────────────────────────────────────────────────────────────────────────
    "findings": ("Findings", "Constats"),
    "finding": ("{level:word} {code}", "{level:word} {code}"),
    "finding_titled": ("{head}: {message}", "{head} : {message}"),
    "certificate": ("The certificate", "Le certificat"),
    "certificate_of": (
        "{trial} is what is handed over. The {noun} that certify it took no part in calibrating and choosing.",
        "{trial} est ce qui est livré. Les {noun} qui le certifient n'ont servi ni à calibrer ni à choisir.",
    ),
    "certificate_values": (
        "On these {noun} the accuracy of the baseline is {before:percent2}, that of the artifact {after:percent2}; for "
        "{discordant:count} of them one of the two is right and the other wrong.",
        "Sur ces {noun}, la précision de la référence est de {before:percent2}, celle de l'artefact de "
        "{after:percent2} ; pour {discordant:count} de ces {noun}, l'un des deux a raison et l'autre tort.",
    ),
    "would_decide": ("About {things} would decide.", "{things} environ permettraient de trancher."),
    "ledger": ("Every look at this split:", "Toutes les consultations de ces données :"),
    "look": ("{trial}: {status:word}", "{trial} : {status:word}"),
    "look_diagnosis": ("{trial}: for the diagnosis", "{trial} : pour le diagnostic"),
    "no_look": ("none", "aucune"),
    "by_class_lost": ("Class by class, what loses most first:", "Classe par classe, la plus grande perte d'abord :"),
    "by_class_most": (
        "The {count:n class|classes} that lose most:",
        "Les {count:n classe|classes} qui perdent le plus :",
    ),
    "by_class_label": ("Accuracy by class before and after", "Précision par classe, avant et après"),
    "class_before": ("baseline, %", "référence, %"),
    "class_after": ("artifact, %", "artefact, %"),
    "class_change": ("Δ, points", "Δ, points"),
    "by_class_means": (
        "No limit holds for a class alone, and a Δ of few samples decides nothing. A class that certainly loses more "
        "than all of them together, by intervals that hold for every class at once, is a finding: EO203.",
        "Aucune limite ne porte sur une classe seule, et un Δ fondé sur peu de données ne décide de rien. Une classe "
        "qui perd certainement plus que l'ensemble, par des intervalles valables pour toutes les classes à la fois, "
        "est un constat : EO203.",
    ),
    "quality": ("What else might have been traded away", "Ce qui aurait pu être sacrifié en plus"),
    "quality_means": (
        "{before} and {after} answered the same {things}, clean and disturbed, each kind at {strengths:count} "
        "strengths. Single conditions are told and decide nothing; their p-values are Holm-adjusted.",
        "{before} et {after} ont répondu aux mêmes {things}, intacts et perturbés, chaque perturbation à "
        "{strengths:count} intensités. Les conditions isolées sont indiquées et ne décident de rien ; leurs valeurs p "
        "sont corrigées par la méthode de Holm.",
    ),
    "quality_label": (
        "Robustness by kind of disturbance, before and after",
        "Robustesse par perturbation, avant et après",
    ),
    "kind": ("disturbance", "perturbation"),
    "kind_before": ("before, %", "avant, %"),
    "kind_after": ("after, %", "après, %"),
    "kind_change": ("Δ, points", "Δ, points"),
    "kind_worst": ("largest loss of one strength", "plus forte perte d'une intensité"),
    "kind_worst_is": (
        "{strength}: {loss:points2} (p = {p:p})",
        "{strength} : {loss:points2} (p = {p:p})",
    ),
}
