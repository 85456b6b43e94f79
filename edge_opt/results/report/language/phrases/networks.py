"""Phrases about smaller networks: channels and layers that left, and the training that made up for it."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS: Mapping[str, tuple[str, str]] = {
    # ── solutions ───────────────────────────────────────────────────────────────────────────────────────────────────
    "channels_removed": (
        "Channels removed: {before:count} → {after:count}",
        "Canaux supprimés : {before:count} → {after:count}",
    ),
    "channels_removed_what": (
        "The channels that give the least for what they cost really left, with everything that was computed for them.",
        "Les canaux qui apportent le moins pour ce qu'ils coûtent ont réellement disparu, avec tout ce qui était "
        "calculé pour eux.",
    ),
    "layers_removed": ("{count:n layer|layers} removed", "{count:n couche supprimée|couches supprimées}"),
    "layers_removed_what": (
        "{layers} left the network, and the layers around {count:form it|them} took over the work.",
        "{layers} {count:form a quitté|ont quitté} le réseau, et les couches voisines ont repris "
        "{count:form son|leur} travail.",
    ),
    "taught": (
        "The network was then trained again to answer as the original does (distillation), for "
        "{epochs:n epoch|epochs}; the certifying samples took no part in it.",
        "Le réseau a ensuite été réentraîné pour répondre comme l'original (distillation), pendant "
        "{epochs:n époque|époques} ; les échantillons qui certifient n'y ont pas servi.",
    ),
    "impact_parameters": (
        "{after:count} parameters instead of {before:count}",
        "{after:count} paramètres au lieu de {before:count}",
    ),
    "impact_macs": (
        "{after:count} multiply-accumulates instead of {before:count}",
        "{after:count} multiplications-additions au lieu de {before:count}",
    ),
    # ── the appendix ────────────────────────────────────────────────────────────────────────────────────────────────
    "networks": ("The smaller networks", "Les réseaux réduits"),
    "networks_means": (
        "Each was made of the network before it, and trained on {things} of the training split to answer as the "
        "original does. Its accuracy here is that of its float form in its framework, on the selection split, which "
        "also stopped its training: it is a little flattered, and the certificate is not.",
        "Chacun a été tiré du précédent et entraîné sur {things} d'entraînement pour répondre comme l'original. La "
        "précision donnée ici est celle de sa forme flottante dans son environnement d'origine, sur les données de "
        "sélection, qui ont aussi arrêté son entraînement : elle est un peu flattée, le certificat ne l'est pas.",
    ),
    "networks_label": ("The original and the networks that were made of it", "L'original et les réseaux tirés de lui"),
    "net_network": ("network", "réseau"),
    "net_original": ("original", "original"),
    "net_channels": ("channels", "canaux"),
    "net_parameters": ("parameters", "paramètres"),
    "net_macs": ("multiply-accumulates", "multiplications-additions"),
    "net_training": ("training", "entraînement"),
    "training_cell": ("{epochs:n epoch|epochs}, {seconds:seconds}", "{epochs:n époque|époques}, {seconds:seconds}"),
    "network_widths": ("Channels of {network}, layer by layer:", "Canaux de {network}, couche par couche :"),
    "network_width": ("{layer}: {before:count} → {after:count}", "{layer} : {before:count} → {after:count}"),
    "network_predicted": (
        "By the times of its layers, {network} should be {ratio:ratio} times as fast in float32 as the network before "
        "it.",
        "D'après les temps de ses couches, {network} devrait être {ratio:ratio} fois plus rapide en float32 que le "
        "réseau précédent.",
    ),
    "network_layers": ("Removed from {network}: {layers}.", "Supprimé de {network} : {layers}."),
}
