"""Phrases for numbers with what belongs to them, and other small words that several parts share."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS: Mapping[str, tuple[str, str]] = {
    "more": ("{count:count} more", "{count:n autre|autres}"),
    "interval": (
        "{confidence:confidence} interval {low} … {high}",
        "intervalle à {confidence:confidence} : {low} … {high}",
    ),
    "change_with_interval": (
        "{change} {size:form point|points} ({interval})",
        "{change} {size:form point|points} ({interval})",
    ),
    "faster": ("{ratio:ratio} times faster ({interval})", "{ratio:ratio} fois plus rapide ({interval})"),
    "slower": ("{ratio:ratio} times slower ({interval})", "{ratio:ratio} fois plus lent ({interval})"),
    "as_fast": (
        "no measurable difference: {ratio:ratio} times as fast ({interval})",
        "aucune différence mesurable : vitesse × {ratio:ratio} ({interval})",
    ),
    "faster_once": (
        "about {ratio:ratio} times as fast, timed once: there is no interval",
        "vitesse × {ratio:ratio} environ, mesurée une seule fois : il n'y a pas d'intervalle",
    ),
    "same_size": ("the same size", "même taille"),
    "smaller": ("{ratio:ratio} times smaller", "{ratio:ratio} fois plus petit"),
    "larger": ("{ratio:ratio} times larger", "{ratio:ratio} fois plus grand"),
    "not_timed": ("not timed", "non mesuré"),
    "not_measured": ("not measured", "non mesurée"),
    "unknown": ("unknown", "inconnu"),
    "threads": ("{count:n thread|threads}", "{count:n thread|threads}"),
    "percent_words": ("{value:percent2}", "{value:percent2}"),
}
