"""What layers cost: their time alone, less what every inference takes and the copying of what goes in and out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_opt.errors import StepFailed
from edge_opt.nets.allocation import predicted_ns
from edge_opt.nets.graph import Channels, Work
from edge_opt.nets.single_layers import Point, SingleLayer, SingleLayers
from edge_opt.stages.costs import measure
from edge_opt.types import OperatorCosts

EMPTY_NS, VALUE_NS = 1_000.0, 0.05


class Bench:
    """A device on which a file takes what stands in its name, with the overhead of its values."""

    def __init__(self, *, broken: str = "") -> None:
        self.jobs: list[Mapping[str, Any]] = []
        self._broken = broken

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        self.jobs.append(job)
        if any(self._broken and self._broken in one["path"] for one in job["artifacts"]):
            raise StepFailed(f"could not be loaded: '{self._broken}'")
        return {
            "artifacts": [{"median_ns": self._ns(one["path"]), "runtime_version": "mine 2"} for one in job["artifacts"]]
        }

    def _ns(self, path: str) -> float:
        own, values = Path(path).name.split("ns-")
        return EMPTY_NS + float(own) + VALUE_NS * int(values.removesuffix("values"))


def point(inputs: int, outputs: int, own_ns: float, values: int = 500, *, written: bool = True) -> Point:
    path = Path(f"/layers/{inputs}-{outputs}/{own_ns}ns-{values}values") if written else None
    return Point(inputs=inputs, outputs=outputs, values=values, path=path)


def layer(
    *points: Point, name: str = "conv1/conv", kind: str = "conv", scale: float = 9.0, calls: int = 1
) -> SingleLayer:
    return SingleLayer(names=(name,), kind=kind, scale=scale, calls=calls, points=points)


def singles(*layers: SingleLayer, probes: tuple[SingleLayer, ...] = ()) -> SingleLayers:
    return SingleLayers(
        layers=layers, probes=probes, empty=Path("/0ns-0values"), copying=Path("/0ns-1000values"), copied=1_001
    )


def costs(given: SingleLayers, device: Any = None) -> dict[str, tuple[tuple[float, float], ...]]:
    return by_name(measure(given, "litert", {}, device or Bench(), 1, 0))


def by_name(found: OperatorCosts) -> dict[str, tuple[tuple[float, float], ...]]:
    return {one.layer: one.points for one in found.layers}


def flat(points: tuple[tuple[float, float], ...]) -> list[float]:
    return [value for one in points for value in one]


def test_a_layer_costs_what_it_takes_alone_without_the_overhead_of_its_inference_and_its_values() -> None:
    found = costs(singles(layer(point(1, 8, 70.0, 784), point(1, 16, 200.0, 30_000))))
    assert flat(found["conv1/conv"]) == pytest.approx([9 * 8, 70, 9 * 16, 200])
    assert flat(found[""]) == pytest.approx([0, EMPTY_NS, 1, EMPTY_NS])


def test_what_is_faster_than_nothing_costs_nothing() -> None:
    assert flat(costs(singles(layer(point(1, 8, -300.0), point(1, 16, 5.0))))["conv1/conv"])[1] == 0


def test_a_layer_at_a_single_width_costs_the_same_whatever_its_work() -> None:
    assert flat(costs(singles(layer(point(4, 10, 33.0))))["conv1/conv"]) == pytest.approx([0, 33, 360, 33])


def test_a_layer_that_is_called_twice_costs_twice_and_names_that_are_alike_cost_the_same() -> None:
    twice = SingleLayer(
        names=("a/conv", "b/conv"), kind="conv", scale=18.0, calls=2, points=(point(1, 8, 10.0), point(1, 16, 30.0))
    )
    found = costs(singles(twice))
    assert flat(found["a/conv"]) == flat(found["b/conv"]) == pytest.approx([144, 20, 288, 60])


def test_steps_are_as_many_channels_as_each_width_costs_and_the_points_lie_on_them() -> None:
    probe = layer(
        *(point(32, width, own) for width, own in ((16, 20.0), (24, 45.0), (32, 30.0), (64, 60.0))), name="probe"
    )
    found = measure(
        singles(layer(point(1, 24, 90.0), point(1, 64, 128.0)), probes=(probe,)), "litert", {}, Bench(), 1, 0
    )
    (steps,) = found.steps
    assert steps.kind == "conv"
    assert flat(steps.widths) == pytest.approx([16, 64 / 3, 24, 48, 32, 32, 64, 64])
    assert flat(by_name(found)["conv1/conv"]) == pytest.approx([9 * 48, 90, 9 * 64, 128])


def test_a_layer_without_a_file_is_priced_like_the_nearest_of_its_kind() -> None:
    near = layer(point(4, 8, 10.0), point(4, 32, 40.0), name="near/conv")
    far = layer(point(99, 8, 900.0), point(99, 320, 9_000.0), name="far/conv")
    other = layer(point(4, 4, 1.0), point(8, 8, 2.0), name="pool/pool", kind="pool")
    absent = layer(point(4, 16, 0, written=False), point(4, 64, 0, written=False), name="absent/conv")
    alone = layer(point(2, 3, 0, written=False), name="alone/dense", kind="dense")
    found = costs(singles(near, far, other, absent, alone))
    assert flat(found["absent/conv"]) == pytest.approx([2 * value for value in (9 * 4 * 8, 10, 9 * 4 * 32, 40)])
    assert found["alone/dense"]


def test_files_are_run_in_jobs_that_each_know_their_own_overhead() -> None:
    device, many = Bench(), [layer(point(1, width, 7.0), name=f"l{width}/conv") for width in range(1, 151)]
    found = costs(singles(*many), device)
    assert len(device.jobs) == 3
    assert all(job["artifacts"][0]["path"].endswith("0ns-0values") for job in device.jobs)
    assert all(len(job["artifacts"]) <= 66 for job in device.jobs)
    assert len({job["seed"] for job in device.jobs}) == 3
    assert all(found[one.names[0]][-1][1] == pytest.approx(7) for one in many)


def test_the_runtime_its_options_and_the_threads_reach_the_device_and_the_costs() -> None:
    device = Bench()
    found = measure(singles(layer(point(1, 8, 7.0))), "openvino", {"precision": "bf16"}, device, 2, 5)
    assert (found.runtime, found.runtime_version, found.threads) == ("openvino", "mine 2", 2)
    (job,) = device.jobs
    assert (job["mode"], job["threads"], job["seed"]) == ("several", 2, 5)
    assert job["artifacts"][2] == {
        "path": "/layers/1-8/7.0ns-500values",
        "runtime": "openvino",
        "options": {"precision": "bf16"},
    }


def test_a_file_that_does_not_run_is_an_error() -> None:
    with pytest.raises(StepFailed):
        costs(singles(layer(point(1, 8, 7.0))), Bench(broken="1-8"))


def test_the_sum_of_the_layers_and_the_overhead_is_the_time_of_the_network() -> None:
    given = singles(
        layer(point(1, 8, 70.0), point(1, 32, 150.0)),
        layer(point(8, 8, 20.0), point(32, 32, 60.0), name="pool1/pool", kind="pool", scale=100.0),
    )
    works = (
        Work("conv1", "conv", 9.0, Channels(1, {}), Channels(0, {"conv1": 1}), {}, ()),
        Work("pool1", "pool", 100.0, Channels(0, {"conv1": 1}), Channels(0, {"conv1": 1}), {}, ()),
    )
    found = measure(given, "litert", {}, Bench(), 1, 0)
    assert predicted_ns(works, found, {"conv1": 32}) == pytest.approx(EMPTY_NS + 150 + 60)
    assert predicted_ns(works, found, {"conv1": 20}) == pytest.approx(EMPTY_NS + 110 + 40)
