"""The texts of the symptoms of the training."""

from __future__ import annotations

from collections.abc import Mapping

from edge_opt.results.report.symptoms.words import Words

TEXTS: Mapping[str, Mapping[str, Words]] = {}
