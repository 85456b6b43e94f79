"""The worker as a device sees it: a script that stands alone, one job in, one answer out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.runtimes import worker
from tests.fixtures import tiny

MISBEHAVING = Path(tiny.__file__).with_name("misbehaving.py")
QUICK = {"warmup": 1, "warmup_seconds": 0, "min_runs": 3, "max_runs": 3, "min_seconds": 0}


def ask(given: Any, folder: Path | None = None) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    """The worker's answer, from a folder in which nothing of edge-opt is in reach."""
    script = (folder or Path(worker.__file__).parent) / "worker.py"
    text = given if isinstance(given, str) else json.dumps(given)
    done = subprocess.run(
        [sys.executable, str(script)], input=text, capture_output=True, text=True, cwd="/", check=False
    )
    return json.loads(done.stdout), done


def job(mode: str = "time", path: Path = tiny.FILES["tflite"], runtime: str = "litert", **more: Any) -> dict[str, Any]:
    return {"protocol": 1, "mode": mode, "artifacts": [{"path": str(path), "runtime": runtime}], **QUICK, **more}


def bad_day(where: str, what: str, mode: str = "time", **more: Any) -> dict[str, Any]:
    one = {"path": str(MISBEHAVING), "runtime": "mine", "module": str(MISBEHAVING), "options": {where: what}}
    return {"protocol": 1, "mode": mode, "artifacts": [one], **QUICK, **more}


@pytest.fixture
def inputs(tmp_path: Path) -> str:
    np.save(tmp_path / "x.npy", tiny.pictures(4))
    return str(tmp_path / "x.npy")


def test_the_folder_works_alone_when_it_is_copied_to_a_device(tmp_path: Path, inputs: str) -> None:
    copied = shutil.copytree(Path(worker.__file__).parent, tmp_path / "runtimes")
    answer, _ = ask(job("predict", inputs=inputs, outputs=str(tmp_path / "y.npy")), copied)
    np.testing.assert_allclose(np.load(answer["outputs"]), tiny.answers(tiny.pictures(4)), atol=1e-5)


def test_without_samples_it_times_on_noise(tmp_path: Path) -> None:
    answer, done = ask(job())
    assert done.returncode == 0
    assert len(answer["samples_ns"]) == 3


def test_it_measures_until_the_fewest_runs_and_the_shortest_time_are_both_reached(inputs: str) -> None:
    by_runs, _ = ask(job(inputs=inputs, min_runs=30, max_runs=10_000, min_seconds=0))
    by_time, _ = ask(job(inputs=inputs, min_runs=1, max_runs=100_000, min_seconds=0.2))
    capped, _ = ask(job(inputs=inputs, min_runs=1, max_runs=5, min_seconds=5))
    assert len(by_runs["samples_ns"]) == 30
    assert sum(by_time["samples_ns"]) < 0.3e9
    assert len(by_time["samples_ns"]) > 30
    assert len(capped["samples_ns"]) == 5


def test_the_order_of_blocks_is_drawn_by_the_seed(inputs: str) -> None:
    both = job("pair", inputs=inputs, blocks=12, block_runs=1)
    both["artifacts"] = both["artifacts"] * 2

    def order(seed: int) -> list[int]:
        return [block["artifact"] for block in ask({**both, "seed": seed})[0]["blocks"]]

    assert order(1) == order(1) != order(2)


TURNS = """
import json, time
FORMATS, PACKAGES, LOG = ("py",), (), []
SPEC = [{"name": "x", "shape": [1, 1], "dtype": "float32", "layout": "", "scale": None, "zero_point": None}]

class Session:
    version, inputs, outputs, executed = "mine 1", SPEC, SPEC, {}

    def __init__(self, path, pause_s):
        self.path, self.pause_s = path, pause_s

    def run(self, arrays):
        with open_file(self.path, "a") as log:
            log.write(f"{time.monotonic_ns()} {self.pause_s}\\n")
        time.sleep(self.pause_s)
        return arrays

open_file = open

def options(isa):
    return ({},)

def open(path, threads, options):
    return Session(path, float(options["pause"]))
"""


