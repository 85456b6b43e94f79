"""The texts of the symptoms of the model as it is."""

from __future__ import annotations

from collections.abc import Mapping

from edge_opt.results.report.symptoms.words import Words

TEXTS: Mapping[str, Mapping[str, Words]] = {
    "EO801": {
        "en": Words(
            title="The model answers no better than chance",
            seen="Of {samples:count} samples {accuracy:percent} are answered rightly; whoever always answers "
            "'{commonest}', the commonest class, has {chance:percent} right.",
            fix="Check first that the classes stand in the order of the outputs and that the preprocessing is the one "
            "of the training; if both are right, train the model again.",
        ),
        "fr": Words(
            title="Le modèle ne fait pas mieux que le hasard",
            seen="Sur {samples:count} échantillons, {accuracy:percent} des réponses sont justes ; répondre toujours « "
            "{commonest} », la classe la plus fréquente, en donnerait {chance:percent}.",
            fix="Vérifiez d'abord que les classes suivent l'ordre des sorties et que le prétraitement est celui de "
            "l'entraînement ; si les deux sont corrects, réentraînez le modèle.",
        ),
    },
    "EO802": {
        "en": Words(
            title="{weak:form A weak class|Weak classes}",
            seen="Samples of {names:names} are recognised far less often than the others: of the weakest class, "
            "'{worst}', {accuracy:percent} of {samples:count} samples are answered rightly, of all others "
            "{rest:percent}.",
            fix="Add training samples of {names:names}, above all of the kind that is answered wrongly, or give "
            "{weak:form this class|these classes} more weight in the loss (class_weight), and train again.",
        ),
        "fr": Words(
            title="{weak:form Une classe faible|Des classes faibles}",
            seen="Les échantillons de {names:names} sont bien moins souvent reconnus que les autres : pour la classe "
            "la plus faible, « {worst} », {accuracy:percent} des {samples:count} réponses sont justes, contre "
            "{rest:percent} pour toutes les autres classes.",
            fix="Ajoutez des échantillons d'entraînement de {names:names}, surtout du genre de ceux qui sont mal "
            "reconnus, ou donnez plus de poids à {weak:form cette classe|ces classes} dans la fonction de coût "
            "(class_weight), puis réentraînez.",
        ),
    },
    "EO803": {
        "en": Words(
            title="'{true}' is confused with '{answered}'",
            seen="{count:count} of the {samples:count} samples of '{true}' ({share:percent}) are answered as "
            "'{answered}'; the other way round it is {back:count} of {back_samples:count}.",
            fix="Look at these samples: correct wrong labels, and add examples that show the difference between "
            "'{true}' and '{answered}', at a resolution at which it can be seen; if they cannot be told apart, merge "
            "the two classes.",
        ),
        "fr": Words(
            title="« {true} » est confondu avec « {answered} »",
            seen="{count:count} des {samples:count} échantillons de « {true} » ({share:percent}) sont reconnus comme "
            "« {answered} » ; dans l'autre sens, c'est le cas de {back:count} sur {back_samples:count}.",
            fix="Regardez ces échantillons : corrigez les étiquettes fausses et ajoutez des exemples qui montrent la "
            "différence entre « {true} » et « {answered} », à une résolution où elle se voit ; si rien ne les "
            "distingue, fusionnez les deux classes.",
        ),
    },
    "EO804": {
        "en": Words(
            title="Confidences that are not founded",
            seen="The model is {direction:word}: on average it is {confidence:percent} sure and right in "
            "{accuracy:percent} of the cases. The calibration error is {error:points} points.",
            fix="Rescale the outputs with a temperature that is fitted on the validation data (temperature scaling), "
            "or train with label smoothing; until then, do not show these confidences to a user.",
        ),
        "fr": Words(
            title="Des degrés de confiance peu fiables",
            seen="Le modèle est {direction:word} : il est sûr de lui à {confidence:percent} en moyenne et donne "
            "{accuracy:percent} de réponses justes. L'erreur de calibration est de {error:points} points.",
            fix="Corrigez les sorties par une température ajustée sur les données de validation (temperature "
            "scaling), ou entraînez avec un lissage des étiquettes (label smoothing) ; d'ici là, ne montrez pas ces "
            "degrés de confiance à l'utilisateur.",
        ),
    },
    "EO805": {
        "en": Words(
            title="Disturbed pictures are often answered wrongly",
            seen="Accuracy falls from {clean:percent} to {worst_accuracy:percent} under the disturbance "
            "'{worst:word}' at medium strength and to {second_accuracy:percent} under '{second:word}', the worst two; "
            "over all {conditions:count} disturbances it is {mean:percent} on average.",
            fix="Train with augmented pictures: '{worst:word}' and '{second:word}' at random strengths, as layers "
            "such as RandomRotation, RandomTranslation, RandomContrast or GaussianNoise make them.",
        ),
        "fr": Words(
            title="Les images perturbées sont souvent mal reconnues",
            seen="La précision passe de {clean:percent} à {worst_accuracy:percent} sous la perturbation « "
            "{worst:word} » de force moyenne et à {second_accuracy:percent} sous « {second:word} », les deux pires ; "
            "sur l'ensemble des {conditions:count} perturbations, elle est de {mean:percent} en moyenne.",
            fix="Entraînez avec des images augmentées : « {worst:word} » et « {second:word} » à des forces "
            "aléatoires, au moyen de couches comme RandomRotation, RandomTranslation, RandomContrast ou GaussianNoise.",
        ),
    },
}
