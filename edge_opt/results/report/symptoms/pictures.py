"""The texts of the symptoms of single pictures."""

from __future__ import annotations

from collections.abc import Mapping

from edge_opt.results.report.symptoms.words import Words

TEXTS: Mapping[str, Mapping[str, Words]] = {
    "EO611": {
        "en": Words(
            title="Pictures are too dark or overexposed",
            seen="{count:n picture|pictures} of {samples:count} ({share:percent}) {count:form shows|show} next to "
            "nothing: {dark:count} nearly black, {bright:count} washed out. Among them: {names:names}.",
            fix="Take or choose these pictures anew, or correct their exposure; if such light is to be expected later, "
            "vary the brightness of all pictures in training.",
        ),
        "fr": Words(
            title="Des images sont trop sombres ou surexposées",
            seen="{count:n image|images} sur {samples:count} ({share:percent}) ne {count:form montre|montrent} presque "
            "rien : {dark:count} {dark:form est quasi noire|sont quasi noires}, {bright:count} "
            "{bright:form est délavée|sont délavées}. Parmi elles : {names:names}.",
            fix="Refaites ou remplacez ces images, ou corrigez leur exposition ; si une telle lumière est à prévoir à "
            "l'usage, faites varier la luminosité de toutes les images à l'entraînement.",
        ),
    },
    "EO612": {
        "en": Words(
            title="Pictures are blurred",
            seen="{count:n picture|pictures} of {samples:count} ({share:percent}) {count:form is|are} more than five "
            "times less sharp than is usual in {count:form its|their} class. Among them: {names:names}.",
            fix="Take these pictures anew or sort them out; if blur is to be expected later, blur some of the others "
            "in training.",
        ),
        "fr": Words(
            title="Des images sont floues",
            seen="{count:n image|images} sur {samples:count} ({share:percent}) {count:form est|sont} plus de cinq fois "
            "moins {count:form nette|nettes} que d'ordinaire dans leur classe. Parmi elles : {names:names}.",
            fix="Refaites ces images ou écartez-les ; si du flou est à prévoir à l'usage, floutez une partie des "
            "autres images à l'entraînement.",
        ),
    },
    "EO613": {
        "en": Words(
            title="Pictures have odd sizes",
            seen="{count:n picture|pictures} of {samples:count} ({share:percent}) {count:form is|are} of quite another "
            "shape than usual or more than four times smaller. Among them: {names:names}.",
            fix="Check where they come from; crop long ones to their object, replace small ones by larger ones, and "
            "take previews and icons out.",
        ),
        "fr": Words(
            title="Des images ont une taille inhabituelle",
            seen="{count:n image|images} sur {samples:count} ({share:percent}) {count:form a|ont} une forme très "
            "différente des autres ou {count:form est|sont} plus de quatre fois plus "
            "{count:form petite|petites}. Parmi elles : {names:names}.",
            fix="Vérifiez leur provenance ; recadrez les plus longues sur leur sujet, remplacez les plus petites par "
            "de plus grandes, et retirez aperçus et icônes.",
        ),
    },
    "EO614": {
        "en": Words(
            title="Pictures are of a single tone",
            seen="{count:n picture|pictures} of {samples:count} ({share:percent}) {count:form has|have} next to no "
            "contrast: there is nothing to recognise. Among them: {names:names}.",
            fix="Take these pictures out, or make them anew: they are often failed exports or covered lenses.",
        ),
        "fr": Words(
            title="Des images sont d'un seul ton",
            seen="{count:n image|images} sur {samples:count} ({share:percent}) {count:form n'a|n'ont} presque aucun "
            "contraste : il n'y a rien à y reconnaître. Parmi elles : {names:names}.",
            fix="Retirez ces images ou refaites-les : il s'agit souvent d'exports ratés ou d'objectifs couverts.",
        ),
    },
}
