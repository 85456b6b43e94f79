"""The texts of the symptoms of the data."""

from __future__ import annotations

from collections.abc import Mapping

from edge_opt.results.report.symptoms import pictures
from edge_opt.results.report.symptoms.words import Words

_INPUT: Mapping[str, Mapping[str, Words]] = {
    "EO601": {
        "en": Words(
            title="The inputs are not prepared as in training",
            seen="With '{given}', {accuracy:percent} of {samples:n sample|samples} are answered rightly; with "
            "'{better}', {better_accuracy:percent} of the same are: {gain:points} points more.",
            fix="Write into the preprocessing contract what was done in training, which is most likely '{better}'.",
        ),
        "fr": Words(
            title="Les entrées ne sont pas préparées comme à l'entraînement",
            seen="Avec « {given} », {accuracy:percent} de {samples:n échantillon|échantillons} reçoivent la bonne "
            "réponse ; avec « {better} », c'est le cas de {better_accuracy:percent} d'entre eux, soit {gain:points} "
            "points de plus.",
            fix="Inscrivez dans le contrat de prétraitement ce qui a été fait à l'entraînement, très probablement "
            "« {better} ».",
        ),
    },
    "EO602": {
        "en": Words(
            title="The inputs are not normalised",
            seen="The model gets values from {low:number} to {high:number}, {mean:number} on average with a deviation "
            "of {deviation:number}, and does not begin by scaling them; networks learn best from values around 0 with "
            "a deviation of about 1.",
            fix="Train again on scaled inputs (pixel / 255, or mean 0 and deviation 1), or with a normalisation as the "
            "first layer, and write the same scale into the preprocessing contract.",
        ),
        "fr": Words(
            title="Les entrées ne sont pas normalisées",
            seen="Le modèle reçoit des valeurs de {low:number} à {high:number}, de moyenne {mean:number} et d'écart "
            "type {deviation:number}, et ne commence pas par les mettre à l'échelle ; un réseau apprend mieux à partir "
            "de valeurs proches de 0, d'écart type voisin de 1.",
            fix="Réentraînez sur des entrées mises à l'échelle (pixel / 255, ou moyenne 0 et écart type 1), ou avec "
            "une normalisation comme première couche, et inscrivez la même échelle dans le contrat de prétraitement.",
        ),
    },
    "EO603": {
        "en": Words(
            title="Some samples hold extreme values",
            seen="{count:n sample|samples} of {samples:count} {count:form holds|hold} values more than ten times "
            "farther from the usual than nine samples in ten, as '{example}'; the values range from {low:number} to "
            "{high:number}.",
            fix="Check these samples for faults of the sensor, of the unit or of the export; correct or remove them, "
            "or limit the values to a sensible range before training and in the contract.",
        ),
        "fr": Words(
            title="Certains échantillons contiennent des valeurs extrêmes",
            seen="{count:n échantillon|échantillons} sur {samples:count} {count:form contient|contiennent} des valeurs "
            "plus de dix fois plus éloignées de l'ordinaire que celles de neuf échantillons sur dix, comme "
            "« {example} » ; les valeurs vont de {low:number} à {high:number}.",
            fix="Vérifiez ces échantillons (défaut du capteur, de l'unité ou de l'export) ; corrigez-les ou "
            "retirez-les, ou bornez les valeurs à une plage raisonnable avant l'entraînement et dans le contrat.",
        ),
    },
    "EO604": {
        "en": Words(
            title="Files are missing or corrupt",
            seen="{count:n file|files} of {total:count} ({share:percent}) cannot be used: {corrupt:count} cannot be "
            "decoded, {missing:count} {missing:form does|do} not exist. Among them: {names:names}.",
            fix="Copy or download these files again, correct their paths, or take them out of the data set; then train "
            "on what is complete.",
        ),
        "fr": Words(
            title="Des fichiers manquent ou sont corrompus",
            seen="{count:n fichier|fichiers} sur {total:count} ({share:percent}) {count:form est inutilisable|sont "
            "inutilisables} : {corrupt:count} {corrupt:form ne peut être décodé|ne peuvent être décodés}, "
            "{missing:count} {missing:form n'existe|n'existent} pas. Parmi eux : {names:names}.",
            fix="Copiez ou téléchargez de nouveau ces fichiers, corrigez leurs chemins, ou retirez-les du jeu de "
            "données ; entraînez ensuite sur des données complètes.",
        ),
    },
}