def _several(folder: Path, *pauses: float, **more: Any) -> dict[str, Any]:
    module = folder / "turns.py"
    module.write_text(TURNS)
    (folder / "log").touch()
    listed = [
        {"path": str(folder / "log"), "runtime": "mine", "module": str(module), "options": {"pause": str(one)}}
        for one in pauses
    ]
    return ask({"protocol": 1, "mode": "several", "artifacts": listed, **more})[0]


def test_counting_runs_the_artifacts_by_turns_and_says_which_were_warm_up(inputs: str) -> None:
    both = job("count", inputs=inputs, warmup=2, runs=3)
    alone, _ = ask(both)
    both["artifacts"] = both["artifacts"] * 2
    answer, _ = ask(both)
    assert alone["regions"] == [None] * 2 + [0] * 3
    assert answer["regions"] == [None] * 4 + [0, 1] * 3
    assert [one["runtime"] for one in answer["artifacts"]] == ["litert", "litert"]


def test_artifacts_of_one_runtime_share_its_functions(tmp_path: Path) -> None:
    module = tmp_path / "mine.py"
    module.write_text("")
    first, second = (worker._runtime({"runtime": "mine", "module": str(module)}) for _ in range(2))
    assert first is second


def test_of_several_each_has_its_median_in_the_order_of_the_job(tmp_path: Path) -> None:
    answer = _several(tmp_path, 0.064, 0.001, 0.016, rounds=3)
    slow, fast, between = (one["median_ns"] for one in answer["artifacts"])
    # a sleep is never shorter than asked for, and longer on a busy machine
    assert (fast > 1e6, between > 16e6, slow > 64e6) == (True, True, True)
    assert fast < between < slow
    assert all(one["runtime_version"] == "mine 1" for one in answer["artifacts"])


def test_of_several_each_has_one_turn_in_every_round_and_the_seed_draws_the_order(tmp_path: Path) -> None:
    def turns(name: str, seed: int) -> list[str]:
        folder = tmp_path / name
        folder.mkdir()
        _several(folder, 0, 1e-9, 2e-9, 3e-9, rounds=6, round_runs=2, round_seconds=0, seed=seed)
        return [line.split()[1] for line in (folder / "log").read_text().splitlines()]

    first = turns("a", 1)
    assert len(first) == 6 * 4 * (1 + 2)  # one inference of each turn is not recorded
    assert first[::3] == first[1::3] == first[2::3]
    rounds = [first[start : start + 12 : 3] for start in range(0, 72, 12)]
    assert all(len(set(one)) == 4 for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1
    assert first == turns("b", 1) != turns("c", 2)


def test_several_may_be_one_alone_and_is_an_error_where_one_of_them_cannot_be_opened() -> None:
    alone, _ = ask(job("several", rounds=1))
    assert [one["inputs"][0]["shape"] for one in alone["artifacts"]] == [[1, 8, 8, 1]]
    broken = job("several")
    broken["artifacts"].append({"path": "/no/such.tflite", "runtime": "litert"})
    answer, done = ask(broken)
    assert (answer["error"]["stage"], done.returncode) == ("load", 1)


def test_a_pair_may_be_of_two_runtimes_and_threads(inputs: str) -> None:
    both = job("pair", inputs=inputs, blocks=2, block_runs=2, threads=2)
    both["artifacts"].append({"path": str(tiny.FILES["onnx"]), "runtime": "onnxruntime"})
    answer, _ = ask(both)
    assert [one["runtime"] for one in answer["artifacts"]] == ["litert", "onnxruntime"]


def test_integer_inputs_and_outputs_are_scaled_on_the_way_in_and_out(tmp_path: Path, inputs: str) -> None:
    answer, _ = ask(job("predict", tiny.INT8, inputs=inputs, outputs=str(tmp_path / "y.npy")))
    assert answer["inputs"][0]["dtype"] == "int8"
    assert answer["inputs"][0]["scale"] > 0
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), tiny.answers(tiny.pictures(4)), atol=0.05)


