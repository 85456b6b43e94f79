"""The first notebook: from the signs to the cause, and one fix at a time."""

from __future__ import annotations

from lessons.cells import code, text

INTRODUCTION = text(
    fr="""
# Diagnostic des modèles

Un modèle déçoit : est-ce à cause des données, de l'entraînement ou du modèle lui-même ? Dans ce carnet, vous allez

1. reconnaître un problème à ses signes, sur un cas préparé ;
2. le confronter au diagnostic d'`edge_opt`, preuves à l'appui ;
3. corriger **une chose à la fois** et mesurer l'effet de chaque correction ;
4. recommencer seul sur un second cas ;
5. rédiger ce que vous avez trouvé.

Exécutez les cellules dans l'ordre. Une question se travaille avant d'exécuter la cellule qui la suit. Tout le calcul
tient en moins de deux minutes.
""",
    en="""
# Diagnosing models

A model disappoints: is it the data, the training, or the model itself? In this notebook you will

1. recognise a problem by its signs, on a prepared case;
2. hold it against the diagnosis of `edge_opt`, with the evidence;
3. fix **one thing at a time**, and measure what each fix does;
4. do it again on your own, on a second case;
5. write down what you found.

Run the cells in their order. Work on a question before you run the cell that follows it. All of it computes in less
than two minutes.
""",
)

CASE_A = (
    text(
        fr="""
## 1. Le cas A

Un petit réseau de convolution reconnaît des vêtements : dix classes, des images de 28 × 28 pixels en niveaux de gris
(Fashion-MNIST). Il a déjà été entraîné. La cellule suivante prépare ses données, ses poids et l'historique de son
entraînement.
""",
        en="""
## 1. Case A

A small convolutional network recognises clothes: ten classes, pictures of 28 × 28 grey pixels (Fashion-MNIST). It has
been trained already. The next cell prepares its data, its weights and the history of its training.
""",
    ),
    code(
        '''
import json

import matplotlib.pyplot as plt
import numpy as np


def prepare(number):
    """⟦Le dossier du cas préparé.|The folder of the prepared case.⟧"""
    script = CHECKOUT / "examples" / "workshop" / "cases.py"
    command = [sys.executable, str(script), str(FOLDER), "--only", str(number)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


case = prepare(1)
data = np.load(case / "data.npz")
classes = [str(name) for name in data["classes"]]
for split in ("train", "val", "test"):
    print(f"{split:5} {len(data[f'y_{split}']):5}", np.bincount(data[f"y_{split}"], minlength=10))
'''
    ),
    code(
        """
figure, axes = plt.subplots(2, 10, figsize=(12, 3))
for column, name in enumerate(classes):
    for row, place in enumerate(np.flatnonzero(data["y_train"] == column)[:2]):
        axes[row, column].imshow(data["x_train"][place], cmap="gray")
        axes[row, column].axis("off")
    axes[0, column].set_title(name, fontsize=9)
plt.show()
"""
    ),
    text(
        fr="""
**Question 1.** Avant toute mesure : que voyez-vous dans ces chiffres et dans ces images ? Combien d'images par classe
le modèle a-t-il pour apprendre ? Les classes sont-elles équilibrées ? Lesquelles se ressemblent le plus ?

Regardez ensuite les courbes d'apprentissage. À quelle époque auriez-vous arrêté l'entraînement, et pourquoi ?
""",
        en="""
**Question 1.** Before any measurement: what do you see in these numbers and pictures? How many pictures of each class
does the model have to learn from? Are the classes balanced? Which ones look most alike?

Then look at the learning curves. At which epoch would you have stopped the training, and why?
""",
    ),
    code(
        '''
def curves(history):
    """⟦Les courbes d'apprentissage.|The learning curves.⟧"""
    epochs = range(1, len(history["loss"]) + 1)
    _, axes = plt.subplots(1, 2, figsize=(12, 3.5))
    titles = {"loss": "⟦perte|loss⟧", "accuracy": "⟦précision|accuracy⟧"}
    for axis, (name, title) in zip(axes, titles.items(), strict=True):
        axis.plot(epochs, history[name], label="⟦entraînement|training⟧")
        axis.plot(epochs, history[f"val_{name}"], label="validation")
        axis.set(xlabel="⟦époque|epoch⟧", title=title)
        axis.legend()
    plt.show()


history = json.loads((case / "history.json").read_text())
curves(history)
'''
    ),
)

