"""Makes the prepared cases of the workshop: each a folder with data, a trained model, its history and what was planted.

    python examples/workshop/cases.py runs/workshop
    python examples/workshop/cases.py runs/workshop --only overfitting,leakage

A case that is whole is not made again. All of them take some minutes on two cores, and the same seed gives the same
data; a model may differ in its last digits between machines.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import planting
from drawing import classes, some
from planting import Case, Made

SEED = 1
MADE_BY = 2  # raise it when a case is made otherwise: folders of another number are made again

CASES = (
    Case(
        name="overfitting",
        planted="EO701",
        what="Trained for 30 epochs on 1,000 pictures, with a dense layer and without dropout.",
        quoi="Entraîné pendant 30 époques sur 1 000 images, avec une couche dense et sans dropout.",
        make=planting.overfitting,
    ),
    Case(
        name="underfitting",
        planted="EO702",
        what="Two convolution channels and their averages: too small for ten classes, however long it trains.",
        quoi="Deux canaux de convolution et leurs moyennes : trop petit pour dix classes, même entraîné longtemps.",
        make=planting.underfitting,
    ),
    Case(
        name="not-normalised",
        planted="EO602",
        what="Trained on pixels of 0 to 255 as they are, without a layer that normalises.",
        quoi="Entraîné sur des pixels de 0 à 255 tels quels, sans couche de normalisation.",
        make=planting.not_normalised,
    ),
    Case(
        name="imbalance",
        planted="EO607",
        what="Three classes have a twentieth of the pictures that the others have, in every split.",
        quoi="Trois classes ont vingt fois moins d'images que les autres, dans chaque sous-ensemble.",
        make=planting.imbalance,
    ),
    Case(
        name="leakage",
        planted="EO605",
        what="A fifth of the test pictures are training pictures; half of these were saved again as JPEG.",
        quoi="Un cinquième des images de test viennent de l'entraînement, la moitié réenregistrées en JPEG.",
        make=planting.leakage,
    ),
    Case(
        name="bad-split",
        planted="EO606",
        what="The last three classes are rare in training and most of the test: the files were split in their order.",
        quoi="Les trois dernières classes, rares à l'entraînement, dominent le test : fichiers découpés dans l'ordre.",
        make=planting.bad_split,
    ),
    Case(
        name="shift",
        planted="EO609",
        what="The test pictures are darker and slightly blurred: another camera.",
        quoi="Les images de test sont plus sombres et un peu floues : un autre appareil photo.",
        make=planting.shift,
    ),
    Case(
        name="label-errors",
        planted="EO608",
        what="One label in ten is wrong.",
        quoi="Une étiquette sur dix est fausse.",
        make=planting.label_errors,
    ),
    Case(
        name="corrupt-files",
        planted="EO604",
        what="Pictures in folders; one file in twenty was cut off, is empty, or is text.",
        quoi="Des images en dossiers ; un fichier sur vingt est tronqué, vide ou n'est que du texte.",
        make=planting.corrupt_files,
    ),
    Case(
        name="wrong-contract",
        planted="EO601",
        what="The contract says -1 to 1; the model was trained on 0 to 1.",
        quoi="Le contrat dit -1 à 1 ; le modèle a été entraîné sur 0 à 1.",
        make=planting.wrong_contract,
    ),
    Case(
        name="rate-too-high",
        planted="EO705",
        what="Trained at fifty times the usual learning rate.",
        quoi="Entraîné avec un taux d'apprentissage cinquante fois trop grand.",
        make=planting.rate_too_high,
    ),
    Case(
        name="diverged",
        planted="EO707",
        what="The schedule raised the learning rate to a million, and the loss became NaN; the best weights were kept.",
        quoi="Un taux d'apprentissage monté à un million, une perte devenue NaN ; les meilleurs poids ont été gardés.",
        make=planting.diverged,
    ),
    Case(
        name="cut-short",
        planted="EO706",
        what="Three epochs at a small learning rate, stopped while the loss was falling.",
        quoi="Trois époques à petit taux d'apprentissage, arrêtées alors que la perte baissait encore.",
        make=planting.cut_short,
    ),
    Case(
        name="too-long",
        planted="EO704",
        what="Trained for twelve epochs after the best one, and the last weights kept.",
        quoi="Entraîné douze époques après la meilleure, en gardant les derniers poids.",
        make=planting.too_long,
    ),
    Case(
        name="dead-channels",
        planted="EO806",
        what="70 % of the channels of the last convolution never answer.",
        quoi="70 % des canaux de la dernière convolution ne réagissent jamais.",
        make=planting.dead_channels,
    ),
    Case(
        name="few-samples",
        planted="EO610",
        what="Fifteen training pictures of each class.",
        quoi="Quinze images d'entraînement par classe.",
        make=planting.few_samples,
    ),
    Case(
        name="dark",
        planted="EO611",
        what="One picture in five is nearly black.",
        quoi="Une image sur cinq est presque noire.",
        make=planting.dark,
    ),
    Case(
        name="blurred",
        planted="EO612",
        what="One picture in five is blurred beyond recognition.",
        quoi="Une image sur cinq est floue au point d'être méconnaissable.",
        make=planting.out_of_focus,
    ),
)
CONTROLS = tuple(
    Case(
        name=f"control-{number}",
        planted="",
        what="Nothing planted: clean data, and a small network that was trained well.",
        quoi="Rien d'ajouté : des données propres, et un petit réseau bien entraîné.",
        make=lambda seed, number=number: planting.sound(seed + number - 1),  # type: ignore[misc]
    )
    for number in range(1, 6)
)


def make(case: Case, out: Path, seed: int) -> bool:
    """Whether ``case`` was made in ``out``: False where it was there already, whole and from the same seed."""
    folder = out / case.name
    stamp = {"name": case.name, "planted": case.planted, "seed": seed, "made_by": MADE_BY}
    if whole(folder, stamp):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    begun = time.monotonic()
    folder.mkdir(parents=True)
    made = case.make(seed)
    data = write_files(made, folder / "pictures", seed) if made.as_files else write_arrays(made, folder / "data.npz")
    write_contract(made, data)
    write_model(made, folder)
    facts = {
        **stamp,
        "what": {"en": case.what, "fr": case.quoi},
        "data": data.name,
        "samples": {name: len(part) for name, part in made.parts.items()},
        "seconds": round(time.monotonic() - begun, 1),
    }
    write_json(folder / "case.json", facts)  # last: it says that the rest is there
    return True


def whole(folder: Path, stamp: dict[str, object]) -> bool:
    """Whether a case lies complete in ``folder``, made as ``stamp`` says."""
    try:
        facts = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    files = ("model.keras", "history.json", facts.get("data", "."))
    return stamp.items() <= facts.items() and all((folder / name).exists() for name in files)


def write_arrays(made: Made, path: Path) -> Path:
    """The data as one ``.npz`` file, in the names that edge-opt reads."""
    import numpy as np

    named = {"train": "train", "validation": "val", "test": "test"}
    arrays = {f"{axis}_{named[name]}": getattr(part, axis) for name, part in made.parts.items() for axis in "xy"}
    np.savez_compressed(path, classes=np.array(classes()), **arrays)
    return path


def write_files(made: Made, folder: Path, seed: int) -> Path:
    """The data as PNG and JPEG files in ``folder/SPLIT/CLASS``, one in twenty of them broken."""
    from PIL import Image

    names = [name.replace("/", "-") for name in classes()]
    for split, part in made.parts.items():
        broken = {int(place): turn % 3 for turn, place in enumerate(some(seed, len(part), 0.05))}
        for place in range(len(part)):
            ending = "png" if place % 2 else "jpg"
            path = folder / split / names[part.y[place]] / f"{place:05d}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(part.x[place]).save(path, **({"quality": 95} if ending == "jpg" else {}))
            if place in broken:
                spoil(path, broken[place])
    (folder / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return folder


def spoil(path: Path, way: int) -> None:
    """Break the file at ``path``: cut it off, empty it, or put text into it."""
    content = path.read_bytes()
    path.write_bytes((content[: len(content) // 3], b"", b"<html>404 Not Found</html>\n")[way])


def write_contract(made: Made, data: Path) -> None:
    """The preprocessing contract, beside the data."""
    from edge_opt.inputs.preprocess import document
    from edge_opt.types import Preprocessing

    scale, offset = made.linear
    document.write(Preprocessing(color="gray", height=28, width=28, scale=(scale,), offset=(offset,)), data)


def write_model(made: Made, folder: Path) -> None:
    """``model.keras`` without its optimizer, and ``history.json``."""
    import keras

    # the answers do not depend on it, and it is two thirds of the file
    model = keras.Model.from_config(made.trained.model.get_config())
    model.set_weights(made.trained.model.get_weights())
    model.save(folder / "model.keras")
    write_json(folder / "history.json", made.trained.history)


def write_json(path: Path, content: object) -> None:
    """``content`` as JSON; a NaN of a training that diverged is written as Python writes it."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def chosen(only: str) -> list[Case]:
    """The cases in ``only``, by name or by number from 1, separated by commas; all of them where it is empty."""
    every = {case.name: case for case in (*CASES, *CONTROLS)}
    numbered = {str(number): name for number, name in enumerate(every, start=1)}
    words = [word.strip() for word in only.split(",") if word.strip()]
    names = [numbered.get(word, word) for word in words] or list(every)
    unknown = [name for name in names if name not in every]
    if unknown:
        raise SystemExit(f"there is no case '{unknown[0]}'; there are {', '.join(every)}")
    return [every[name] for name in names]


def main(arguments: list[str] | None = None) -> None:
    """Make what is asked for, print the folder of each case, and say how long it took."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("out", type=Path, help="the folder that gets a folder for each case")
    words.add_argument("--only", default="", help="cases by name, or by number from 1, separated by commas")
    words.add_argument("--seed", type=int, default=SEED, help="what chance is drawn from")
    given = words.parse_args(arguments)
    for case in chosen(given.only):
        begun = time.monotonic()
        done = make(case, given.out, given.seed)
        print(given.out / case.name)
        sys.stderr.write(f"{case.name}: {f'{time.monotonic() - begun:.1f} s' if done else 'there already'}\n")


if __name__ == "__main__":
    main()