def test_a_free_batch_is_run_one_sample_at_a_time(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[1, 2], [3, 4]], np.float32))
    out = str(tmp_path / "y.npy")
    answer, _ = ask(job("predict", tiny.LOGARITHM, "onnxruntime", inputs=str(tmp_path / "x.npy"), outputs=out))
    assert answer["inputs"][0]["shape"] == [None, 2]
    np.testing.assert_allclose(np.load(out), np.log([[1, 2], [3, 4]]), atol=1e-6)


def test_outputs_that_are_no_numbers_are_an_error_that_names_the_sample(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[1, 2], [3, -4]], np.float32))
    given = job(
        "predict", tiny.LOGARITHM, "onnxruntime", inputs=str(tmp_path / "x.npy"), outputs=str(tmp_path / "y.npy")
    )
    answer, done = ask(given)
    assert answer["error"]["message"] == "its output for sample 1 holds NaN or infinity"
    assert done.returncode == 1
    assert not (tmp_path / "y.npy").exists()


def test_what_libraries_print_does_not_reach_stdout() -> None:
    answer, done = ask(bad_day("on run", "print"))
    assert len(answer["samples_ns"]) == 3
    assert "a library says hello" in done.stderr
    assert "and from C++ too" in done.stderr


def test_the_time_to_load_does_not_hold_the_import_of_the_package() -> None:
    answer, _ = ask(job(path=tiny.FILES["onnx"], runtime="onnxruntime"))
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import onnxruntime"], capture_output=True, text=True, check=True
    )
    whole_us = max(int(line.split("|")[1]) for line in done.stderr.splitlines() if line.endswith("| onnxruntime"))
    assert answer["load_ns"] < whole_us * 1000


def test_memory_counts_what_loading_adds() -> None:
    answer, _ = ask(job(path=tiny.FILES["onnx"], runtime="onnxruntime"))
    added = answer["peak_rss_bytes"] - answer["baseline_rss_bytes"]
    assert 2 * 2**20 < added < 200 * 2**20


REFUSED = [
    ("{", "the job is no JSON"),
    ([], "the job is no JSON object"),
    ({"protocol": 9}, "this worker speaks protocol 1, not 9"),
    (
        job("guess"),
        "there is no mode 'guess'; known: time, sustain, pair, several, count, predict, profile, describe",
    ),
    (job("pair"), "mode 'pair' takes 2 of 'artifacts', not 1"),
    ({**job("count"), "artifacts": []}, "mode 'count' takes 1 or 2 of 'artifacts', not 0"),
    ({**job("several"), "artifacts": []}, "mode 'several' takes at least 1 of 'artifacts', not 0"),
    (job("predict"), "mode 'predict' needs 'inputs'"),
    ({"protocol": 1, "mode": "time", "artifacts": [{"path": "x"}]}, "mode 'time' needs 'runtime'"),
    (job(runtime="tvm"), "there is no runtime 'tvm'; known: litert, onnxruntime, openvino"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_job_that_it_does_not_understand_is_refused_by_a_sentence(given: Any, message: str) -> None:
    answer, done = ask(given)
    assert answer["error"]["stage"] == "job"
    assert answer["error"]["message"].startswith(message)
    assert done.returncode == 1


def test_a_package_that_is_not_there_is_named_with_what_installs_it(tmp_path: Path) -> None:
    runtime = tmp_path / "absent.py"
    runtime.write_text("INSTALL = 'no-such-engine'\ndef package():\n    import no_such_engine\n")
    answer, _ = ask({**job(), "artifacts": [{"path": "x", "runtime": "absent", "module": str(runtime)}]})
    assert (answer["error"]["stage"], answer["error"]["message"]) == ("import", "no_such_engine")
    assert answer["error"]["install"] == "no-such-engine"


FAILURES = [
    (bad_day("on load", "raise"), "load", "operator FOO is not known"),
    (bad_day("on run", "raise"), "run", "no kernel for this"),
    (bad_day("on run", "exhaust"), "memory", "std::bad_alloc"),
    (job(path=Path("/no/such.tflite")), "load", "there is no file '/no/such.tflite'"),
]


@pytest.mark.parametrize(("given", "stage", "message"), FAILURES, ids=[message for *_, message in FAILURES])
def test_an_error_says_at_which_stage_and_in_one_line(given: Any, stage: str, message: str) -> None:
    answer, _ = ask(given)
    assert (answer["error"]["stage"], answer["error"]["message"]) == (stage, message)
    assert "Traceback" in answer["error"]["traceback"]


def test_samples_that_do_not_fit_are_an_error_with_both_shapes(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 5, 5, 1), np.float32))
    answer, _ = ask(job(inputs=str(tmp_path / "x.npy")))
    assert answer["error"]["message"] == "it takes an input of shape (1, 8, 8, 1), the samples have (1, 5, 5, 1)"


