"""The second half of the first notebook: fixes, their impact, a second case, and what to write."""

from __future__ import annotations

from lessons.cells import code, text

FIXES = (
    text(
        fr="""
## 4. Une correction à la fois

Deux corrections appliquées ensemble ne disent pas laquelle a servi. On change donc une seule chose, on mesure, on note.
Et l'on choisit d'après l'ensemble de **validation** : le test ne sert qu'à la fin, une fois, sinon on finit par s'y
ajuster sans s'en apercevoir.
""",
        en="""
## 4. One fix at a time

Two fixes at once do not tell which of them helped. So we change one thing, measure, and note. And we choose by the
**validation** split: the test serves once, at the end, or else we end up fitting it without noticing.
""",
    ),
    code(
        '''
import keras


def pictures(images):
    """⟦Les pixels comme le modèle les prend : de 0 à 1.|The pixels as the model takes them: 0 to 1.⟧"""
    return (images.astype("float32") / 255)[..., None]


def network(dropout=0.0):
    """⟦Le réseau du cas A, avec ou sans dropout.|The network of case A, with or without dropout.⟧"""
    layers = keras.layers
    inputs = keras.Input((28, 28, 1))
    x = inputs
    for channels in (16, 32, 64):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(dropout)(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def train(model, x, y, epochs, patience=None):
    """⟦L'historique de l'entraînement.|The history of the training.⟧"""
    keras.utils.set_random_seed(1)
    stop = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    validation = pictures(data["x_val"]), data["y_val"]
    callbacks = [stop] if patience else []
    return model.fit(
        pictures(x), y, batch_size=64, epochs=epochs, validation_data=validation, callbacks=callbacks, verbose=0
    )


def accuracy(model, x, y):
    """⟦La part de réponses justes.|The share of right answers.⟧"""
    return float(np.mean(model.predict(pictures(x), batch_size=500, verbose=0).argmax(1) == y))


steps = []


def note(name, model, x, y):
    """⟦Le tableau des étapes, avec celle-ci.|The table of the steps, with this one.⟧"""
    trained, validated = accuracy(model, x, y), accuracy(model, data["x_val"], data["y_val"])
    steps.append((name, trained, validated))
    print(f"{'':28}  ⟦entraîn.|training⟧  validation  ⟦écart|gap⟧")
    for name, trained, validated in steps:
        print(f"{name:28}  {trained:8.1%}  {validated:10.1%}  {100 * (trained - validated):4.1f} points")


start = keras.models.load_model(case / "model.keras")
note("⟦au départ|at first⟧", start, data["x_train"], data["y_train"])
'''
    ),
    text(
        fr="""
**Première correction : arrêter à temps.** Le même réseau, les mêmes images, mais l'entraînement s'arrête quand la perte
de validation ne baisse plus, et reprend les poids de la meilleure époque. À quel effet vous attendez-vous ?
""",
        en="""
**First fix: stop in time.** The same network, the same pictures, but the training stops when the validation loss no
longer falls, and takes the weights of the best epoch back. What do you expect?
""",
    ),
    code(
        """
keras.utils.set_random_seed(1)
stopped = network()
train(stopped, data["x_train"], data["y_train"], epochs=30, patience=4)
note("⟦arrêt à temps|stopped in time⟧", stopped, data["x_train"], data["y_train"])
"""
    ),
    text(
        fr="""
**Deuxième correction : du dropout**, en plus de l'arrêt. Le réseau ne peut plus compter sur quelques neurones seulement
pour retenir chaque image.
""",
        en="""
**Second fix: dropout**, with the stop kept. The network can no longer rely on a few neurons to remember each picture.
""",
    ),
    code(
        """
keras.utils.set_random_seed(1)
dropped = network(dropout=0.4)
train(dropped, data["x_train"], data["y_train"], epochs=30, patience=4)
note("+ dropout", dropped, data["x_train"], data["y_train"])
"""
    ),
    text(
        fr="""
**Troisième correction : davantage de données.** On passe de 1 000 à 8 000 images (et à 10 époques, pour ne pas
attendre). Elles viennent du même ensemble que les premières, et jamais de la validation ni du test : pourquoi est-ce
indispensable ?
""",
        en="""
**Third fix: more data.** From 1,000 to 8,000 pictures (and to 10 epochs, not to wait). They come from
the same set as the first ones, and never from validation or test: why does that matter so much?
""",
    ),
    code(
        """
whole = np.load(CHECKOUT / "calibration_data" / "fashion_mnist.npz")
more_x, more_y = whole["x_train"][:8000], whole["y_train"][:8000]
keras.utils.set_random_seed(1)
fixed = network(dropout=0.4)
train(fixed, more_x, more_y, epochs=10, patience=4)
note("⟦+ 7 000 images|+ 7,000 pictures⟧", fixed, more_x, more_y)
"""
    ),
    text(
        fr="""
**Question 3.** Quelle correction a le plus rapporté ? Laquelle a surtout réduit l'écart, sans guère améliorer la
validation ? Le choix étant fait, voici le test, une seule fois, avant et après. L'incertitude est donnée par
l'intervalle à 95 % de la différence, image par image.
""",
        en="""
**Question 3.** Which fix brought most? Which one mostly closed the gap, and hardly improved the validation? Now that
the choice is made, here is the test, once, before and after. How sure it is, the 95 % interval of the difference says,
picture by picture.
""",
    ),
    code(
        '''
def right(model):
    """⟦Pour chaque image de test, si la réponse est juste.|For each test picture, whether the answer is right.⟧"""
    return model.predict(pictures(data["x_test"]), batch_size=500, verbose=0).argmax(1) == data["y_test"]


before, after = right(start), right(fixed)
difference = after.astype(int) - before.astype(int)
margin = 1.96 * difference.std() / len(difference) ** 0.5
print(f"⟦avant|before⟧ {before.mean():.1%}   ⟦après|after⟧ {after.mean():.1%}")
print(f"⟦gain|gain⟧ {100 * difference.mean():.1f} ± {100 * margin:.1f} points")
'''
    ),
)

