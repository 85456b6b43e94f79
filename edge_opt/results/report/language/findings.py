"""Ce que disent les constats : what each finding is called in French, as its message is English.

One line a code, so that no constant of the source is a code that nothing reports.
"""

from __future__ import annotations

from collections.abc import Mapping

_TITLES = """
EO101 Image impossible à décoder
EO102 Fichier du tableau introuvable
EO103 Même image dans deux ensembles
EO104 Pas d'ensemble de validation
EO105 Pixels convertis
EO106 Fichiers laissés de côté
EO107 Numéros de classe triés comme du texte
EO108 Moins d'étiquettes que de sorties
EO109 Pas d'ensemble de test
EO110 Classes sans image dans un ensemble
EO111 Peu d'images pour calibrer
EO112 Prétraitement choisi d'après la précision
EO113 Prétraitements impossibles à départager
EO114 Image perdue en cours de route
EO115 Modèle pas meilleur que le hasard
EO120 Prétraitement supposé, faute de modèle
EO121 Contrat de prétraitement conservé
EO122 Accord compté, et non précision
EO123 Seul prétraitement probable retenu
EO124 Étendue des valeurs des échantillons
EO125 Réponses presque toutes identiques
EO130 Modèle impossible à examiner
EO131 Partie du diagnostic manquante
EO132 Données impossibles à examiner
EO133 Historique illisible
EO134 Pas le temps de diagnostiquer
EO135 Robustesse mesurée sur une partie des échantillons
EO136 Diagnostic précédent remplacé
EO200 Perte de précision au-delà de la limite
EO201 Perte de précision indécise
EO202 Trop peu d'échantillons pour la limite
EO203 Classe qui perd bien plus que les autres
EO204 Robustesse perdue
EO205 Calibration perdue
EO206 Précision perdue sous certaines perturbations
EO210 Limite non respectée par ce qui est livré
EO300 Tours de mesure discordants
EO301 Machine occupée
EO302 Fréquence du processeur en mode économie
EO303 Premier tour différent des autres
EO304 Référence instable
EO305 Peu de tours de mesure
EO306 Deux modèles incapables de partager un processus
EO307 Avance perdue à la seconde mesure
EO310 Latence au-delà de la limite
EO311 Artefact plus gros que la limite
EO312 Mémoire au-delà de la limite
EO320 Carte bridée pendant la mesure
EO321 Horloge ralentie ou processeur chaud
EO322 Plus lent à la longue qu'au début
EO323 Limite de latence à la longue
EO324 Régime stable pas encore atteint
EO325 Températures de départ différentes
EO401 Conversion float32 différente du modèle d'origine
EO402 Calculs flottants dans un artefact quantifié
EO403 Temps passé en conversions
EO404 Calcul en bf16 que personne n'a demandé
EO405 Opérateurs laissés à des noyaux lents
EO406 Meilleur artefact non profilé
EO410 Float16 qui ne sert ici qu'au stockage
EO411 Couches impossibles à classer
EO420 Couches dont les canaux restent
EO421 Réseau impossible à réduire ici
EO422 Couches impossibles à chronométrer une à une
EO423 Entraînement sur une partie des échantillons
EO430 Réponses différentes sur l'appareil
EO431 Réponses identiques sur l'appareil
EO432 Autre version du moteur sur l'appareil
EO501 Moteur d'exécution non installé
EO502 Cache des artefacts inutilisable
EO503 Artefact conservé endommagé
EO504 Exécutions comparées sur des bases différentes
EO505 Artefacts convertis à chaque exécution
EO506 Paquet installé qui ne fonctionne pas
EO507 Peu de place
EO508 Mesures incapables de s'attendre
EO509 Exécution sans rapport laissée de côté
EO510 Fichier du dossier livré modifié
EO511 Réponses différentes de celles mesurées
EO512 Latence différente de la promesse
EO513 Mémoire supérieure à la promesse
EO514 Promesses faites pour une autre machine ou version
EO515 Artefacts d'une exécution précédente réutilisés
EO901 Nombre d'instructions non confirmé par le chronomètre
EO902 Mesure dans des processus séparés
EO903 Précision non comparée
EO904 Étalonnage fait avec un autre artefact
EO905 Étalonnage fait avec de simples copies
EO906 Artefacts exécutés de manières différentes
EO907 Candidat et référence identiques
EO920 Mesures d'une autre machine laissées de côté
EO921 Noyau différent de celui de la dernière mesure
EO922 Ralentissement entré dans l'historique
EO923 Bancs d'essai présents d'un seul côté
EO924 Mesure tronquée
EO925 Deux artefacts dans un même historique
"""
TITLES: Mapping[str, str] = {
    code: title.replace("'", "’") for code, _, title in (line.partition(" ") for line in _TITLES.strip().splitlines())
}
