"""What holds for every pass that is registered, those of other packages included, with each of its words."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.errors import InputError
from edge_opt.inputs import recipes
from edge_opt.types import Context, Lesson

PASSES = registry.names("passes")
WORDS = [(name, word) for name in PASSES for word in registry.load("passes", name).EXAMPLES]
SIDE, CLASSES = 16, 4


@pytest.mark.parametrize(("name", "word"), WORDS)
def test_a_word_is_accepted_by_one_pass_only_and_read_in_a_recipe(name: str, word: str) -> None:
    assert [one for one in PASSES if registry.load("passes", one).accepts(word)] == [name]
    recipe = recipes.load(f"{word}+static_int8")
    assert recipe.passes == (word,)
    assert recipe.quantization == recipes.load("static_int8").quantization
    assert recipes.load(word).name == f"{word}+float32"


@pytest.mark.parametrize(("name", "word"), WORDS)
def test_a_pass_says_what_it_does_in_a_clause(name: str, word: str) -> None:
    said = registry.load("passes", name).says(word)
    assert said
    assert not said.endswith(".")
    assert said in recipes.load(word).description or said[1:] in recipes.load(word).description


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("word", ["", "float32", "static_int8", "slim", "slim0", "slim100", "strided2x", "SLIM50"])
def test_no_pass_accepts_a_word_that_means_nothing(name: str, word: str) -> None:
    assert not registry.load("passes", name).accepts(word)


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize(
    "word",
    [
        "slim05",
        "slim050",
        "slim\u0665\u0660",
        "slim@2.0x",
        "slim@2.50x",
        "slim@02x",
        "slim@2.x",
        "shallow01",
        "shallow\u0662",
    ],
)
def test_no_pass_accepts_another_writing_of_a_number(name: str, word: str) -> None:
    assert not registry.load("passes", name).accepts(word)


@pytest.mark.parametrize(
    ("name", "word"),
    [("slim", one) for one in ("slim5", "slim50", "slim95", "slim@1.1x", "slim@2x", "slim@2.05x", "slim@10x")]
    + [("shallow", "shallow10")],
)
def test_the_usual_writing_of_a_number_is_accepted(name: str, word: str) -> None:
    assert registry.load("passes", name).accepts(word)


@pytest.mark.parametrize("name", PASSES)
def test_to_read_a_word_loads_no_framework(name: str) -> None:
    code = (
        "import sys\nfrom edge_opt import registry\n"
        f"one = registry.load('passes', '{name}')\n[one.says(word) for word in one.EXAMPLES]\n"
        "print([one for one in ('tensorflow', 'keras', 'onnx') if one in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


# ── with a framework ───────────────────────────────────────────────────────────────────────────────────────────────


def classifier() -> Any:
    from edge_opt.nets import frameworks

    keras = frameworks.keras()
    keras.utils.set_random_seed(3)
    layers = keras.layers
    x = given = keras.Input((SIDE, SIDE, 1), name="image")
    for place, width in enumerate((32, 32)):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv{place}")(x)
        x = layers.BatchNormalization(name=f"norm{place}")(x)
        x = layers.ReLU(name=f"relu{place}")(x)
        x = layers.MaxPooling2D(name=f"pool{place}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(64, activation="relu", name="hidden")(x)
    return keras.Model(given, layers.Dense(CLASSES, activation="softmax", name="classes")(x), name="small")


def lesson(folder: Path) -> Lesson:
    rng = np.random.default_rng(5)
    paths = {}
    for name, count in (("inputs", 256), ("selection", 96)):
        labels = np.arange(count) % CLASSES
        pictures = rng.random((count, SIDE, SIDE, 1), np.float32) * 0.3
        for one, label in zip(pictures, labels, strict=True):
            one[(label // 2) * 8 : (label // 2) * 8 + 8, (label % 2) * 8 : (label % 2) * 8 + 8] += 0.7
        np.save(folder / f"{name}.npy", pictures.astype(np.float32))
        np.save(folder / f"{name}-labels.npy", labels.astype(np.int64))
        paths[name] = folder / f"{name}.npy"
    return Lesson(
        inputs=paths["inputs"],
        labels=folder / "inputs-labels.npy",
        selection=paths["selection"],
        selection_labels=folder / "selection-labels.npy",
        picture=(1, 2),
    )


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Lesson]:
    from edge_opt.nets import train

    folder = tmp_path_factory.mktemp("lesson")
    found, model = lesson(folder), classifier()
    plain = train.Schedule(epochs=30, batch=32, soft=0.0, rate=3e-3, patience=30)
    (folder / "checkpoints").mkdir()
    model, _ = train.fit(
        model,
        model,
        found,
        plain,
        seed=0,
        checkpoints=folder / "checkpoints",
        progress=folder / "progress.json",
        what="it",
    )
    return model, found


def context(folder: Path, found: Lesson) -> Context:
    (folder / "checkpoints").mkdir(exist_ok=True)
    return Context(
        lesson=found,
        costs=None,
        multiple=8,
        seed=0,
        seconds=20.0,
        checkpoints=folder / "checkpoints",
        progress=folder / "progress.json",
    )


def macs(model: Any) -> float:
    from edge_opt.nets.graph import read

    graph = read(model)
    return sum(work(graph.widths) for work in graph.works if work.kind != "pool")


def right(model: Any, found: Lesson) -> float:
    answers = model.predict(np.load(found.selection), verbose=0).argmax(axis=1)
    return float((answers == np.load(found.selection_labels)).mean())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "word"), WORDS)
def test_a_pass_makes_a_network_that_computes_less_and_answers_as_well(
    name: str, word: str, taught: tuple[Any, Lesson], tmp_path: Path
) -> None:
    from edge_opt.nets import frameworks

    teacher, found = taught
    before = teacher.get_weights()
    net, change = registry.load("passes", name).apply(word, teacher, teacher, context(tmp_path, found))
    assert change.name == word
    assert macs(net) < 0.95 * macs(teacher)
    assert net.input_shape == teacher.input_shape
    assert net.output_shape == teacher.output_shape
    assert all(np.array_equal(old, new) for old, new in zip(before, teacher.get_weights(), strict=True))
    assert right(teacher, found) > 0.95
    assert right(net, found) > 0.95
    net.save(str(tmp_path / "net.keras"))
    again = frameworks.keras().saving.load_model(str(tmp_path / "net.keras"))
    pictures = np.load(found.selection)
    assert np.allclose(again.predict(pictures, verbose=0), net.predict(pictures, verbose=0), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", PASSES)
def test_a_pass_that_is_done_again_goes_on_from_its_checkpoints(
    name: str, taught: tuple[Any, Lesson], tmp_path: Path
) -> None:
    teacher, found = taught
    one = registry.load("passes", name)
    first, _ = one.apply(one.EXAMPLES[0], teacher, teacher, context(tmp_path, found))
    second, _ = one.apply(one.EXAMPLES[0], teacher, teacher, context(tmp_path, found))
    for weight, same in zip(first.weights, second.weights, strict=True):
        assert np.array_equal(weight, same)


@pytest.mark.slow
@pytest.mark.parametrize("name", PASSES)
def test_a_network_with_nothing_to_take_is_said_in_one_sentence(
    name: str, taught: tuple[Any, Lesson], tmp_path: Path
) -> None:
    from edge_opt.nets import frameworks

    keras = frameworks.keras()
    given = keras.Input((SIDE, SIDE, 1))
    bare = keras.Model(
        given, keras.layers.Dense(CLASSES, activation="softmax")(keras.layers.Flatten()(given)), name="bare"
    )
    one = registry.load("passes", name)
    with pytest.raises(InputError, match=one.EXAMPLES[0]):
        one.apply(one.EXAMPLES[0], bare, bare, replace(context(tmp_path, taught[1]), seconds=2.0))
