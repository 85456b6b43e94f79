"""The first half of the second notebook: where a model starts from, what is wanted, and what is tried."""

from __future__ import annotations

from lessons.cells import SETUP, code, text

START = (
    text(
        fr="""
# Amélioration pour application web

Le modèle du premier carnet était à réparer. Celui-ci marche : il reconnaît des vêtements dans une petite application
web. Mais il est lourd et lent. Vous allez

1. établir son état de départ, diagnostic compris ;
2. choisir la cible, l'objectif et ce que vous acceptez de perdre ;
3. laisser `edge_opt` essayer, mesurer et juger ;
4. comparer avant et après, avec l'incertitude de chaque nombre ;
5. livrer un paquet vérifiable, et rédiger le rapport.

Tout le calcul tient en quelques minutes.
""",
        en="""
# Improving for a web app

The model of the first notebook had to be mended. This one works: it recognises clothes in a small web app. But it is
heavy and slow. You will

1. record where it starts from, with a diagnosis;
2. choose the target, the goal and what you accept to lose;
3. let `edge_opt` try, measure and judge;
4. compare before and after, with the uncertainty of each number;
5. hand over a bundle that can be verified, and write the report.

All of it computes in a few minutes.
""",
    ),
    SETUP,
    text(
        fr="""
## 1. L'état de départ

Le modèle est un réseau de convolution de manuel, entraîné sur 9 000 images. Les données ont trois parties, et chacune
son rôle : l'entraînement ; la **validation**, pour calibrer et choisir ; le **test**, pour certifier, et rien d'autre.
""",
        en="""
## 1. Where it starts from

The model is the convolutional network of a textbook, trained on 9,000 pictures. The data have three parts, and each its
role: training; **validation**, to calibrate and to choose; **test**, to certify, and nothing else.
""",
    ),
    code(
        """
import numpy as np

MODEL = CHECKOUT / "examples" / "web_app" / "clothes_classifier.keras"
DATA = CHECKOUT / "calibration_data" / "fashion_mnist.npz"

arrays = np.load(DATA)
print(f"{MODEL.stat().st_size / 1024:.0f} KiB")
for split in ("train", "val", "test"):
    print(f"{split:5} {len(arrays[f'y_{split}']):6}")
print(DATA.with_name("fashion_mnist.preprocessing.toml").read_text())
"""
    ),
    text(
        fr="""
Le contrat ci-dessus dit comment une image devient l'entrée du modèle : ici, chaque pixel divisé par 255. L'application
devra faire exactement la même chose. Voici ce qui limite le modèle aujourd'hui :
""",
        en="""
The contract above says how a picture becomes the input of the model: here, each pixel divided by 255. The application
will have to do exactly that. This is what limits the model today:
""",
    ),
    code(
        '''
from IPython.display import display

import edge_opt


def show(page, height=520):
    """⟦La page, dans un cadre.|The page, in a frame.⟧"""
    frame = f'<iframe srcdoc="{html.escape(page.read_text(encoding="utf-8"))}" width="100%" height="{height}"></iframe>'
    display({"text/html": frame, "text/plain": page.name}, raw=True)


diagnosis = edge_opt.diagnose(MODEL, DATA, samples=200, output=FOLDER / "diagnosis-web")
print(", ".join(f"{symptom.code} ({symptom.severity})" for symptom in diagnosis.symptoms))
show(FOLDER / "diagnosis-web" / "⟦diagnostic|diagnosis⟧.html")
'''
    ),
    text(
        fr="""
**Question 1.** Parmi ces symptômes, lesquels la compression peut-elle soulager ? Lesquels demandent un nouvel
entraînement ou d'autres données, et resteront donc dans les recommandations du rapport ?
""",
        en="""
**Question 1.** Which of these symptoms can compression relieve? Which of them need a new training or other data, and
will therefore stay in the recommendations of the report?
""",
    ),
)