DIAGNOSIS = (
    text(
        fr="""
## 2. Le diagnostic

`edge_opt.diagnose` observe les données, l'entraînement, la structure du modèle et son comportement, puis nomme ce qui
le limite, le plus grave d'abord :

| gravité | ce que cela veut dire |
|---|---|
| *problem* | établi au-delà du hasard, et important : à corriger d'abord |
| *warning* | établi, mais moindre, ou conséquence probable d'un problème |
| *hint* | bon à savoir |

Chaque symptôme porte un code et les nombres qui le prouvent. Une dizaine de secondes suffisent.
""",
        en="""
## 2. The diagnosis

`edge_opt.diagnose` looks at the data, the training, the structure of the model and its behaviour, then names what
limits it, the worst first:

| severity | what it means |
|---|---|
| *problem* | shown beyond chance, and large: mend it first |
| *warning* | shown, but smaller, or likely the consequence of a problem |
| *hint* | worth knowing |

Each symptom has a code and the numbers that show it. It takes some ten seconds.
""",
    ),
    code(
        '''
import edge_opt


def diagnose(folder, name):
    """⟦Le diagnostic du modèle du dossier ; 200 images perturbées.|The diagnosis; 200 pictures are disturbed.⟧"""
    return edge_opt.diagnose(folder / "model.keras", folder / "data.npz", samples=200, output=FOLDER / name)


def numbers(facts):
    """⟦Les nombres d'un symptôme, sur une ligne.|The numbers of a symptom, in a line.⟧"""
    told = {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in facts.items()}
    return ", ".join(f"{key} {value}" for key, value in told.items())


diagnosis = diagnose(case, "diagnosis-A")
for symptom in diagnosis.symptoms:
    print(f"{symptom.severity:8} {symptom.code}  {numbers(symptom.facts)}")
'''
    ),
    text(
        fr="""
Les mêmes symptômes en toutes lettres, avec ce qu'il y a à faire :
""",
        en="""
The same symptoms in words, with what there is to do:
""",
    ),
    code(
        '''
from IPython.display import display


def show(page, height=520):
    """⟦La page, dans un cadre.|The page, in a frame.⟧"""
    frame = f'<iframe srcdoc="{html.escape(page.read_text(encoding="utf-8"))}" width="100%" height="{height}"></iframe>'
    display({"text/html": frame, "text/plain": page.name}, raw=True)


show(FOLDER / "diagnosis-A" / "⟦diagnostic|diagnosis⟧.html")
'''
    ),
)

EVIDENCE = (
    text(
        fr="""
## 3. Lire les preuves

Un diagnostic se vérifie. La **matrice de confusion** montre quelles classes le modèle prend l'une pour l'autre : une
ligne par classe réelle, une colonne par réponse.
""",
        en="""
## 3. Reading the evidence

A diagnosis can be checked. The **confusion matrix** shows which classes the model takes for each other: a row for each
true class, a column for each answer.
""",
    ),
    code(
        """
behaviour = diagnosis.behaviour
matrix = np.zeros((10, 10), int)
np.add.at(matrix, (behaviour.labels, behaviour.accuracy.predictions), 1)
figure, axis = plt.subplots(figsize=(6, 5))
axis.imshow(matrix, cmap="Blues")
axis.set_xticks(range(10), classes, rotation=45, ha="right")
axis.set_yticks(range(10), classes)
for (row, column), count in np.ndenumerate(matrix):
    if count:
        color = "white" if count > matrix.max() / 2 else "black"
        axis.text(column, row, count, ha="center", va="center", fontsize=8, color=color)
axis.set(xlabel="⟦réponse du modèle|answer of the model⟧", ylabel="⟦classe réelle|true class⟧")
plt.show()
"""
    ),
    text(
        fr="""
La **robustesse** : les mêmes images, tournées, déplacées, assombries, floutées… de plus en plus fort. Le modèle doit
tenir sur les perturbations que l'application rencontrera ; les autres comptent moins.
""",
        en="""
**Robustness**: the same pictures, rotated, moved, darkened, blurred… more and more. The model must hold under what
the application will meet; the rest matters less.
""",
    ),
    code(
        '''
def robustness(measured):
    """⟦La précision selon la force de chaque perturbation.|The accuracy by the strength of each disturbance.⟧"""
    kinds = {}
    for condition in measured.conditions:
        kind, _, _ = condition.condition.partition("@")
        kinds.setdefault(kind, [measured.clean.value]).append(condition.value)
    _, axis = plt.subplots(figsize=(9, 4))
    for kind, values in kinds.items():
        axis.plot(range(len(values)), values, marker="o", label=kind)
    axis.set(xlabel="⟦force de la perturbation|strength⟧", ylabel="⟦précision|accuracy⟧", ylim=(0, 1))
    axis.legend(ncol=2, fontsize=8)
    plt.show()


robustness(behaviour.robustness)
'''
    ),
    text(
        fr="""
**Question 2.** Que corrigeriez-vous en premier ? Écrivez votre choix et votre raison *avant* de continuer : un symptôme
peut n'être que la conséquence d'un autre, et corriger la cause le fait disparaître.
""",
        en="""
**Question 2.** What would you fix first? Write down your choice and your reason *before* you go on: one symptom may
only follow from another, and then mending the cause makes it vanish.
""",
    ),
    code(
        """
my_choice = "…"
my_reason = "…"
"""
    ),
)
