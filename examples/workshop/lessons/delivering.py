"""The second half of the second notebook: before and after, the report, and what is handed over."""

from __future__ import annotations

from lessons.cells import code, text

COMPARING = (
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
if best.id == base.id:
    print("⟦rien de mieux que la référence en si peu de temps|nothing better than the baseline in so little time⟧")
elif speed:
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
show(RUN / "⟦rapport|report⟧.html", height=700)
"""
    ),
    text(
        fr="""
Pour un lecteur anglophone, la même page est dans `report.html` ; `rapport.md` est un texte à reprendre et à compléter.

**Exercice.** Relisez la partie « Problèmes identifiés ». Ajoutez ce que vous savez et que l'outil ne peut pas savoir :
qui prend les photos, sous quelle lumière, ce que coûte une erreur.
""",
        en="""
For a French reader, the same page is in `rapport.html`; `report.md` is a text to take over and complete.

**Exercise.** Read the part on the problems again. Add what you know and the tool cannot: who takes the pictures, in
what light, and what a mistake costs.
""",
    ),
)

HANDING_OVER = (
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
