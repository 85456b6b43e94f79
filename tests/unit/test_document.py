"""The documents of a run: the skeleton in its order, numbers that follow from the raw parts, French as it is set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import types
from edge_opt.results.report import PICTURES, diagnosis, render
from edge_opt.results.report.document import blocks as doc
from edge_opt.results.report.document import evidence, whole
from edge_opt.results.report.document.blocks import Block, Content
from edge_opt.results.report.document.skeleton import SKELETONS
from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.language import language
from tests.samples import a_report
from tests.samples_diagnosed import BEST, a_diagnosis, a_whole_report
from tests.unit.test_report import baseline_best

LANGUAGES = pytest.mark.parametrize("lang", ["en", "fr"])
SKELETON = {
    "en": ["Problems identified", "Solutions implemented", "Performance compared", "Conclusion", "Appendix"],
    "fr": ["Problèmes identifiés", "Solutions implémentées", "Performances comparées", "Conclusion", "Annexes"],
}
TITLE = {"en": "Model improvement report", "fr": "Rapport d'amélioration du modèle"}


def documents() -> list[types.Report]:
    whole_report = a_whole_report()
    return [a_report(), baseline_best(), whole_report, replace(whole_report, diagnosis=None, after=None, quality=None)]


def section(text: str, heading: str) -> str:
    return re.split(r"(?m)^## ", text.split(f"## {heading}\n", 1)[1])[0]


@LANGUAGES
@pytest.mark.parametrize("place", range(4))
def test_the_skeleton_stands_in_its_order(lang: str, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_opt.results.report.pictures.canvas.drawn", lambda sketch: "<svg/>")
    text = render(documents()[place], "md", lang=lang)
    assert text.startswith(f"# {TITLE[lang]}\n")
    assert re.findall(r"(?m)^## (.*)$", text) == SKELETON[lang]
    assert re.findall(r"(?m)^# (.*)$", text) == [TITLE[lang]]
    html = render(documents()[place], "html", lang=lang)
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", html) == SKELETON[lang]
    assert re.findall(r"<h1[^>]*>(.*?)</h1>", html) == [TITLE[lang]]


@LANGUAGES
def test_problems_and_solutions_are_numbered_and_each_solution_ends_with_its_impact(lang: str) -> None:
    text = render(a_whole_report(), "md", lang=lang)
    problems, solutions = (section(text, heading) for heading in SKELETON[lang][:2])
    assert len(re.findall(r"(?m)^\d+\. \*\*", problems)) == len(a_diagnosis().symptoms)
    items = re.split(r"(?m)^\d+\. ", solutions)[1:]
    assert len(items) == 2
    assert all(re.search(r"\n   → Impact: \S[^\n]*\.\s*$", item) for item in items)


@LANGUAGES
def test_the_table_has_the_rows_of_the_course(lang: str) -> None:
    names = SKELETONS[lang]
    table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section(render(a_whole_report(), "md", lang=lang), SKELETON[lang][2]).splitlines()
        if line.startswith("|")
    ]
    assert tuple(table[0]) == names.heads
    rows = [names.accuracy, names.time, names.size, names.robustness, names.calibration]
    assert [row[0] for row in table[2:]] == rows


def written(value: float, lang: str, digits: int = 2) -> str:
    text = f"{value:.{digits}f}"
    return text if lang == "en" else text.replace(".", ",").replace("-", "\u2212")


def right(data: Any, path: str) -> np.ndarray:
    for name in path.split("."):
        data = data[name]
    return np.asarray(data["scores"], float)


@LANGUAGES
def test_every_number_of_the_comparison_follows_from_the_raw_parts_of_the_json(lang: str) -> None:
    data = json.loads(render(a_whole_report(), "json"))
    table = section(render(a_whole_report(), "md", lang=lang), SKELETON[lang][2])
    rows = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("|")}
    names = SKELETONS[lang]
    before, after = right(data, "diagnosis.behaviour.accuracy"), right(data, "certificate.accuracy")
    lost = after.mean() - before.mean()
    for value in (100 * before.mean(), 100 * after.mean(), 100 * lost):
        assert written(value, lang) in rows[names.accuracy]
    low, high = tango(int((before > after).sum()), int((after > before).sum()), len(before))
    assert f"{written(-100 * high, lang)}\u00a0…\u00a0{written(-100 * low, lang)}" in rows[names.accuracy]

    slow, fast = np.median(data["retimed"]["baseline_ns"]), np.median(data["retimed"]["best_ns"])
    for value in (f"{slow / 1e3:.0f}", written(fast / 1e3, lang, 1)):
        assert f"{value}{' ' if lang == 'en' else chr(0xA0)}µs" in rows[names.time]
    assert written(slow / fast, lang) in rows[names.time]

    trials = {trial["id"]: trial for trial in data["trials"]}
    large, small = (trials[data[key]]["artifact"]["size_bytes"] for key in ("baseline", "best"))
    for value in (large / 1024, small / 1024, large / small):
        assert written(value, lang) in rows[names.size]

    means = [
        np.mean([np.mean(one["scores"]) for one in data["quality"][key]["conditions"]]) for key in ("before", "after")
    ]
    for value in (*means, means[1] - means[0]):
        assert written(100 * value, lang) in rows[names.robustness]

    errors = [calibration_error(data["diagnosis"]["behaviour"]), calibration_error(data["after"])]
    for value in (*errors, errors[1] - errors[0]):
        assert written(100 * value, lang) in rows[names.calibration]


def tango(lost: int, gained: int, samples: int) -> tuple[float, float]:
    """The score interval of a paired difference at 90 %, by bisection on Tango's own equation."""

    def score(difference: float) -> float:
        b = -lost - gained + (2 * samples - lost + gained) * difference
        c = -gained * difference * (1 - difference)
        q = (np.sqrt(b * b - 8 * samples * c) - b) / (4 * samples)
        return float(
            (lost - gained - samples * difference) / np.sqrt(samples * (2 * q + difference * (1 - difference)))
        )

    bounds = []
    for target in (1.6448536269514722, -1.6448536269514722):
        low, high = -0.5, 0.5
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if score(middle) > target else (low, middle)
        bounds.append(low)
    return bounds[0], bounds[1]


