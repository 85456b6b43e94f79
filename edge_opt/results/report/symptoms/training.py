"""The texts of the symptoms of the training."""

from __future__ import annotations

from collections.abc import Mapping

from edge_opt.results.report.symptoms.words import Words

TEXTS: Mapping[str, Mapping[str, Words]] = {
    "EO701": {
        "en": Words(
            title="Overfitting",
            seen="The model answers {trained:percent} of its training samples correctly, and {held_out:percent} of "
            "samples it has not seen: {gap:points} points less.",
            fix="Train with more or augmented data (shifts, flips, brightness), add dropout or weight decay, and stop "
            "once the validation loss no longer falls (EarlyStopping with restore_best_weights).",
        ),
        "fr": Words(
            title="Surapprentissage",
            seen="Le modèle répond correctement à {trained:percent} de ses échantillons d'entraînement et à "
            "{held_out:percent} d'échantillons qu'il n'a jamais vus, soit {gap:points} points de moins.",
            fix="Entraînez avec davantage de données ou avec de l'augmentation (décalages, symétries, luminosité), "
            "ajoutez du dropout ou une pénalité sur les poids, et arrêtez dès que la perte de validation ne baisse "
            "plus (EarlyStopping avec restore_best_weights).",
        ),
    },
    "EO702": {
        "en": Words(
            title="Underfitting",
            seen="Even of its own training samples the model answers only {trained:percent} correctly; of others it is "
            "{held_out:percent}.",
            fix="Give the network more capacity (more channels or layers), loosen dropout and weight decay, and check "
            "that the training went on until the loss no longer fell.",
        ),
        "fr": Words(
            title="Sous-apprentissage",
            seen="Même sur ses propres échantillons d'entraînement, le modèle ne répond correctement que dans "
            "{trained:percent} des cas ; sur les autres, dans {held_out:percent}.",
            fix="Donnez plus de capacité au réseau (davantage de canaux ou de couches), réduisez le dropout et la "
            "pénalité sur les poids, et vérifiez que l'entraînement a duré jusqu'à ce que la perte ne baisse plus.",
        ),
    },
    "EO703": {
        "en": Words(
            title="Unstable training",
            seen="In the last two thirds of {epochs:n epoch|epochs} the accuracy went up and down between "
            "{low:percent} and {high:percent}, by about {swing:points} points from one epoch to the next.",
            fix="Lower the learning rate or let it decay to zero, take larger batches, and keep the weights of the "
            "best epoch (ModelCheckpoint with save_best_only=True).",
        ),
        "fr": Words(
            title="Entraînement instable",
            seen="Dans les deux derniers tiers des {epochs:n époque|époques}, l'exactitude oscille entre {low:percent} "
            "et {high:percent}, d'environ {swing:points} points d'une époque à l'autre.",
            fix="Réduisez le taux d'apprentissage ou faites-le décroître jusqu'à zéro, utilisez des lots plus grands, "
            "et conservez les poids de la meilleure époque (ModelCheckpoint avec save_best_only=True).",
        ),
    },
    "EO704": {
        "en": Words(
            title="Trained on long after the best epoch",
            seen="The validation loss was lowest in epoch {epoch:count} of {epochs:count}, and ended {risen:percent0} "
            "above that.",
            fix="Stop there: use EarlyStopping on val_loss with restore_best_weights=True, or keep the weights of the "
            "best epoch.",
        ),
        "fr": Words(
            title="Entraînement poursuivi bien après la meilleure époque",
            seen="La perte de validation a atteint son minimum à l'époque {epoch:count} sur {epochs:count}, et termine "
            "{risen:percent0} au-dessus.",
            fix="Arrêtez à ce moment : utilisez EarlyStopping sur val_loss avec restore_best_weights=True, ou "
            "conservez les poids de la meilleure époque.",
        ),
    },
    "EO705": {
        "en": Words(
            title="Learning rate too high",
            seen="The training loss does not settle: it began at {first:number}, was lowest at {lowest:number} in "
            "epoch {epoch:count} of {epochs:count}, and ended at {last:number}.",
            fix="Train again with a tenth of the learning rate (with Adam, 0.001 is the usual start), let it decay, "
            "and check that the inputs are normalised.",
        ),
        "fr": Words(
            title="Taux d'apprentissage trop élevé",
            seen="La perte d'entraînement ne se stabilise pas à un niveau bas : partie de {first:number}, elle atteint "
            "au mieux {lowest:number} à l'époque {epoch:count} sur {epochs:count}, et termine à {last:number}.",
            fix="Réentraînez avec un taux d'apprentissage dix fois plus petit (avec Adam, on commence d'habitude à "
            "0,001), faites-le décroître, et vérifiez que les entrées sont normalisées.",
        ),
    },
    "EO706": {
        "en": Words(
            title="Training cut short, or learning rate too low",
            seen="The loss was still falling when the training ended: from {before:number} after epoch {epoch:count} "
            "to {last:number} after epoch {epochs:count}, which is {share:percent0} of the whole fall.",
            fix="Train for more epochs, until the loss on samples held out no longer falls; if it falls slowly "
            "from the start, raise the learning rate too.",
        ),
        "fr": Words(
            title="Entraînement arrêté trop tôt, ou taux d'apprentissage trop faible",
            seen="La perte baissait encore à la fin de l'entraînement : de {before:number} après l'époque "
            "{epoch:count} à {last:number} après l'époque {epochs:count}, soit {share:percent0} de toute la baisse.",
            fix="Entraînez pendant plus d'époques, jusqu'à ce que la perte ne baisse plus sur des données mises de "
            "côté ; si elle baisse lentement dès le début, augmentez aussi le taux d'apprentissage.",
        ),
    },
    "EO707": {
        "en": Words(
            title="The training diverged",
            seen="The loss is not a number any more (NaN or infinite) from epoch {epoch:count} on.",
            fix="Train again with a tenth of the learning rate, normalise the inputs, limit the gradients "
            "(clipnorm=1), and stop with TerminateOnNaN should it happen again.",
        ),
        "fr": Words(
            title="L'entraînement a divergé",
            seen="La perte n'est plus un nombre (NaN ou infinie) à partir de l'époque {epoch:count}.",
            fix="Réentraînez avec un taux d'apprentissage dix fois plus petit, normalisez les entrées, limitez les "
            "gradients (clipnorm=1), et ajoutez TerminateOnNaN pour arrêter si cela se reproduit.",
        ),
    },
    "EO708": {
        "en": Words(
            title="A history without validation",
            seen="The history has {epochs:n epoch|epochs} of the training, and no value on samples that were held out: "
            "whether and when overfitting began cannot be seen.",
            fix="Hold out a tenth of the training samples and give them to fit as validation_data.",
        ),
        "fr": Words(
            title="Un historique sans validation",
            seen="L'historique compte {epochs:n époque|époques} d'entraînement, sans aucune valeur sur des "
            "échantillons mis de côté : on ne peut pas voir si un surapprentissage a commencé, ni quand.",
            fix="Mettez de côté un dixième des échantillons d'entraînement et passez-les à fit avec validation_data.",
        ),
    },
}
