"""What holds for every runtime that is registered, those of other packages included."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.store import parse
from edge_opt.types import TensorSpec
from tests.fixtures import tiny

CASES = [(name, form) for name in registry.names("runtimes") for form in registry.load("runtimes", name).FORMATS]


def session(name: str, form: str, options: dict[str, str] | None = None, threads: int = 1) -> Any:
    runtime = registry.load("runtimes", name)
    if form not in tiny.FILES:
        pytest.skip(f"tests/fixtures has no model in the format '{form}': add one to run this")
    if not any(find_spec(package) for package in runtime.PACKAGES):
        how = "tests/e2e/test_tflite_runtime.py runs it there" if hasattr(runtime, "python") else "install it"
        pytest.skip(f"{name} is not in this environment: {how} ({runtime.PACKAGES[0]})")
    return runtime.open(str(tiny.FILES[form]), threads, options or {})


@pytest.mark.parametrize(("name", "form"), CASES)
@pytest.mark.parametrize("threads", [1, 2])
def test_it_answers_what_the_definition_of_the_model_says(name: str, form: str, threads: int) -> None:
    opened, inputs = session(name, form, threads=threads), tiny.pictures()
    found = np.concatenate([opened.run([one[None]])[0] for one in inputs])
    np.testing.assert_allclose(found, tiny.answers(inputs), atol=1e-5)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_an_output_stays_what_it_is_when_the_next_sample_is_run(name: str, form: str) -> None:
    opened, inputs = session(name, form), tiny.pictures(2)
    first = opened.run([inputs[:1]])[0]
    kept = first.copy()
    opened.run([inputs[1:]])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_it_describes_inputs_and_outputs_in_the_words_of_tensor_spec(name: str, form: str) -> None:
    opened = session(name, form)
    (given,) = parse(tuple[TensorSpec, ...], opened.inputs)
    (answered,) = parse(tuple[TensorSpec, ...], opened.outputs)
    assert (given.shape, given.dtype) == ((1, 8, 8, 1), "float32")
    assert (answered.shape, answered.dtype) == ((1, 3), "float32")


@pytest.mark.parametrize(("name", "form"), CASES)
def test_it_says_its_version_and_what_it_really_ran(name: str, form: str) -> None:
    opened = session(name, form)
    opened.run([tiny.pictures(1)])
    package, number = opened.version.split()
    assert package
    assert number[0].isdigit()
    assert opened.executed
    assert all(isinstance(text, str) and text for item in opened.executed.items() for text in item)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_file_that_is_no_model_is_refused(name: str, form: str, tmp_path: Path) -> None:
    session(name, form)
    broken = tmp_path / tiny.FILES[form].name
    broken.write_text("this is no model")
    with pytest.raises(Exception, match=r"\S"):
        registry.load("runtimes", name).open(str(broken), 1, {})


@pytest.mark.parametrize(("name", "form"), CASES)
def test_an_option_that_it_does_not_know_is_refused_by_name(name: str, form: str) -> None:
    with pytest.raises(ValueError, match="turbo"):
        session(name, form, {"turbo": "yes"})


@pytest.mark.parametrize("name", registry.names("runtimes"))
@pytest.mark.parametrize("isa", [(), ("avx2",), ("avx512_bf16", "amx_bf16"), ("asimd", "asimdhp")])
def test_the_first_way_to_run_takes_no_option(name: str, isa: tuple[str, ...]) -> None:
    ways = registry.load("runtimes", name).options(isa)
    assert ways[0] == {}
    assert len({tuple(sorted(way.items())) for way in ways}) == len(ways)


def test_bf16_is_tried_only_where_the_processor_computes_in_it() -> None:
    openvino = registry.load("runtimes", "openvino")
    assert openvino.options(("avx2", "avx512_vnni")) == ({},)
    assert openvino.options(("amx_bf16",)) == ({}, {"precision": "bf16"})


@pytest.mark.parametrize(("options", "wanted"), [({}, "f32"), ({"precision": "bf16"}, "bf16")])
def test_openvino_says_which_precision_is_in_force(options: dict[str, str], wanted: str) -> None:
    opened = session("openvino", "openvino", options)
    opened.run([tiny.pictures(1)])
    assert opened.executed["precision"] == wanted


def test_litert_counts_the_operators_that_its_delegate_took() -> None:
    opened = session("litert", "tflite")
    opened.run([tiny.pictures(1)])
    taken, _, total = opened.executed["delegated"].removesuffix(" operators").split()
    assert opened.executed["delegate"] == "XNNPACK"
    assert 0 < int(taken) <= int(total)


def test_looking_at_every_runtime_loads_none_of_them() -> None:
    code = (
        "import sys; from edge_opt import registry\n"
        "for name in registry.names('runtimes'): registry.load('runtimes', name).options(('avx2',))\n"
        "print(sorted({'ai_edge_litert', 'onnxruntime', 'openvino', 'tensorflow'} & set(sys.modules)))"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "[]"


def test_the_worker_knows_the_runtimes_that_are_copied_with_it() -> None:
    from edge_opt.runtimes import worker

    folder = Path(worker.__file__).parent
    beside = {
        name: Path(file).name
        for name in registry.names("runtimes")
        if (file := registry.load("runtimes", name).__file__) and Path(file).parent == folder
    }
    assert beside == worker.RUNTIMES


def _imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) if node.level == 0}


@pytest.mark.parametrize("name", registry.names("runtimes"))
def test_its_file_imports_the_standard_library_numpy_and_siblings_only(name: str) -> None:
    file = Path(registry.load("runtimes", name).__file__)
    siblings = {one.stem for one in file.parent.glob("*.py")}
    roots = {module.partition(".")[0] for module in _imports(file)}
    assert roots <= {*sys.stdlib_module_names, "numpy", *siblings, *registry.load("runtimes", name).PACKAGES}


def test_no_file_of_the_folder_bears_the_name_of_a_module_that_another_would_import() -> None:
    import edge_opt.runtimes

    assert edge_opt.runtimes.__file__ is not None
    names = {one.stem for one in Path(edge_opt.runtimes.__file__).parent.glob("*.py")} - {"__init__"}
    packages = {package for name in registry.names("runtimes") for package in registry.load("runtimes", name).PACKAGES}
    assert not names & {*sys.stdlib_module_names, *packages, "numpy"}