CHOICES = (
    text(
        fr="""
## 2. Choisir la cible et les limites

Un modèle est rapide *quelque part* : la même compression accélère sur une machine et ralentit sur une autre. Une cible
décrit le matériel et les formats qu'il exécute. Faute d'avoir le serveur de production sous la main, on mesure ici, sur
`host`, la machine qui exécute ce carnet.
""",
        en="""
## 2. Choosing the target and the limits

A model is fast *somewhere*: the same compression makes it faster on one machine and slower on another. A target
describes the hardware and the formats that it runs. As we do not have the production server at hand, we measure here,
on `host`, the machine that runs this notebook.
""",
    ),
    code(
        '''
def edge(*words):
    """⟦Ce qu'affiche la commande edge-opt.|What the command edge-opt prints.⟧"""
    done = subprocess.run([sys.executable, "-m", "edge_opt", *map(str, words)], capture_output=True, text=True)
    print(done.stdout or done.stderr)


edge("targets")
'''
    ),
    text(
        fr="""
**Question 2.** Votre application reçoit une image à la fois et doit répondre vite. Combien de points de précision
accepteriez-vous de perdre ? Que privilégiez-vous : la latence, la taille, ou un équilibre ? Changez ces valeurs si vous
n'êtes pas d'accord, et dites pourquoi dans le rapport.
""",
        en="""
**Question 2.** Your application gets one picture at a time and must answer fast. How many points of accuracy would you
accept to lose? What comes first: latency, size, or a balance? Change these values if you disagree, and say why in the
report.
""",
    ),
    code(
        """
GOAL = "balanced"  # "latency", "size" ⟦ou|or⟧ "balanced"
MAX_DROP = "1pp"  # ⟦un point de pourcentage|one percent point⟧
"""
    ),
)

OPTIMISING = (
    text(
        fr="""
## 3. Essayer, mesurer, juger

`optimize` convertit le modèle en plusieurs formats et précisions, mesure chaque artefact, et le compare à la référence
image par image. Deux minutes au plus suffisent pour un premier essai. Il en faut plus sur une machine lente ou chargée.
""",
        en="""
## 3. Try, measure, judge

`optimize` converts the model into several formats and precisions, measures each artifact, and compares it with the
baseline picture by picture. Two minutes at most will do for a first try; on a slow or busy machine, give it more.
""",
    ),
    code(
        """
RUN = FOLDER / "web-app"
report = edge_opt.optimize(
    MODEL, DATA, output=RUN, goal=GOAL, max_drop=MAX_DROP, effort="quick", time_limit="2m", overwrite=True
)
print(f"{len(report.trials)} ⟦essais|trials⟧, {report.seconds:.0f} s, ⟦retenu :|best:⟧ {report.best}")
"""
    ),
    code(
        """
edge("report", RUN, "--lang", LANG)
"""
    ),
    text(
        fr="""
**Question 3.** Dans ce tableau, un artefact en entiers 8 bits est-il toujours plus rapide que la référence ? Que
signifie le signe ≈ devant une accélération ? Pourquoi un artefact plus précis que la référence de 0,2 point
n'est-il pas forcément meilleur ?
""",
        en="""
**Question 3.** In this table, is an artifact with 8-bit integers always faster than the baseline? What does the sign ≈
mean before a speed-up? Why is an artifact that is 0.2 points more accurate than the baseline not necessarily better?
""",
    ),
    code(
        """
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(8, 4.5))
for trial in report.trials:
    if trial.measured.kind == "measured":
        size, latency = trial.artifact.size_bytes / 1024, trial.measured.median_ns / 1000
        axis.plot(size, latency, "o", color="tab:orange" if trial.id == report.best else "tab:blue")
        axis.annotate(trial.id, (size, latency), fontsize=7, xytext=(4, 4), textcoords="offset points")
axis.set(xlabel="⟦taille|size⟧, KiB", ylabel="⟦temps d'inférence|inference time⟧, µs", yscale="log")
plt.show()
"""
    ),
)