CASE_B = (
    text(
        fr="""
## 5. Le cas B

À vous. Un autre modèle, d'autres données, un autre problème.

**Exercice.** Regardez d'abord les données et les courbes, notez votre hypothèse, puis lancez le diagnostic.
""",
        en="""
## 5. Case B

Your turn. Another model, other data, another problem.

**Exercise.** Look at the data and the curves first, note what you suspect, then run the diagnosis.
""",
    ),
    code(
        """
case = prepare(3)
data = np.load(case / "data.npz")
contract = (case / "data.preprocessing.toml").read_text().splitlines()
print("\\n".join(line for line in contract if line and not line.startswith("#")))
print("pixels:", data["x_train"].min(), "…", data["x_train"].max())
curves(json.loads((case / "history.json").read_text()))
"""
    ),
    code(
        """
my_guess = "…"
diagnosis = diagnose(case, "diagnosis-B")
for symptom in diagnosis.symptoms:
    print(f"{symptom.severity:8} {symptom.code}  {numbers(symptom.facts)}")
show(FOLDER / "diagnosis-B" / "⟦diagnostic|diagnosis⟧.html")
"""
    ),
    text(
        fr="""
**Exercice.** Corrigez la cause, une seule, et mesurez. La cellule suivante donne une réponse possible : les pixels sont
ramenés entre 0 et 1, et rien d'autre ne change, ni l'architecture, ni le taux d'apprentissage, ni le nombre d'époques.
""",
        en="""
**Exercise.** Mend the cause, that one only, and measure. The next cell holds one answer: the pixels are brought to 0 to
1, and nothing else changes, neither the architecture, nor the learning rate, nor the number of epochs.
""",
    ),
    code(
        """
start = keras.models.load_model(case / "model.keras")
raw = start.predict(data["x_val"].astype("float32")[..., None], batch_size=500, verbose=0).argmax(1)
keras.utils.set_random_seed(1)
scaled = keras.models.clone_model(start)  # ⟦mêmes couches, poids neufs|the same layers, new weights⟧
train(scaled, data["x_train"], data["y_train"], epochs=len(json.loads((case / "history.json").read_text())["loss"]))
print(f"⟦pixels de 0 à 255|pixels of 0 to 255⟧  {np.mean(raw == data['y_val']):.1%}")
print(f"⟦pixels de 0 à 1|pixels of 0 to 1⟧    {accuracy(scaled, data['x_val'], data['y_val']):.1%}")
"""
    ),
    text(
        fr="""
Après une telle correction, le contrat change aussi : `scale = [0.00392156862745098]` dans `data.preprocessing.toml`.
Sinon, l'application donnerait au modèle des pixels de 0 à 255 alors qu'il attend des valeurs de 0 à 1. C'est un autre
cas préparé, et l'une des erreurs les plus fréquentes au déploiement.
""",
        en="""
After such a fix the contract changes too: `scale = [0.00392156862745098]` in `data.preprocessing.toml`. Otherwise the
application would give the model pixels of 0 to 255 where it expects values of 0 to 1. That is another prepared case,
and one of the commonest mistakes in deployment.
""",
    ),
)

WRITING = (
    text(
        fr="""
## 6. Pour le rapport

Le rapport commence par deux parties. Pour chaque problème : le signe, la preuve chiffrée, la cause probable. Pour
chaque solution : ce qui a changé, et son effet mesuré. La cellule suivante en écrit le squelette avec **vos** mesures
sur le cas A ; complétez-le avec vos mots.
""",
        en="""
## 6. For the report

The report begins with two parts. For each problem: the sign, the evidence in numbers, the likely cause. For each
solution: what changed, and its measured effect. The next cell writes the skeleton with **your** measurements on case A;
complete it in your own words.
""",
    ),
    code(
        """
from itertools import pairwise

from IPython.display import Markdown

lines = ["## ⟦Problèmes identifiés|Problems found⟧", ""]
gap = 100 * (steps[0][1] - steps[0][2])
lines.append(f"1. ⟦Écart entre entraînement et validation :|Gap between training and validation:⟧ {gap:.1f} points. …")
lines += ["", "## ⟦Solutions implémentées|Solutions implemented⟧", ""]
for place, (earlier, later) in enumerate(pairwise(steps), start=1):
    gained = 100 * (later[2] - earlier[2])
    lines.append(f"{place}. {later[0]} → ⟦Impact :|Impact:⟧ {gained:+.1f} points (validation). …")
display(Markdown("\\n".join(lines)))
"""
    ),
    text(
        fr="""
**Pour aller plus loin.** `prepare(n)` prépare dix-huit cas et cinq témoins où rien n'est caché : `prepare(5)`, par
exemple, montre une précision de test trop belle pour être vraie. Diagnostiquez aussi votre propre modèle :
`edge_opt.diagnose("model.keras", "photos/")`. Le second carnet, *Amélioration pour application web*, part d'un modèle
qui marche et le rend petit et rapide.
""",
        en="""
**To go on.** `prepare(n)` prepares eighteen cases, and five controls where nothing is hidden: `prepare(5)`, for one,
shows a test accuracy that is too good to be true. Diagnose your own model, too: `edge_opt.diagnose("model.keras",
"photos/")`. The second notebook, *Improving for a web app*, starts from a model that works, and makes it small and
fast.
""",
    ),
)
