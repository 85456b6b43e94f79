"""The texts of the symptoms of the weights and the architecture."""

from __future__ import annotations

from collections.abc import Mapping

from edge_opt.results.report.symptoms.words import Words

TEXTS: Mapping[str, Mapping[str, Words]] = {
    "EO806": {
        "en": Words(
            title="Dead channels",
            seen="{dead:count} of the {channels:count} channels that were looked at ({share:percent0}) give the same "
            "answer to every sample. The most affected layers: {names:names}.",
            fix="Train again with a lower learning rate or with LeakyReLU instead of ReLU; or make these layers "
            "narrower, since these channels cost time and tell nothing.",
        ),
        "fr": Words(
            title="Canaux morts",
            seen="{dead:count} des {channels:count} canaux observés ({share:percent0}) donnent la même réponse pour "
            "tous les échantillons. Les couches les plus touchées : {names:names}.",
            fix="Réentraînez avec un taux d'apprentissage plus faible ou avec LeakyReLU à la place de ReLU ; ou "
            "réduisez la largeur de ces couches, car ces canaux coûtent du temps et n'apportent aucune information.",
        ),
    },
    "EO807": {
        "en": Words(
            title="One dense layer holds most of the parameters",
            seen="The dense layer {names:names} holds {parameters:count} of the {total:count} parameters "
            "({share:percent0}).",
            fix="Put GlobalAveragePooling2D in the place of Flatten before this layer, or make the layer narrower, and "
            "train again: the model gets smaller and overfits less.",
        ),
        "fr": Words(
            title="Une couche dense concentre la plupart des paramètres",
            seen="La couche dense {names:names} contient {parameters:count} des {total:count} paramètres "
            "({share:percent0}).",
            fix="Remplacez Flatten par GlobalAveragePooling2D avant cette couche, ou réduisez sa largeur, puis "
            "réentraînez : le modèle sera plus petit et moins sujet au surapprentissage.",
        ),
    },
    "EO808": {
        "en": Words(
            title="No normalisation between the layers",
            seen="The network has {convolutions:count} convolutions and no normalisation layer.",
            fix="Add BatchNormalization after each convolution and train again: training becomes faster and more "
            "stable, and the converted model is no slower, as the layer is merged into the convolution.",
        ),
        "fr": Words(
            title="Aucune normalisation entre les couches",
            seen="Le réseau comporte {convolutions:count} convolutions et aucune couche de normalisation.",
            fix="Ajoutez BatchNormalization après chaque convolution et réentraînez : l'entraînement devient plus "
            "rapide et plus stable, et le modèle converti n'est pas plus lent, car cette couche est fusionnée avec la "
            "convolution.",
        ),
    },
}
