"""NNCF's quantization of an OpenVINO model, with our words for its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.exporters.openvino.graph import check, quiet
from edge_opt.nets.conversion import imported
from edge_opt.nets.ranges import PERCENTILE
from edge_opt.types import Quantization, RangeMethod

# NNCF has no OCTAV. Its histogram estimator searches the range with the least squared error, which is "mse".
RANGE_METHODS: tuple[RangeMethod, ...] = ("min_max", "percentile", "mse")
_PURPOSE = "quantizing an OpenVINO model"


def weights_only(model: Any, quantization: Quantization) -> Any:
    """``model`` with its weights stored as int8, each output channel with a scale of its own."""
    nncf = quiet("nncf", _PURPOSE)
    return nncf.compress_weights(
        model, mode=nncf.CompressWeightsMode.INT8_SYM, ignored_scope=_ignored(nncf, model, quantization)
    )


def static(model: Any, quantization: Quantization, batches: Sequence[NDArray[np.float32]]) -> Any:
    """A copy of ``model`` that computes in int8, its ranges chosen from what ``batches`` make of it.

    Raises UnknownName where a layer to keep in float is none of the model.
    """
    nncf = quiet("nncf", _PURPOSE)
    advanced = imported("nncf.quantization.advanced_parameters", "nncf", "openvino", _PURPOSE)
    return nncf.quantize(
        model,
        nncf.Dataset(list(batches)),
        subset_size=len(batches),
        ignored_scope=_ignored(nncf, model, quantization),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            activations_range_estimator_params=_estimator(quantization.range_method),
            weights_quantization_params=advanced.QuantizationParameters(
                per_channel=quantization.granularity == "per_channel"
            ),
        ),
    )


def _ignored(nncf: Any, model: Any, quantization: Quantization) -> Any:
    check(model, quantization.keep_float)
    return nncf.IgnoredScope(names=list(quantization.keep_float)) if quantization.keep_float else None


def _estimator(method: RangeMethod) -> Any:
    """How NNCF finds a range. Its percentiles are those of each sample, of which it takes the mean."""
    ranges = imported("nncf.quantization.range_estimator", "nncf", "openvino", _PURPOSE)
    known = ranges.RangeEstimatorParametersSet
    if method == "min_max":
        return known.MINMAX
    if method == "mse":
        return known.HISTOGRAM
    collector = ranges.StatisticsCollectorParameters(
        statistics_type=ranges.StatisticsType.QUANTILE,
        aggregator_type=ranges.AggregatorType.MEAN,
        quantile_outlier_prob=(1 - PERCENTILE) / 2,  # at either end
    )
    return ranges.RangeEstimatorParameters(min=collector, max=collector)