_SPLITS: Mapping[str, Mapping[str, Words]] = {
    "EO605": {
        "en": Words(
            title="The same samples stand in two splits",
            seen="{count:n sample|samples} of the {later:word} split, of {samples:count} looked at ({share:percent}), "
            "{count:form is|are} also in the {earlier:word} split: {exact:count} exactly, {near:count} nearly, where "
            "chance would make {expected:count} nearly alike. Among them: {names:names}.",
            fix="Remove the copies from the {later:word} split, split before augmenting, keep all pictures of one "
            "object or one film in one split, and measure again: until then the accuracy is overestimated.",
        ),
        "fr": Words(
            title="Les mêmes échantillons figurent dans deux ensembles",
            seen="{count:n échantillon|échantillons} de l'ensemble « {later:word} », sur {samples:count} examinés "
            "({share:percent}), {count:form figure|figurent} aussi dans l'ensemble « {earlier:word} » : {exact:count} "
            "à l'identique, {near:count} à peu de chose près, quand le hasard en rapprocherait {expected:count}. Parmi "
            "eux : {names:names}.",
            fix="Retirez les copies de l'ensemble « {later:word} », séparez les données avant de les augmenter, gardez "
            "dans un même ensemble toutes les images d'un objet ou d'un film, puis mesurez de nouveau : d'ici là, "
            "la précision est surestimée.",
        ),
    },
    "EO606": {
        "en": Words(
            title="The splits do not have the same shares of the classes",
            seen="{distance:percent} of the samples of the {second:word} split would have to be of another class to "
            "have the shares of the {first:word} split: '{class}' makes up {before:percent} there and {after:percent} "
            "here. Farthest apart: {names:names}.",
            fix="Mix the samples and split them again, stratified by class (in scikit-learn: "
            "train_test_split(…, stratify=labels)).",
        ),
        "fr": Words(
            title="Les ensembles n'ont pas les mêmes proportions de classes",
            seen="{distance:percent} des échantillons de l'ensemble « {second:word} » devraient changer de classe pour "
            "retrouver les proportions de l'ensemble « {first:word} » : « {class} » y représente {before:percent}, "
            "contre {after:percent} ici. Les classes les plus touchées : {names:names}.",
            fix="Mélangez les échantillons et séparez-les de nouveau, en stratifiant par classe (avec scikit-learn : "
            "train_test_split(…, stratify=labels)).",
        ),
    },
    "EO609": {
        "en": Words(
            title="The splits do not look alike",
            seen="A classifier tells {first:word} samples from {second:word} samples with an AUC of {auc:number}, "
            "where {chance:number} is chance; of the simple properties, the {feature:word} differs most: "
            "{before:number} on average there, {after:number} here.",
            fix="Collect both splits in the same way (camera, light, compression, preparation), mix them before you "
            "split, or add training samples like those the model will meet.",
        ),
        "fr": Words(
            title="Les ensembles ne se ressemblent pas",
            seen="Un classifieur distingue les échantillons de l'ensemble « {first:word} » de ceux de l'ensemble "
            "« {second:word} » avec une AUC de {auc:number}, le hasard donnant {chance:number} ; la propriété simple "
            "qui diffère le plus : {feature:word}, {before:number} en moyenne dans le premier, {after:number} dans le "
            "second.",
            fix="Recueillez les deux ensembles de la même façon (appareil, lumière, compression, préparation), "
            "mélangez-les avant de les séparer, ou ajoutez à l'entraînement des échantillons semblables à ceux que le "
            "modèle rencontrera.",
        ),
    },
}

