"""The headings that a report must have, letter by letter: they are written as the course has them, not typeset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from edge_opt.results.report.document.writing import Pen


@dataclass(frozen=True)
class Skeleton:
    """What stands in every report in this order, and is looked for by others."""

    title: str
    problems: str
    solutions: str
    performance: str
    conclusion: str
    appendix: str
    impact: str
    heads: tuple[str, str, str, str]
    accuracy: str
    time: str
    size: str
    robustness: str
    calibration: str

    def named(self, metric: str) -> Skeleton:
        """The same for data without labels: what is counted there is no accuracy."""
        return replace(self, accuracy=f"{metric[:1].upper()}{metric[1:]}")

    def typeset(self, typeset: Callable[[str], str]) -> Skeleton:
        """The names of the metrics as they stand in running text, with the signs of good printing."""
        return replace(self, accuracy=typeset(self.accuracy), time=typeset(self.time), size=typeset(self.size))


def skeleton(pen: Pen) -> Skeleton:
    """What stands in the report that ``pen`` writes."""
    found = SKELETONS[pen.language.code]
    return found if pen.labelled else found.named(pen.word("agreement"))


SKELETONS: Mapping[str, Skeleton] = {
    "en": Skeleton(
        title="Model improvement report",
        problems="Problems identified",
        solutions="Solutions implemented",
        performance="Performance compared",
        conclusion="Conclusion",
        appendix="Appendix",
        impact="→ Impact:",
        heads=("Metric", "Before", "After", "Improvement"),
        accuracy="Accuracy",
        time="Inference time",
        size="Model size",
        robustness="Robustness",
        calibration="Calibration error",
    ),
    "fr": Skeleton(
        title="Rapport d'amélioration du modèle",
        problems="Problèmes identifiés",
        solutions="Solutions implémentées",
        performance="Performances comparées",
        conclusion="Conclusion",
        appendix="Annexes",
        impact="→ Impact:",
        heads=("Métrique", "Avant", "Après", "Amélioration"),
        accuracy="Précision",
        time="Temps d'inférence",
        size="Taille du modèle",
        robustness="Robustesse",
        calibration="Erreur de calibration",
    ),
}
