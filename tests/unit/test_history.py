"""A history is read whoever wrote it, and what is none is refused with a sentence."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_opt.errors import InputError
from edge_opt.inputs import history

CHECKOUT = Path(__file__).parents[2]
CURVES = {"accuracy": [0.5, 0.75], "loss": [1.5, 0.5], "val_accuracy": [0.25, 0.5], "val_loss": [2.0, 1.0]}


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_history_of_the_example_is_read() -> None:
    found = history.read(CHECKOUT / "examples" / "web_app" / "history.json")
    assert len(found.loss) == len(found.val_loss) == len(found.accuracy) == len(found.val_accuracy) == 10
    assert (found.loss[0], found.val_accuracy[-1], found.diverged_at) == (0.86507, 0.894, None)


@pytest.mark.parametrize(
    "document",
    [
        CURVES,
        {"history": CURVES},
        {"seed": 7, "classes": ["shirt", "bag", "boot"], "history": {**CURVES, "note": "x"}},
        [{name: curve[epoch] for name, curve in CURVES.items()} for epoch in range(2)],
        {name: {"0": curve[0], "1": curve[1]} for name, curve in CURVES.items()},  # DataFrame.to_json
        {name.replace("accuracy", "sparse_categorical_accuracy"): curve for name, curve in CURVES.items()},
        {"Train Loss": [1.5, 0.5], "Val Loss": [2, 1], "train_acc": [50, 75], "valid_acc": [25, 50]},
    ],
)
def test_json_of_every_form_gives_the_same_curves(document: Any, tmp_path: Path) -> None:
    found = history.read(written(tmp_path, "history.json", json.dumps(document)))
    assert (found.loss, found.val_loss) == ((1.5, 0.5), (2.0, 1.0))
    assert (found.accuracy, found.val_accuracy) == ((0.5, 0.75), (0.25, 0.5))


@pytest.mark.parametrize(
    "text",
    [
        "epoch,accuracy,loss,lr,val_accuracy,val_loss\n0,0.5,1.5,0.001,0.25,2\n1,0.75,0.5,0.0005,0.5,1\n",
        "\ufeffepoch;accuracy;loss;lr;val_accuracy;val_loss\r\n0;0,5;1,5;0,001;0,25;2\r\n1;0,75;0,5;0,0005;0,5;1\r\n",
        "epoch\tacc\tloss\tlearning_rate\tval_acc\tval_loss\n0\t0.5\t1.5\t0.001\t0.25\t2\n\n1\t0.75\t0.5\t0.0005\t0.5\t1\n",
        # PyTorch Lightning: sparse rows, the validation before the training
        "epoch,lr-Adam,step,train_acc,train_loss_epoch,val_acc,val_loss\n"
        "0,,9,,,0.25,2\n0,0.001,9,0.5,1.5,,\n1,,19,,,0.5,1\n1,0.0005,19,0.75,0.5,,\n2,,20,,,,\n",
    ],
)  # fmt: skip
def test_csv_of_every_form_gives_the_same_curves(text: str, tmp_path: Path) -> None:
    found = history.read(written(tmp_path, "training.csv", text))
    assert (found.loss, found.val_loss) == ((1.5, 0.5), (2.0, 1.0))
    assert (found.accuracy, found.val_accuracy) == ((0.5, 0.75), (0.25, 0.5))
    assert found.learning_rate == (0.001, 0.0005)


def test_a_training_that_was_started_again_into_the_same_file_goes_on(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", "epoch,loss\n0,3\n1,2\nepoch,loss\n0,1.5\n1,1\n")
    assert history.read(path).loss == (3, 2, 1.5, 1)


def test_where_only_every_second_epoch_was_validated_the_value_before_stands_on(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", "epoch,loss,val_loss\n0,4,NA\n1,3,9\n2,2,\n3,1,7\n")
    assert history.read(path).val_loss == (9, 9, 9, 7)


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", "NaN"])
def test_the_curves_end_where_the_loss_stops_being_a_number(bad: str, tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", f"epoch,loss,accuracy,val_loss\n0,2,0.5,2\n1,1,0.6,{bad}\n2,{bad},0.1,{bad}\n")
    found = history.read(path)
    assert (found.loss, found.val_loss, found.accuracy, found.diverged_at) == ((2,), (2,), (0.5,), 2)


def test_a_training_without_one_good_epoch_is_still_a_history(tmp_path: Path) -> None:
    found = history.read(written(tmp_path, "h.json", '{"loss": [NaN, NaN]}'))
    assert (found.loss, found.diverged_at) == ((), 1)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("h.json", "", "is empty"),
        ("h.json", "{}", "holds no history"),
        ("h.json", "[]", "holds no history"),
        ("h.json", "[1, 2]", "holds no history"),
        ("h.json", '{"loss": ', "is no JSON"),
        ("h.json", "[" * 100_000, "is no JSON"),
        ("h.json", '{"loss": []}', "has no loss"),
        ("h.json", '{"loss": [null, null]}', "has no loss"),
        ("h.json", '{"loss": [1, 2], "val_loss": [1]}', "'loss' 2, 'val_loss' 1"),
        ("h.json", '{"loss": [1, "two"]}', "'two', which is no number"),
        ("h.json", '{"loss": [1, true]}', "which is no number"),
        ("h.json", '{"loss": [[1], [2]]}', "which is no number"),
        ("h.json", '{"loss": [1, ' + "9" * 400 + "]}", "which is no number"),
        ("h.json", '{"accuracy": [0.5]}', "has no loss of the training: it holds 'accuracy'"),
        ("h.json", '{"val_loss": [0.5]}', "has no loss of the training"),
        ("h.json", '{"loss": [1], "accuracy": [123]}', "an accuracy of 123"),
        ("h.csv", "epoch,loss\n", "has no loss"),
        ("h.csv", "epoch,loss\n0,high\n", "'high', which is no number"),
        ("h.csv", "epoch,loss\n0\n", "row 2 of"),
        ("h.csv", "0,1.5\n1,1.2\n", "begins with numbers"),
        ("h.csv", "path,label\na.png,cat\n", "has no loss"),
        ("h.csv", "once upon a time\n", "no loss"),
        ("h.csv", ";", "no loss"),
        ("h.csv", b"\xff\xfel\0o\0s\0s\0", "is no text in UTF-8"),
        ("events.out.tfevents.1.host", b"", "is no TensorBoard event file"),
        ("events.out.tfevents.1.host", b"not events at all, but longer than a head", "is no TensorBoard event file"),
        ("events.out.tfevents.1.host", b"\x02" + b"\0" * 40, "is no TensorBoard event file"),
    ],
)  # fmt: skip
def test_what_is_no_history_is_refused_with_a_sentence(
    name: str, content: str | bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        history.read(written(tmp_path, name, content))
    assert told in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_no_file_and_an_empty_folder_are_refused_too(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no history at"):
        history.read(tmp_path / "none.json")
    with pytest.raises(InputError, match="no TensorBoard events"):
        history.read(tmp_path)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_end_in_a_traceback(content: bytes) -> None:
    import tempfile

    for name in ("h.json", "h.csv", "events.out.tfevents.1"):
        with tempfile.TemporaryDirectory() as folder:
            try:
                history.read(written(Path(folder), name, content))
            except InputError as error:
                assert error.hint  # noqa: PT017


def test_the_history_beside_a_model_is_found_by_its_own_name_first(tmp_path: Path) -> None:
    model = tmp_path / "shoes.keras"
    assert history.find(model) is None
    for name in ("training.csv", "history.csv", "history.json", "shoes.csv", "shoes.history.json"):
        (tmp_path / name).touch()
        found = history.find(model)
        assert found is not None
        assert found.name == name


# ── TensorBoard ────────────────────────────────────────────────────────────────────────────────────────────────────


def field(number: int, kind: int, content: bytes) -> bytes:
    length = bytes([len(content)]) if kind == 2 else b""
    return bytes([number << 3 | kind]) + length + content


def record(message: bytes) -> bytes:
    return struct.pack("<QI", len(message), 0) + message + b"\0\0\0\0"


def events(*values: tuple[int, str, float], tensor: bool = True) -> bytes:
    """An event file by hand; the tensor form is that of TensorFlow 2, the simple one that of PyTorch."""
    content = record(field(3, 2, b"brain.Event:2"))
    for step, tag, value in values:
        number = struct.pack("<f", value)
        scalar = field(8, 2, field(1, 0, b"\x01") + field(4, 2, number)) if tensor else field(2, 5, number)
        summary = field(1, 2, field(1, 2, tag.encode()) + scalar)
        content += record(field(2, 0, bytes([step])) + field(5, 2, summary))
    return content


def test_the_two_runs_that_keras_writes_become_one_history(tmp_path: Path) -> None:
    for run, add in (("train", 0.0), ("validation", 1.0)):
        (tmp_path / run).mkdir()
        values = [
            (step, tag, add + step) for step in (0, 1, 2) for tag in ("epoch_loss", "evaluation_loss_vs_iterations")
        ]
        written(tmp_path / run, "events.out.tfevents.17.host.1.0.v2", events(*values))
    found = history.read(tmp_path)
    assert (found.loss, found.val_loss) == ((0, 1, 2), (1, 2, 3))


def test_the_scalars_of_pytorch_are_read_from_one_file(tmp_path: Path) -> None:
    values = [(step, tag, step / 4) for step in (1, 2) for tag in ("Loss/train", "Loss/val", "Accuracy/val")]
    found = history.read(written(tmp_path, "events.out.tfevents.17.host", events(*values, tensor=False)))
    assert (found.loss, found.val_loss, found.val_accuracy) == ((0.25, 0.5),) * 3


def test_of_several_runs_the_last_is_taken_and_a_resumed_one_goes_on(tmp_path: Path) -> None:
    for run, content in (
        ("a/train/events.out.tfevents.20.host", events((0, "epoch_loss", 9.0), (1, "epoch_loss", 8.0))),
        ("a/train/events.out.tfevents.30.host", events((1, "epoch_loss", 7.0), (2, "epoch_loss", 6.0))),
        ("b/train/events.out.tfevents.10.host", events((0, "epoch_loss", 1.0))),
    ):
        (tmp_path / run).parent.mkdir(parents=True, exist_ok=True)
        written(tmp_path, run, content)
    assert history.read(tmp_path).loss == (9, 7, 6)


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_an_event_file_that_was_cut_off_gives_what_is_whole(cut: int, tmp_path: Path) -> None:
    content = events((0, "loss", 2.0), (1, "loss", 1.0))
    found = history.read(written(tmp_path, "events.out.tfevents.1", content[:-cut]))
    assert found.loss in ((2.0,), (2.0, 1.0))
    assert all(map(math.isfinite, found.loss))


@pytest.mark.slow
@pytest.mark.parametrize("place", range(12, 160, 7))
def test_a_flipped_byte_gives_a_sentence_or_a_history(place: int, tmp_path: Path) -> None:
    content = bytearray(events((0, "loss", 2.0), (1, "loss", 1.0)))
    content[place % len(content)] ^= 0xFF
    try:
        history.read(written(tmp_path, "events.out.tfevents.1", bytes(content)))
    except InputError as error:
        assert error.hint  # noqa: PT017


@pytest.mark.slow
def test_what_keras_writes_is_read_as_keras_returned_it(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="pip install 'edge-opt[keras]' to compare with Keras itself")
    import numpy as np

    draw = np.random.default_rng(0)
    x, y = draw.random((64, 4), np.float32), draw.integers(0, 3, 64)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    fitted = model.fit(x, y, epochs=3, validation_split=0.25, callbacks=[log], verbose=0).history
    as_tensorboard(tmp_path / "logs" / "train", {name: fitted[name] for name in ("loss", "accuracy")})
    as_tensorboard(tmp_path / "logs" / "validation", {name: fitted[f"val_{name}"] for name in ("loss", "accuracy")})
    (tmp_path / "history.json").write_text(json.dumps(fitted))
    for name in ("log.csv", "logs", "history.json"):
        found = history.read(tmp_path / name)
        assert found.loss == pytest.approx(fitted["loss"], rel=1e-6), name
        assert found.val_loss == pytest.approx(fitted["val_loss"], rel=1e-6), name
        assert found.accuracy == pytest.approx(fitted["accuracy"], rel=1e-6), name
        assert found.val_accuracy == pytest.approx(fitted["val_accuracy"], rel=1e-6), name


def as_tensorboard(run: Path, curves: dict[str, list[float]]) -> None:
    """What keras.callbacks.TensorBoard writes: it asks the package tensorboard for the metadata, and does this."""
    import tensorflow as tf

    with tf.summary.create_file_writer(str(run)).as_default():
        for name, curve in curves.items():
            for step, value in enumerate(curve):
                tf.summary.write(f"epoch_{name}", tf.constant(value, tf.float32), step)


@pytest.mark.slow
def test_the_records_are_those_that_tensorflows_own_classes_read(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="pip install 'edge-opt[keras]' to compare with TensorFlow itself")
    from tensorflow.core.util import event_pb2

    summary = {"value": [{"tag": "loss", "simple_value": 0.125}, {"tag": "graph"}]}
    messages = [event_pb2.Event(file_version="brain.Event:2", wall_time=1.0)]
    messages += [event_pb2.Event(step=step, wall_time=2.0, summary=summary) for step in (0, 2**40)]
    content = b"".join(record(message.SerializeToString()) for message in messages)
    assert history.read(written(tmp_path, "events.out.tfevents.1", content)).loss == (0.125, 0.125)