def test_samples_of_another_type_are_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8, 1), np.uint8))
    answer, _ = ask(job(inputs=str(tmp_path / "x.npy")))
    assert answer["error"]["message"] == "it takes an input of type float32, the samples have uint8"


def test_a_file_without_samples_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((0, 8, 8, 1), np.float32))
    answer, _ = ask(job(inputs=str(tmp_path / "x.npy")))
    assert answer["error"]["message"].endswith("holds no sample")


def _example(heading: str) -> dict[str, Any]:
    page = (Path(__file__).parents[2] / "docs" / "worker-protocol.md").read_text()
    found: dict[str, Any] = json.loads(page.partition(heading)[2].partition("```json")[2].partition("```")[0])
    return found


def test_the_example_of_the_documentation_is_a_job_and_has_the_fields_of_its_answer(inputs: str) -> None:
    given = _example("\nA job:")
    given["artifacts"][0]["path"], given["inputs"] = str(tiny.FILES["tflite"]), inputs
    answer, shown = ask(given)[0], _example("\nIts answer:")
    assert answer.keys() == shown.keys()
    assert answer["environment"].keys() == shown["environment"].keys()
    assert answer["inputs"][0].keys() == shown["inputs"][0].keys()
    assert len(answer["samples_ns"]) == len(shown["samples_ns"])


def test_the_error_of_the_documentation_is_one_that_the_worker_gives() -> None:
    shown = _example("### An error")
    answer, _ = ask(job(path=Path("model.tflite")))
    answer["error"].pop("traceback")
    assert answer == shown


@pytest.mark.slow
def test_the_memory_of_predictions_does_not_grow_with_the_number_of_samples(tmp_path: Path) -> None:
    from numpy.lib.format import open_memmap

    peaks = []
    for count in (2_000, 200_000):  # 0.5 and 51 MB of inputs
        inputs = open_memmap(str(tmp_path / f"{count}.npy"), "w+", np.float32, (count, 8, 8, 1))
        inputs[:] = 0.5
        del inputs
        answer, _ = ask(job("predict", inputs=str(tmp_path / f"{count}.npy"), outputs=str(tmp_path / "y.npy")))
        assert np.load(answer["outputs"], mmap_mode="r").shape[0] == count
        peaks.append(answer["peak_rss_bytes"])
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.parametrize("fortran", [False, True])
def test_a_file_that_is_cut_short_or_stored_by_columns_is_an_error(tmp_path: Path, fortran: bool) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.asarray(tiny.pictures(40), order="F" if fortran else "C"))
    if not fortran:
        path.write_bytes(path.read_bytes()[:-5])
    answer, _ = ask(job(inputs=str(path)))
    assert "cannot be read as an array of samples" in answer["error"]["message"]
