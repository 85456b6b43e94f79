"""OpenVINO kept from what it does unasked: sending usage data, and wrong answers of one of its compilers."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.runtimes import ov

openvino: Any = pytest.importorskip("openvino", reason="needs openvino: pip install openvino")


def two_dense_layers() -> Any:
    """A float model of 16 inputs, 32 in between and 10 outputs."""
    op, draw = openvino.opset13, np.random.default_rng(0)
    given = op.parameter([1, 16], np.float32, name="x")
    first = op.constant(draw.normal(0, 0.25, (16, 32)).astype(np.float32))
    second = op.constant(draw.normal(0, 0.18, (32, 10)).astype(np.float32))
    middle = op.relu(op.add(op.matmul(given, first, False, False), op.constant(np.zeros(32, np.float32))))
    last = op.add(op.matmul(middle, second, False, False), op.constant(np.zeros(10, np.float32)))
    return openvino.Model([op.result(last)], [given], "two_dense_layers")


@pytest.mark.slow
def test_an_int8_model_with_two_dense_layers_in_a_row_answers_like_its_float_model(tmp_path: Path) -> None:
    nncf = pytest.importorskip("nncf", reason="needs nncf: pip install 'edge-opt[openvino]'")
    nncf.set_log_level(logging.ERROR)
    samples = list(np.random.default_rng(1).random((64, 1, 16), dtype=np.float32))
    answers = []
    for name, model in (
        ("float", two_dense_layers()),
        ("int8", nncf.quantize(two_dense_layers(), nncf.Dataset(samples))),
    ):
        openvino.save_model(model, tmp_path / f"{name}.xml", compress_to_fp16=False)
        session = ov.open(str(tmp_path / f"{name}.xml"), 1, {})
        answers.append(np.concatenate([session.run([one])[0] for one in samples]))
    assert np.abs(answers[0]).max() > 1
    assert np.abs(answers[0] - answers[1]).max() < 0.25


def test_starting_openvino_sends_nothing_and_writes_nothing_to_the_home_folder(tmp_path: Path) -> None:
    code = "import sys; from edge_opt.runtimes import ov; ov.package(); assert not sys.modules['openvino_telemetry']"
    variables = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], env=variables, check=True)
    assert list(tmp_path.iterdir()) == []