_LABELS: Mapping[str, Mapping[str, Words]] = {
    "EO607": {
        "en": Words(
            title="The classes are imbalanced",
            seen="'{largest}' has {most:n training sample|training samples}, '{smallest}' has {fewest:count}: "
            "{ratio:number} times fewer. Far smaller than the largest: {names:names}.",
            fix="Collect more samples of the small classes; failing that, weight them in the loss (class_weight) or "
            "draw them more often, and judge by the accuracy of each class.",
        ),
        "fr": Words(
            title="Les classes sont déséquilibrées",
            seen="« {largest} » compte {most:n échantillon|échantillons} d'entraînement, « {smallest} » en compte "
            "{fewest:count}, soit {ratio:number} fois moins. Bien plus petites que la plus grande : {names:names}.",
            fix="Recueillez davantage d'échantillons des petites classes ; à défaut, pondérez-les dans la fonction de "
            "perte (class_weight) ou tirez-les plus souvent, et jugez d'après la précision de chaque classe.",
        ),
    },
    "EO608": {
        "en": Words(
            title="Labels are likely wrong",
            seen="By a cautious estimate, {count:n label|labels} of {samples:count} in the {split:word} split "
            "({share:percent}) {count:form is|are} wrong: the model contradicts {doubtful:count} with more confidence "
            "than usual, and also between classes that it hardly ever confuses. Look first at {names:names}.",
            fix="Look through the doubtful samples, correct their labels in every split, and train again.",
        ),
        "fr": Words(
            title="Des étiquettes sont probablement fausses",
            seen="Selon une estimation prudente, {count:n étiquette|étiquettes} sur {samples:count} de l'ensemble "
            "« {split:word} » ({share:percent}) {count:form est fausse|sont fausses} : le modèle en contredit "
            "{doubtful:count} avec plus d'assurance que d'habitude, y compris entre des classes qu'il ne confond "
            "presque jamais. À examiner d'abord : {names:names}.",
            fix="Passez en revue les échantillons douteux, corrigez leurs étiquettes dans tous les ensembles, puis "
            "réentraînez.",
        ),
    },
    "EO610": {
        "en": Words(
            title="Some classes have too few samples",
            seen="{count:n class|classes} of {classes:count} {count:form has|have} fewer than {least:count} training "
            "samples; '{smallest}' has {fewest:count}. These are: {names:names}.",
            fix="Collect more samples of these classes (a few hundred each), augment them, or start from a network "
            "that was trained on other data.",
        ),
        "fr": Words(
            title="Des classes ont trop peu d'échantillons",
            seen="{count:n classe|classes} sur {classes:count} {count:form a|ont} moins de {least:count} échantillons "
            "d'entraînement ; « {smallest} » en a {fewest:count}. Il s'agit de : {names:names}.",
            fix="Recueillez davantage d'échantillons de ces classes (quelques centaines chacune), augmentez-les, ou "
            "partez d'un réseau déjà entraîné sur d'autres données.",
        ),
    },
    "EO615": {
        "en": Words(
            title="The classes are not in the order of the model's outputs",
            seen="{accuracy:percent} of the answers are right; with the classes in another order, {reordered:percent} "
            "would be. The samples called '{true}', for one, are answered as '{answered}', and {moved:count} of the "
            "{classes:count} classes are moved in this way.",
            fix="Write the names of the classes in the order of the training, one a line, into classes.txt in the "
            "folder of the data (beside a .csv or .npz file: NAME.classes.txt), and diagnose again.",
        ),
        "fr": Words(
            title="Les classes ne sont pas dans l'ordre des sorties du modèle",
            seen="{accuracy:percent} des réponses sont justes ; avec les classes dans un autre ordre, "
            "{reordered:percent} le seraient. Les échantillons nommés « {true} », par exemple, sont reconnus comme "
            "« {answered} », et {moved:count} des {classes:count} classes sont ainsi décalées.",
            fix="Écrivez les noms des classes dans l'ordre de l'entraînement, un par ligne, dans classes.txt, dans le "
            "dossier des données (à côté d'un fichier .csv ou .npz : NOM.classes.txt), puis refaites le diagnostic.",
        ),
    },
}

TEXTS: Mapping[str, Mapping[str, Words]] = {**_INPUT, **_SPLITS, **_LABELS, **pictures.TEXTS}
