"""Phrases for numbers with what belongs to them, and other small words that several parts share."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS: Mapping[str, tuple[str, str]] = {
    "skip": ("Skip to the content", "Aller au contenu"),
    "contents": ("Contents", "Sommaire"),
    "more": ("{count:count} more", "{count:n autre|autres}"),
    "images": ("{count:n image|images}", "{count:n image|images}"),
    "samples": ("{count:n sample|samples}", "{count:n échantillon|échantillons}"),
    "interval": (
        "{confidence:confidence} interval {low}\u00a0…\u00a0{high}",
        "intervalle à {confidence:confidence} : {low}\u00a0…\u00a0{high}",
    ),
    "change_with_interval": (
        "{change} {size:form points|points} ({interval})",
        "{change} {size:form point|points} ({interval})",
    ),
    "points": ("{change} {size:form points|points}", "{change} {size:form point|points}"),
    "no_change": ("no change", "aucun changement"),
    "faster": ("{ratio:ratio} times faster ({interval})", "{ratio:ratio} fois plus rapide ({interval})"),
    "slower": ("{ratio:ratio} times slower ({interval})", "{ratio:ratio} fois plus lent ({interval})"),
    "as_fast": (
        "no measurable difference: {ratio:ratio} times as fast ({interval})",
        "aucune différence mesurable : vitesse multipliée par {ratio:ratio} ({interval})",
    ),
    "faster_once": (
        "about {ratio:ratio} times as fast, timed once: there is no interval",
        "vitesse multipliée par {ratio:ratio} environ, mesurée une seule fois : il n'y a pas d'intervalle",
    ),
    "faster_short": ("{ratio:ratio} times faster", "{ratio:ratio} fois plus rapide"),
    "slower_short": ("{ratio:ratio} times slower", "{ratio:ratio} fois plus lent"),
    "as_fast_short": ("no measurable difference", "aucune différence mesurable"),
    "same_size": ("the same size", "même taille"),
    "smaller": ("{ratio:ratio} times smaller", "{ratio:ratio} fois plus petit"),
    "larger": ("{ratio:ratio} times larger", "{ratio:ratio} fois plus grand"),
    "instead": ("{what}, {after} instead of {before}", "{what}, {after} au lieu de {before}"),
    "not_timed": ("not timed", "non mesuré"),
    "not_measured": ("not measured", "non mesurée"),
    "unknown": ("unknown", "inconnu"),
    "threads": ("{count:n thread|threads}", "{count:n thread|threads}"),
    "cores": ("{count:n core|cores}", "{count:n cœur|cœurs}"),
    "times_sign": ("x", " ×"),
    "slower_cell": ("slower", "plus lent"),
    "date": ("{day} {month:word} {year}", "{day} {month:word} {year}"),
    "colon": (":", " :"),
    "semicolon": ("; ", " ; "),
    "reference": ("reference", "référence"),
    "hint": ("Hint: {hint}", "Conseil : {hint}"),
    "best_mark": ("chosen", "retenu"),
}
