"""Rebuilds ``fashion_mnist.npz`` and ``manifest.json`` from Debian's package ``dataset-fashion-mnist``.

    apt-get install dataset-fashion-mnist
    python calibration_data/build.py

The same source and seed give the same arrays, bit for bit; the manifest holds their hashes. The file itself may be
compressed differently by another zlib.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]

HERE = Path(__file__).resolve().parent
SOURCE = Path("/usr/share/datasets/fashion-mnist")
SEED = 20170825  # the day Fashion-MNIST was published
TRAIN_PER_CLASS = 1_000
VALIDATION_PER_CLASS = 200
LIMIT_BYTES = 12_000_000
CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def read_idx(path: Path) -> Images:
    """The array in an ``idx.gz`` file of unsigned bytes.

    Source: http://yann.lecun.com/exdb/mnist/, "the IDX file format".
    """
    data = gzip.decompress(path.read_bytes())
    zero, kind, dimensions = struct.unpack(">HBB", data[:4])
    if zero != 0 or kind != 8:
        raise SystemExit(f"'{path}' is not an idx file of unsigned bytes")
    shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def unseen(images: Images, seen: set[bytes]) -> NDArray[np.int64]:
    """The indices of ``images`` whose pixels are not in ``seen``; of equal ones, the first. Adds them to ``seen``."""
    kept = []
    for index, image in enumerate(images):
        pixels = image.tobytes()
        if pixels not in seen:
            seen.add(pixels)
            kept.append(index)
    return np.array(kept, np.int64)


def choose(labels: Images, pool: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the training and of the validation images: disjoint, equally many of each class, shuffled."""
    random = np.random.default_rng(seed)
    train, validation = [], []
    for label in range(len(CLASSES)):
        members = random.permutation(pool[labels[pool] == label])
        train.append(members[:TRAIN_PER_CLASS])
        validation.append(members[TRAIN_PER_CLASS : TRAIN_PER_CLASS + VALIDATION_PER_CLASS])
    return random.permutation(np.concatenate(train)), random.permutation(np.concatenate(validation))


def sha256(data: bytes) -> str:
    """The hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def build(source: Path, out: Path) -> None:
    """Write ``fashion_mnist.npz`` and ``manifest.json`` to ``out`` from the four idx files in ``source``."""
    images, labels = read_idx(source / "train-images-idx3-ubyte.gz"), read_idx(source / "train-labels-idx1-ubyte.gz")
    x_test, y_test = read_idx(source / "t10k-images-idx3-ubyte.gz"), read_idx(source / "t10k-labels-idx1-ubyte.gz")
    seen: set[bytes] = set()
    distinct_test = len(unseen(x_test, seen))
    pool = unseen(images, seen)
    train, validation = choose(labels, pool, SEED)
    arrays = {
        "x_train": images[train],
        "y_train": labels[train],
        "x_val": images[validation],
        "y_val": labels[validation],
        "x_test": x_test,
        "y_test": y_test,
        "classes": np.array(CLASSES),
    }
    data = out / "fashion_mnist.npz"
    np.savez_compressed(data, allow_pickle=False, **arrays)
    manifest = {
        "name": "Fashion-MNIST, a subset",
        "source": "Debian package dataset-fashion-mnist 0.0~git20200523.55506a9-1, "
        "https://github.com/zalandoresearch/fashion-mnist",
        "license": "MIT",
        "license_file": "LICENSE",
        "copyright": "2017, Zalando SE",
        "seed": SEED,
        "classes": list(CLASSES),
        "counts": {
            "train": len(train),
            "validation": len(validation),
            "test": len(x_test),
            "per_class": {
                "train": TRAIN_PER_CLASS,
                "validation": VALIDATION_PER_CLASS,
                "test": int(np.bincount(y_test)[0]),
            },
        },
        "duplicates": {
            "left_out_of_the_training_pool": len(images) - len(pool),
            "between_splits": 0,
            "within_test": len(x_test) - distinct_test,
        },
        "arrays": {
            name: {"shape": list(array.shape), "dtype": array.dtype.str, "sha256": sha256(array.tobytes())}
            for name, array in arrays.items()
        },
        "files": {
            path.name: {"size_bytes": path.stat().st_size, "sha256": sha256(path.read_bytes())}
            for path in (data, out / "fashion_mnist.preprocessing.toml", out / "LICENSE")
        },
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in out.iterdir() if path.is_file())
    if size > LIMIT_BYTES:
        raise SystemExit(f"'{out}' holds {size} bytes, more than the {LIMIT_BYTES} it may")
    sys.stderr.write(f"{data.name}: {data.stat().st_size} bytes; the folder: {size} bytes\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=SOURCE, help="the folder of the four idx.gz files")
    parser.add_argument("--output", type=Path, default=HERE, help="where to write")
    options = parser.parse_args()
    build(options.source, options.output)
