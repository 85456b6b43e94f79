"""The second notebook: from a model that works to one that is small and fast, with proof."""

from __future__ import annotations

from lessons.cells import SETUP, code, text

_START = (
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

Tout le calcul tient en moins de deux minutes.
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

All of it computes in less than two minutes.
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
        """
import edge_opt
from IPython.display import HTML, SVG, display


def show(page, height=520):
    frame = f'<iframe srcdoc="{html.escape(page.read_text(encoding="utf-8"))}" width="100%" height="{height}"></iframe>'
    display(HTML(frame))


diagnosis = edge_opt.diagnose(MODEL, DATA, samples=200, output=FOLDER / "diagnosis-web", lang=LANG)
print(", ".join(f"{symptom.code} ({symptom.severity})" for symptom in diagnosis.symptoms))
show(FOLDER / "diagnosis-web" / "diagnosis.html")
"""
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

_CHOICES = (
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
        """
def edge(*words):
    done = subprocess.run([sys.executable, "-m", "edge_opt", *map(str, words)], capture_output=True, text=True)
    print(done.stdout or done.stderr)


edge("targets")
"""
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

_OPTIMISING = (
    text(
        fr="""
## 3. Essayer, mesurer, juger

`optimize` convertit le modèle en plusieurs formats et précisions, mesure chaque artefact, et le compare à la référence
image par image. Un budget de temps court suffit pour un premier essai.
""",
        en="""
## 3. Try, measure, judge

`optimize` converts the model into several formats and precisions, measures each artifact, and compares it with the
baseline picture by picture. A short time budget will do for a first try.
""",
    ),
    code(
        """
RUN = FOLDER / "web-app"
report = edge_opt.optimize(
    MODEL, DATA, output=RUN, goal=GOAL, max_drop=MAX_DROP, effort="quick", time_limit="90s", overwrite=True
)
print(f"{len(report.trials)} ⟦essais|trials⟧, {report.seconds:.0f} s, ⟦retenu :|best:⟧ {report.best}")
"""
    ),
    code(
        """
edge("report", RUN)
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

_COMPARING = (
    text(
        fr="""
## 4. Avant et après

Trois nombres, chacun avec ce qu'il vaut : la précision est certifiée sur le test, qui n'a servi à aucun choix ; le
temps est mesuré en alternance avec la référence ; la taille est exacte. La robustesse et la calibration sont comparées
elles aussi, image par image : la compression ne doit pas les dégrader en silence.
""",
        en="""
## 4. Before and after

Three numbers, each with what it is worth: accuracy is certified on the test split, which no choice has seen; time is
measured in turns with the baseline; size is exact. Robustness and calibration are compared as well, picture by picture:
compression must not trade them away unseen.
""",
    ),
    code(
        """
trials = {trial.id: trial for trial in report.trials}
base, best = trials[report.baseline], trials[report.best]
certificate = report.certificate

speed = report.retimed.speed_up if report.retimed else best.measured.speed_up
drop = certificate.verdict.drop
print(f"{'':20}{'⟦avant|before⟧':>12}{'⟦après|after⟧':>12}")
print(f"{'⟦précision|accuracy⟧':20}{certificate.baseline.value:12.2%}{certificate.accuracy.value:12.2%}")
print(f"{'⟦temps, µs|time, µs⟧':20}{base.measured.median_ns / 1e3:12.0f}{best.measured.median_ns / 1e3:12.0f}")
print(f"{'⟦taille, Kio|size, KiB⟧':20}{base.artifact.size_bytes / 1024:12.0f}{best.artifact.size_bytes / 1024:12.0f}")
if report.quality:
    before, after = report.quality.before.value, report.quality.after.value
    print(f"{'⟦robustesse|robustness⟧':20}{before:12.2%}{after:12.2%}")
print()
low, lost, high = (100 * value for value in (drop.low, drop.estimate, drop.high))
print(f"⟦perte de précision :|drop in accuracy:⟧ {lost:.2f} points [{low:.2f} ; {high:.2f}]")
print(f"⟦accélération :|speed-up:⟧ × {speed.estimate:.2f} [{speed.low:.2f} ; {speed.high:.2f}]")
print(f"⟦verdict :|verdict:⟧ {certificate.status}, {certificate.verdict.samples} images")
"""
    ),
    text(
        fr="""
**Question 4.** L'intervalle de la perte contient-il zéro ? Reste-t-il sous votre limite ? Comment le diriez-vous, en
une phrase honnête, à quelqu'un qui doit décider du déploiement ?

## 5. Le rapport

Le dossier de l'essai contient tout, y compris le rapport, avec la trame attendue : problèmes identifiés, solutions
implémentées et leur impact, performances comparées, conclusion.
""",
        en="""
**Question 4.** Does the interval of the drop hold zero? Does it stay below your limit? How would you say so, in one
honest sentence, to someone who has to decide on the deployment?

## 5. The report

The folder of the run holds everything, with the report in it, in the skeleton that is expected: problems found,
solutions implemented and their impact, performances compared, conclusion.
""",
    ),
    code(
        """
page = FOLDER / f"report-{LANG}.html"
edge("report", RUN, "--format", "html", "--lang", LANG, "-o", page)
show(page, height=700)
"""
    ),
    text(
        fr="""
Pour un lecteur anglophone, la même page s'obtient avec `--lang en` ; `--format md` donne un texte à reprendre et à
compléter.

**Exercice.** Relisez la partie « Problèmes identifiés ». Ajoutez ce que vous savez et que l'outil ne peut pas savoir :
qui prend les photos, sous quelle lumière, ce que coûte une erreur.
""",
        en="""
For a French reader, `--lang fr` gives the same page; `--format md` gives a text to take over and complete.

**Exercise.** Read the part on the problems again. Add what you know and the tool cannot: who takes the pictures, in
what light, and what a mistake costs.
""",
    ),
)

_HANDING_OVER = (
    text(
        fr="""
## 6. Livrer

Le paquet (`bundle/`) contient l'artefact retenu, le contrat, un `predict.py` autonome et les promesses à vérifier sur
la machine de production.
""",
        en="""
## 6. Handing over

The `bundle/` holds the chosen artifact, the contract, a `predict.py` that stands alone, and the promises to verify on
the production machine.
""",
    ),
    code(
        """
for path in sorted((RUN / "bundle").rglob("*")):
    if path.is_file():
        print(f"{path.stat().st_size:9} {path.relative_to(RUN)}")
edge("verify", RUN / "bundle")
"""
    ),
    text(
        fr="""
Et la preuve par l'usage : une image de test, enregistrée comme l'enverrait le navigateur.
""",
        en="""
And the proof of the pudding: a test picture, saved as the browser would send it.
""",
    ),
    code(
        """
from PIL import Image

picture = FOLDER / "picture.png"
Image.fromarray(arrays["x_test"][0]).save(picture)
command = [sys.executable, str(RUN / "bundle" / "predict.py"), str(picture)]
done = subprocess.run(command, capture_output=True, text=True)
print(done.stdout or done.stderr)
print("⟦réponse attendue :|expected:⟧", arrays["classes"][arrays["y_test"][0]])
"""
    ),
    text(
        fr="""
## 7. Pour le rapport

Un bon rapport se lit en deux minutes et résiste aux questions :

- **Problèmes identifiés** : ceux du diagnostic, chacun avec son nombre, le plus grave d'abord.
- **Solutions implémentées** : ce qui a été fait, et « → Impact : … » avec la mesure. Ce qui n'a pas marché a sa place
  aussi.
- **Performances comparées** : le tableau de la partie 4, avec les intervalles, la machine et le nombre d'images.
- **Conclusion** : peut-on déployer ? Que recommandez-vous ensuite, et pourquoi dans cet ordre ?

**Exercice final.** Refaites l'essai avec `GOAL = "size"`. Le choix change-t-il ? Lequel défendriez-vous pour une
application consultée surtout sur téléphone ?
""",
        en="""
## 7. For the report

A good report is read in two minutes, and stands up to questions:

- **Problems found**: those of the diagnosis, each with its number, the worst first.
- **Solutions implemented**: what was done, and "→ Impact: …" with the measurement. What did not
  work has its place, too.
- **Performances compared**: the table of part 4, with the intervals, the machine and the number of pictures.
- **Conclusion**: can it be deployed? What do you recommend next, and why in that order?

**Final exercise.** Run it again with `GOAL = "size"`. Does the choice change? Which one would you defend for an
application that is mostly used on phones?
""",
    ),
)

CELLS = (*_START, *_CHOICES, *_OPTIMISING, *_COMPARING, *_HANDING_OVER)