def calibration_error(behaviour: Any) -> float:
    """The mean distance of confidence and accuracy over 15 bins of equally many, less what chance adds to each."""
    from math import erf, exp, pi, sqrt

    scores = np.asarray(behaviour["accuracy"]["scores"], float)
    sure = np.asarray(behaviour["accuracy"]["confidences"], float)
    shuffled = np.random.default_rng(0).permutation(len(sure))  # those that are equally sure stand at random
    order = shuffled[np.argsort(sure[shuffled], kind="stable")]
    total = 0.0
    for part in np.split(order, [len(scores) * place // 15 for place in range(1, 15)]):
        distance = abs(scores[part].mean() - sure[part].mean())
        share = scores[part].mean()
        spread = sqrt(share * (1 - share) / len(part))
        if spread > 0:
            z = distance / spread
            folded = spread * sqrt(2 / pi) * exp(-z * z / 2) + distance * erf(z / sqrt(2))
            distance -= folded - distance
        total += distance * len(part)
    return max(total / len(scores), 0.0)


@LANGUAGES
def test_the_numbers_of_every_trial_follow_from_its_samples_and_scores(lang: str) -> None:
    data = json.loads(render(a_whole_report(), "json"))
    text = render(a_whole_report(), "md", lang=lang)
    for trial in data["trials"]:
        assert written(100 * np.mean(trial["accuracy"]["scores"]), lang) in text
        assert written(trial["artifact"]["size_bytes"] / 1024, lang) in text
        if trial["measured"]["kind"] == "measured":
            samples = np.concatenate([turn["samples_ns"] for turn in trial["measured"]["rounds"]])
            assert re.search(rf"\b{round(np.median(samples) / 1e3)}", text)
    for name, share in data["certificate"]["accuracy"]["per_class"].items():
        place = data["data"]["classes"].index(name)
        scores = np.asarray(data["certificate"]["accuracy"]["scores"])[place::10]
        assert np.isclose(share, scores.mean())
        assert written(100 * scores.mean(), lang) in text


@LANGUAGES
def test_every_path_to_raw_samples_leads_to_some(lang: str) -> None:
    report = a_whole_report()
    data = json.loads(render(report, "json"))
    text = render(report, "md", lang=lang)
    paths = set(re.findall(r"`((?:trials\[|certificate\.|diagnosis\.|quality\.|retimed\.|after\.)[^`]*)`", text))
    assert len(paths) > 3 * len(report.trials)
    for path in paths:
        for one in path.split(" − "):
            assert list(reached(data, one)), one


def reached(data: Any, path: str) -> Iterator[Any]:
    """What lies in ``data`` at a path as the report writes it."""
    found = [data]
    for name, index in re.findall(r"(\w+)(?:\[(\d+|\*)\])?", path):
        found = [one[name] for one in found]
        if index == "*":
            found = [inner for one in found for inner in one]
        elif index:
            found = [one[int(index)] for one in found]
    yield from found


def texts(blocks: tuple[Block, ...]) -> Iterator[Content]:
    """Everything that is running text, headings of the skeleton and code left out."""
    skeleton = {*SKELETON["fr"], TITLE["fr"], *SKELETONS["fr"].heads, SKELETONS["fr"].time}
    for block in blocks:
        match block:
            case doc.Heading() | doc.Figure() | doc.Details() | doc.Table() | doc.Highlights():
                yield from (one for one in _inside(block) if one not in skeleton)
            case doc.Paragraph():
                yield block.content
            case doc.Numbered():
                yield from (one.content for item in block.items for one in item)
            case doc.Bullets():
                yield from block.items


def _inside(block: Block) -> Iterator[Content]:
    match block:
        case doc.Heading():
            yield block.text
        case doc.Figure():
            yield from (block.alt, block.caption)
        case doc.Details():
            yield block.summary
            yield from texts(block.blocks)
        case doc.Table():
            yield block.label
            yield from (head.text for head in block.heads)
            yield from (cell for row in block.rows for cell in row)
        case doc.Highlights():
            for one in block.items:
                yield from (one.label, one.before, one.after, one.change)


@pytest.mark.parametrize("place", range(4))
def test_french_text_is_typeset_as_french(place: int) -> None:
    pen = Pen(language("fr"))
    document = whole.of_report(documents()[place], pen, (), True)
    for content in texts(document.blocks):
        marked = (one if isinstance(one, str | doc.Strong) else "…" for one in doc.parts(content))
        text = doc.plain(tuple(marked)).removeprefix(SKELETONS["fr"].impact)
        for name in ("Example 7000 2.6 GHz", "Linux 6.6", "Python 3.11.7", "0.1.0", "3.15.1", "2.3.0", "1.31.1"):
            text = text.replace(name, "…")
        assert not re.search(r"'| [;:!?%»]|« |\d\.\d", text), text


@LANGUAGES
def test_a_diagnosis_reads_alone_as_text_document_and_json(lang: str) -> None:
    found = a_diagnosis()
    model = a_report().model
    text = diagnosis.render(found, model, "text", lang=lang)
    assert [re.search(one.code, text) is not None for one in found.symptoms] == [True] * len(found.symptoms)
    findings = re.compile(r"\w+\[EO[1-5]|  hint|\|")  # whole lines, which can be searched
    assert all(len(line) <= 112 for line in text.splitlines() if not findings.match(line))
    document = diagnosis.render(found, model, "md", lang=lang)
    assert document.startswith({"en": "# Model diagnosis\n", "fr": "# Diagnostic du modèle\n"}[lang])
    assert json.loads(diagnosis.render(found, model, "json"))["behaviour"]["accuracy"]["value"] == 0.8935


@LANGUAGES
def test_a_diagnosis_of_which_nothing_could_be_looked_at_says_so(lang: str) -> None:
    nothing = replace(
        a_diagnosis(),
        symptoms=(),
        data=None,
        training=types.TrainingEvidence(history=None, fit=None),
        structure=None,
        behaviour=None,
    )
    for format in ("text", "md", "html"):
        text = diagnosis.render(nothing, None, format, lang=lang)  # type: ignore[arg-type]
        assert "EO131" in text


def test_pictures_of_confused_samples_are_shown_where_they_were_drawn(tmp_path: Path) -> None:
    assert "confusions.svg" not in render(a_report(), "md", folder=tmp_path)
    (tmp_path / PICTURES).mkdir()
    (tmp_path / PICTURES / "confusions.svg").write_text("<svg/>")
    assert f"]({tmp_path.as_posix()}/pictures/confusions.svg)" in render(a_report(), "md", folder=tmp_path)


def test_a_report_without_labels_speaks_of_agreement() -> None:
    report = a_report()
    agreement = replace(report.original.accuracy, metric="agreement")
    unlabelled = replace(
        report, data=replace(report.data, labelled=False), original=replace(report.original, accuracy=agreement)
    )
    for lang, said in (("en", "The data have no labels"), ("fr", "Les données n’ont pas d’étiquettes")):
        assert said in render(unlabelled, "md", lang=lang)


def test_the_best_is_named_at_the_head() -> None:
    assert f"`{BEST}` replaces it." in render(a_whole_report(), "md").split("## ")[0]


def test_classes_keep_their_places_where_the_data_could_not_be_looked_at_and_a_class_has_no_sample() -> None:
    found = a_diagnosis()
    assert found.behaviour is not None
    accuracy = replace(found.behaviour.accuracy, per_class={"bag": 0.5, "shirt": 0.5}, predictions=(1, 4))
    behaviour = replace(found.behaviour, labels=(1, 3), accuracy=accuracy)
    assert evidence.class_names(replace(found, data=None, behaviour=behaviour)) == ("0", "bag", "2", "shirt", "4")
