"""``edge-opt inspect`` on the fake device: what is shown, and how it ends where an artifact is broken."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge_opt import registry
from edge_opt.cli.inspect import inspect
from edge_opt.errors import InputError, StepFailed
from edge_opt.flows import api, looking
from tests.fakes import FakeArtifact, FakeDevice


class ManyOperators(FakeDevice):
    """Its artifacts have 30 operators, the last of them the heaviest."""

    timed = True

    def run(self, job: Any) -> dict[str, Any]:
        answer = super().run(job)
        if job["mode"] == "profile":
            fields = {"kind": "Conv", "precision": "int8", "placement": "CPUExecutionProvider"}
            answer["operators"] = [
                {**fields, "name": f"net/layer{place}", "median_ns": 1000 * place if self.timed else None}
                for place in range(30)
            ]
        return answer


class WithoutTimes(ManyOperators):
    timed = False


def run(monkeypatch: pytest.MonkeyPatch, device: FakeDevice, *arguments: str) -> Result:
    known = registry.load
    monkeypatch.setattr(
        registry, "load", lambda kind, name: (lambda: device) if kind == "devices" else known(kind, name)
    )
    return CliRunner().invoke(inspect, [*arguments])


@pytest.fixture
def artifact(tmp_path: Path) -> str:
    return str(FakeArtifact(latency_ns=100_000).write(tmp_path / "model.onnx"))


def test_the_table_shows_the_heaviest_first_and_the_time_by_precision(
    monkeypatch: pytest.MonkeyPatch, artifact: str
) -> None:
    result = run(monkeypatch, FakeDevice(), artifact, "--threads", "2", "-q")
    assert result.exit_code == 0
    heading, _, titles, first, second, note, _, sums = result.stdout.splitlines()
    assert heading == f"{artifact} · onnxruntime 1.0 · threads 2 · 100 µs an inference"
    assert [cell.strip() for cell in titles.split("|")[1:-1]] == [
        "operator", "kind", "precision", "placement", "share %", "time"
    ]  # fmt: skip
    assert [cell.strip() for cell in first.split("|")[1:-1]] == ["conv", "Conv", "float32", "CPU", "90.0", "90 µs"]
    assert "scores" in second
    assert sums == "time by precision: float32 100.0%"
    assert "do not add up to the latency" in note


def test_of_many_operators_the_heaviest_twenty_are_shown_unless_all_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, artifact: str
) -> None:
    short = run(monkeypatch, ManyOperators(), artifact, "-q").stdout
    assert short.count("net/layer") == 20
    assert "net/layer29" in short
    assert "net/layer9 " not in short
    assert "… and 10 more of 30, 10.3% of the time: --all shows them" in short  # 0 + 1 + … + 9 of 435
    assert run(monkeypatch, ManyOperators(), artifact, "-q", "--all").stdout.count("net/layer") == 30


def test_where_there_are_no_times_there_is_no_column_for_them_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, artifact: str
) -> None:
    shown = run(monkeypatch, WithoutTimes(), artifact, "-q").stdout
    assert "share %" not in shown
    assert "operators by precision: int8 100.0%" in shown
    assert "has no profiler that tells their times" in shown


def test_markdown_has_a_rule_and_csv_and_json_hold_every_operator_of_every_artifact(
    monkeypatch: pytest.MonkeyPatch, artifact: str
) -> None:
    def shown(format: str) -> str:
        return run(monkeypatch, ManyOperators(), artifact, artifact, "--format", format).stdout

    assert shown("md").count("|---") >= 2
    rows = list(csv.DictReader(io.StringIO(shown("csv"))))
    assert len(rows) == 60
    assert (rows[0]["operator"], rows[0]["precision"]) == ("net/layer29", "int8")
    both = json.loads(shown("json"))
    assert [len(one["profile"]["operators"]) for one in both] == [30, 30]
    assert both[0]["profile"]["inference_ns"] == 100_000


def test_inspect_and_bench_refuse_a_target_that_this_machine_cannot_stand_for(
    monkeypatch: pytest.MonkeyPatch, artifact: str
) -> None:
    monkeypatch.setattr(looking, "device", lambda target: FakeDevice(isa=()))
    monkeypatch.setattr(api, "device", lambda target: FakeDevice(isa=()))
    said = []
    for word in (api.inspect, api.bench):
        with pytest.raises(InputError, match="which 'x86-avx2' needs") as caught:
            word([artifact], target="x86-avx2")
        said.append((caught.value.message, caught.value.hint))
    assert said[0] == said[1]


def test_a_broken_artifact_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = FakeArtifact(error="no flatbuffer").write(tmp_path / "broken.tflite")
    result = run(monkeypatch, FakeDevice(), str(broken))
    assert isinstance(result.exception, StepFailed)
    assert result.exception.message == f"'{broken}' cannot be inspected: could not be loaded: no flatbuffer"
    assert result.exception.hint
    assert result.exception.exit_code == 2
    assert result.stdout == ""
