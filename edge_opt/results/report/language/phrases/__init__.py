"""The phrases of the documents, both languages side by side: English, then French, under one key."""

from __future__ import annotations

from collections.abc import Mapping

from edge_opt.results.report.language.phrases import (
    agreement,
    amounts,
    annex,
    comparison,
    diagnosis,
    drawn,
    evidence,
    networks,
    summary,
)

Pair = tuple[str, str]

PAIRS: Mapping[str, Pair] = {
    **amounts.PAIRS,
    **diagnosis.PAIRS,
    **summary.PAIRS,
    **comparison.PAIRS,
    **annex.PAIRS,
    **networks.PAIRS,
    **evidence.PAIRS,
    **drawn.PAIRS,
    **agreement.PAIRS,
}
