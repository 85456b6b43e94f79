"""Networks learn from the original and from labels; what a step does is checked against numpy and Keras' own Adam."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt.errors import InputError, ModelError
from edge_opt.nets import train
from edge_opt.nets.train import Schedule
from edge_opt.nets.train.steps import Stepper
from edge_opt.store import parse
from edge_opt.types import Lesson, Progress

pytestmark = pytest.mark.slow
CENTRES = np.random.default_rng(3).normal(0, 1, (3, 6)).astype(np.float32)


@pytest.fixture
def keras() -> Any:
    found = pytest.importorskip("keras", reason="pip install 'edge-opt[keras]' to train")
    found.utils.set_random_seed(5)
    return found


def points(count: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    return (CENTRES[labels] + rng.normal(0, 0.4, (count, 6))).astype(np.float32), labels


def lesson(folder: Path, count: int = 600, labels: bool = True) -> Lesson:
    for name, size, seed in (("train", count, 0), ("selection", 200, 1)):
        inputs, classes = points(size, seed)
        np.save(folder / f"{name}.npy", inputs)
        np.save(folder / f"{name}-labels.npy", classes)
    return Lesson(
        inputs=folder / "train.npy",
        labels=folder / "train-labels.npy" if labels else None,
        selection=folder / "selection.npy",
        selection_labels=folder / "selection-labels.npy",
    )


def network(keras: Any, *, width: int = 12, last: str = "softmax", dropout: float = 0.0, inputs: int = 6) -> Any:
    layers = [keras.Input((inputs,)), keras.layers.Dense(width), keras.layers.BatchNormalization(), keras.layers.ReLU()]
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    return keras.Sequential([*layers, keras.layers.Dense(3, activation=last)])


class Wise:
    """A teacher that knows the centres; it is made once, by hand, and right nearly always."""

    @staticmethod
    def of(keras: Any, last: str = "softmax") -> Any:
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation=last)])
        model.set_weights([4 * CENTRES.T, -2 * (CENTRES**2).sum(1)])
        return model


def fitted(student: Any, teacher: Any, given: Lesson, folder: Path, seed: int = 0, **wish: Any) -> Any:
    schedule = Schedule(**{"epochs": 6, "rate": 5e-3, **wish})
    places = {"checkpoints": folder / "checkpoints", "progress": folder / "progress.json"}
    return train.fit(student, teacher, given, schedule, seed=seed, what="slim50", **places)


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


@pytest.mark.parametrize("soft", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("last", ["softmax", "linear"])
def test_the_loss_is_that_of_distillation(keras: Any, soft: float, last: str) -> None:
    student, teacher = (keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation=last)]) for _ in "ab")
    inputs, labels = points(50, 7)
    kind = "probabilities" if last == "softmax" else "logits"
    found = Stepper(student, kind, 3.0, soft)(inputs, train.answers(teacher, inputs), labels, 0.0)  # type: ignore[arg-type]
    (w, b), (v, c) = student.get_weights(), teacher.get_weights()
    own, taught = (inputs @ w + b).astype(np.float64), (inputs @ v + c).astype(np.float64)
    softened = -np.sum(softmax(taught / 3) * np.log(softmax(own / 3)), 1)
    hard = -np.log(softmax(own)[np.arange(50), labels])
    share = (
        np.full(50, soft) if soft == 1 else soft * (taught.argmax(1) == labels)
    )  # the label has it where that is wrong
    assert 0 < np.mean(taught.argmax(1) == labels) < 1
    assert found == pytest.approx(np.mean(share * 9 * softened + (1 - share) * hard), rel=1e-5)


def test_a_network_that_is_sure_of_the_wrong_class_learns_all_the_same(keras: Any) -> None:
    student = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, activation="softmax")])
    student.set_weights([np.array([[200.0, -200.0]]), np.zeros(2)])
    stepper = Stepper(student, "probabilities", 3.0, 0.0)
    inputs, labels = np.ones((4, 1), np.float32), np.ones(4, np.int64)
    before, _ = (stepper(inputs, np.zeros((4, 2), np.float32), labels, 1.0) for _ in range(2))
    assert before == pytest.approx(400, rel=1e-3)
    assert stepper(inputs, np.zeros((4, 2), np.float32), labels, 0.0) < before - 5


def test_steps_are_those_of_adam_with_the_gradient_clipped(keras: Any) -> None:
    layers = keras.layers  # no normalisation: offsets before it have no gradient but noise
    student = keras.Sequential([keras.Input((6,)), layers.Dense(12, "relu"), layers.Dense(3, "softmax")])
    twin = keras.models.clone_model(student)
    twin.set_weights(student.get_weights())
    inputs, labels = points(64, 9)
    inputs *= 30  # so that the gradient is longer than 1
    stepper = Stepper(student, "probabilities", 3.0, 0.0)
    twin.compile(keras.optimizers.Adam(0.01, global_clipnorm=1.0), "sparse_categorical_crossentropy")
    for _ in range(5):
        stepper(inputs, np.zeros((64, 3), np.float32), labels, 0.01)
        twin.train_on_batch(inputs, labels)
    for one, other in zip(student.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("last", ["softmax", "linear", "sigmoid"])
def test_a_student_learns_from_the_teacher_alone(keras: Any, tmp_path: Path, last: str) -> None:
    given = lesson(tmp_path, labels=False)
    student, how = fitted(
        network(keras, last=last), Wise.of(keras, last), given, tmp_path, epochs=20, rate=0.02, patience=20
    )
    inputs, labels = points(500, 2)
    assert np.mean(student.predict(inputs, verbose=0).argmax(1) == labels) > 0.95
    assert how.accuracy == pytest.approx(how.teacher_accuracy, abs=0.03)
    assert (how.epochs, how.steps, how.samples, how.augmentation) == (20, 20 * (600 // 64), 600, ())


def test_plain_fine_tuning_does_not_listen_to_the_teacher(keras: Any, tmp_path: Path) -> None:
    fool = network(keras)
    student, how = fitted(network(keras), fool, lesson(tmp_path), tmp_path, soft=0.0)
    assert how.teacher_accuracy < 0.7 < 0.85 < how.accuracy
    with pytest.raises(InputError, match="needs labels"):
        fitted(student, fool, lesson(tmp_path, labels=False), tmp_path, soft=0.0)


def test_the_best_epoch_is_what_comes_back(keras: Any, tmp_path: Path) -> None:
    given, wise = lesson(tmp_path), Wise.of(keras)
    student = keras.models.clone_model(wise)
    student.set_weights(wise.get_weights())
    np.save(given.labels, (np.load(given.labels) + 1) % 3)  # type: ignore[arg-type]
    before = [np.array(value) for value in student.get_weights()]
    student, how = fitted(student, wise, given, tmp_path, soft=0.0, rate=5.0, patience=3, epochs=50, batch=6)
    assert (how.best_epoch, how.epochs) == (0, 3)  # wrong labels make it only worse, and that is seen
    assert how.accuracy == how.teacher_accuracy
    for one, other in zip(before, student.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_trainings_of_one_seed_are_the_same_and_of_another_not(keras: Any, tmp_path: Path) -> None:
    given, wise, start = lesson(tmp_path), Wise.of(keras), network(keras, dropout=0.3)
    found = []
    for place, seed in enumerate((1, 1, 2)):
        student = keras.models.clone_model(start)
        student.set_weights(start.get_weights())
        folder = tmp_path / str(place)
        found.append(fitted(student, wise, given, folder, seed=seed, epochs=2)[0].get_weights())
    for one, same, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, same, atol=1e-6)
        assert not np.allclose(one, other, atol=1e-6)


def test_a_training_that_is_called_again_is_not_repeated(keras: Any, tmp_path: Path) -> None:
    given, wise = lesson(tmp_path), Wise.of(keras)
    first, how = fitted(network(keras), wise, given, tmp_path)
    again, told = fitted(network(keras), wise, given, tmp_path)
    assert told == dataclasses.replace(how, seconds=told.seconds)
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [path.suffix for path in (tmp_path / "checkpoints").iterdir()] == [".npz"]  # the teacher's answers are gone


def test_progress_tells_epochs_and_accuracy_and_time_left(keras: Any, tmp_path: Path) -> None:
    _, how = fitted(network(keras), Wise.of(keras), lesson(tmp_path), tmp_path)
    told = parse(Progress, json.loads((tmp_path / "progress.json").read_text(encoding="utf-8")))
    assert (told.what, told.done, told.total, told.accuracy, told.left_s) == ("slim50", 6, 6, how.accuracy, 0.0)
    assert told.loss > 0


def test_a_training_ends_in_the_time_that_it_has(keras: Any, tmp_path: Path) -> None:
    given = lesson(tmp_path, count=6000)
    _, how = fitted(network(keras), Wise.of(keras), given, tmp_path, epochs=100_000, seconds=8.0, patience=10**6)
    assert 3.0 < how.seconds < 10.0
    assert 1 < how.epochs < 100_000


def test_an_epoch_that_does_not_fit_is_trained_in_part(keras: Any, tmp_path: Path) -> None:
    given = lesson(tmp_path, count=200_000)
    _, how = fitted(network(keras), Wise.of(keras), given, tmp_path, batch=16, seconds=4.0)
    assert how.epochs == 1
    assert 0 < how.steps < 200_000 // 16


def test_a_loss_that_is_no_number_is_tried_slower_once(keras: Any, tmp_path: Path) -> None:
    given = lesson(tmp_path)
    spoiled = np.load(given.inputs)
    spoiled[17] = np.inf
    np.save(given.inputs, spoiled)
    with pytest.raises(ModelError, match=r"'slim50' becomes NaN or infinite, even at a rate of 0\.0005"):
        fitted(network(keras), Wise.of(keras), given, tmp_path, soft=0.0)


def test_a_student_that_unlearned_everything_begins_again_at_a_tenth_of_the_rate(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    student = keras.Sequential(
        [keras.Input((6,)), *(layers.Dense(16, "relu") for _ in range(6)), layers.Dense(3, "softmax")]
    )
    _, how = fitted(student, Wise.of(keras), lesson(tmp_path), tmp_path, soft=0.0, epochs=15, rate=1.0)
    assert how.accuracy > 0.9


def test_a_few_samples_teach_what_one_step_in_an_epoch_can(keras: Any, tmp_path: Path) -> None:
    student = keras.Sequential([keras.Input((6,)), keras.layers.Dense(24, "relu"), keras.layers.Dense(3, "softmax")])
    kernel, bias = student.layers[-1].get_weights()
    student.layers[-1].set_weights([kernel * 0.01, bias])  # it guesses, for longer than an epoch
    _, how = fitted(student, Wise.of(keras), lesson(tmp_path, count=70), tmp_path, epochs=30, rate=3e-3)
    assert how.steps == 30
    assert how.accuracy > 0.93, how


def test_patience_lasts_for_300_steps_however_short_an_epoch_is(keras: Any, tmp_path: Path) -> None:
    given, wise = lesson(tmp_path, count=128), Wise.of(keras)
    student = keras.models.clone_model(wise)
    student.set_weights(wise.get_weights())
    _, how = fitted(student, wise, given, tmp_path, rate=1e-9, patience=12, epochs=200)
    assert (how.steps, how.epochs) == (300, 150)


def test_a_student_that_answers_otherwise_is_refused(keras: Any, tmp_path: Path) -> None:
    student = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    with pytest.raises(InputError, match=r"'\(4,\)', and its teacher with '\(3,\)'"):
        fitted(student, Wise.of(keras), lesson(tmp_path), tmp_path)


def test_the_student_keeps_its_momentum_and_the_teacher_everything(keras: Any, tmp_path: Path) -> None:
    student, teacher = network(keras), network(keras)
    before = [np.array(value) for value in teacher.get_weights()]
    fitted(student, teacher, lesson(tmp_path), tmp_path, epochs=1)
    assert student.layers[1].momentum == 0.99
    for one, other in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_statistics_are_those_of_the_samples_and_dropout_is_off(keras: Any) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dropout(0.5), layers.BatchNormalization(), layers.ReLU(),
         layers.Dense(4), layers.BatchNormalization(trainable=False)]
    )  # fmt: skip
    inputs = points(512, 4)[0] * 7 + 3
    model.layers[1].moving_mean.assign(np.full(6, np.nan))
    train.reestimate(model, inputs)
    np.testing.assert_allclose(model.layers[1].moving_mean, inputs.mean(0), rtol=1e-4)
    np.testing.assert_allclose(model.layers[1].moving_variance, inputs.var(0), rtol=1e-3)
    answered = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(answered.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(answered.std(0), 1, atol=0.05)
    assert (model.layers[1].momentum, model.layers[-1].trainable) == (0.99, False)


def test_answers_of_a_model_of_a_fixed_batch_are_complete(keras: Any) -> None:
    free = network(keras)
    fixed = keras.models.clone_model(free, input_tensors=keras.Input((6,), batch_size=8))
    fixed.set_weights(free.get_weights())
    inputs = points(21, 5)[0]
    np.testing.assert_allclose(train.answers(fixed, inputs), free.predict(inputs, verbose=0), atol=1e-6)


@pytest.mark.parametrize("sided", [True, False])
def test_pictures_are_mirrored_only_where_the_teacher_knows_them_then(keras: Any, tmp_path: Path, sided: bool) -> None:
    pictures = np.zeros((60, 16, 16, 1), np.float32)
    for place in range(60):
        # a bar on the left or on the right, or one above or below
        pictures[place, :, 0 if place % 2 else -1] = sided
        pictures[place, 0 if place % 2 else -1] = not sided
    for name in ("train", "selection"):
        np.save(tmp_path / f"{name}.npy", pictures)
        np.save(tmp_path / f"{name}-labels.npy", np.arange(60) % 2)
    teacher = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    teacher.set_weights([np.stack([pictures[0].ravel(), pictures[1].ravel()], 1), np.zeros(2)])
    given = Lesson(
        inputs=tmp_path / "train.npy",
        labels=tmp_path / "train-labels.npy",
        selection=tmp_path / "selection.npy",
        selection_labels=tmp_path / "selection-labels.npy",
        picture=(1, 2),
    )
    found = train.augmentation(teacher, given)
    assert "shift" in found
    assert ("flip" in found) is not sided
    assert train.augmentation(teacher, dataclasses.replace(given, picture=None)) == ()
