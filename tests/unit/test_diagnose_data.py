"""Each check of the data finds what is planted, is silent where it is not, and takes size and chance into account."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_opt.results.report.language import language
from edge_opt.results.report.symptoms import TEXTS, told
from edge_opt.stages.diagnose import chance, data
from edge_opt.stages.diagnose.ranking import ranked
from edge_opt.types import (
    ContractTried,
    DataEvidence,
    FeatureShift,
    InputRange,
    LabelDoubts,
    Overlap,
    PictureFaults,
    Shift,
    SplitSummary,
    Symptom,
    Unreadable,
)

EVEN = (100, 100, 100, 100, 100)
INPUTS = InputRange(
    low=0, high=1, mean=0.3, deviation=0.35, normalised_inside=False, extreme=0, samples=1000, examples=("a", "b")
)
OVERLAP = Overlap(later="test", earlier="train", samples=500, exact=0, near=0, expected=0.3, examples=("x_test[1]",))
MOVED = FeatureShift(name="brightness", statistic=0.4, p_value=1e-9, first=80, second=50)
STAYED = replace(MOVED, statistic=0.05, p_value=0.6)
APART = Shift(first="train", second="test", samples=600, auc=0.93, p_value=1e-20, features=(MOVED,))
DOUBTS = LabelDoubts(split="train", samples=1000, right=850, doubtful=45, scattered=0, examples=("x_train[7]",))
FAULTS = PictureFaults(
    looked_at=1000,
    dark=0,
    bright=0,
    blurred=0,
    flat=0,
    odd_sized=0,
    examples={kind: (f"{kind}.png",) for kind in ("dark", "bright", "blurred", "flat", "odd_sized")},
)


def split(name: str, *counts: int) -> SplitSummary:
    return SplitSummary(name=name, samples=sum(counts), per_class=counts)


CLEAN = DataEvidence(
    kind="picture",
    labelled=True,
    classes=("ant", "bee", "cat", "dog", "eel"),
    splits=(split("train", *EVEN), split("test", *EVEN)),
    unreadable=Unreadable(total=1000, corrupt=0, missing=0, examples=()),
    inputs=INPUTS,
    contracts=(
        ContractTried(contract="pixel / 255", given=True, right=440, samples=500),
        ContractTried(contract="pixel / 127.5 - 1", given=False, right=300, samples=500),
    ),
    overlaps=(OVERLAP,),
    shifts=(replace(APART, auc=0.52, p_value=0.2, features=(STAYED,)),),
    label_doubts=(DOUBTS,),
    faults=FAULTS,
)


def contracts(given: int, *others: int, samples: int = 500) -> tuple[ContractTried, ...]:
    return (
        ContractTried(contract="as it is", given=True, right=given, samples=samples),
        *(ContractTried(contract=f"other {i}", given=False, right=r, samples=samples) for i, r in enumerate(others)),
    )


def found(**changes: Any) -> dict[str, Symptom]:
    return {one.code: one for one in data.symptoms(replace(CLEAN, **changes))}


def overlap(**changes: Any) -> dict[str, Any]:
    return {"overlaps": (replace(OVERLAP, **changes),)}


def inputs(**changes: Any) -> dict[str, Any]:
    return {"inputs": replace(INPUTS, **changes)}


def doubted(**changes: Any) -> dict[str, Any]:
    return {"label_doubts": (replace(DOUBTS, **changes),)}


def faulty(**changes: Any) -> dict[str, Any]:
    return {"faults": replace(FAULTS, **changes)}


def splits(train: tuple[int, ...], test: tuple[int, ...] = EVEN) -> dict[str, Any]:
    return {"splits": (split("train", *train), split("test", *test))}


PROBLEMS: dict[str, dict[str, Any]] = {
    "EO601": {"contracts": contracts(300, 440, 310)},
    "EO602": inputs(low=0, high=255, mean=73, deviation=90),
    "EO603": inputs(extreme=30, low=-4, high=9999),
    "EO604": {"unreadable": Unreadable(total=1000, corrupt=40, missing=10, examples=("a.png", "b.png"))},
    "EO605": overlap(exact=20, near=30),
    "EO606": splits((180, 180, 180, 20, 20), (20, 20, 20, 180, 180)),
    "EO607": splits((400, 400, 400, 400, 30), (40, 40, 40, 40, 3)),
    "EO608": doubted(doubtful=120, scattered=70),
    "EO609": {"shifts": (APART,)},
    "EO610": splits((15, 15, 15, 15, 15)),
    "EO611": faulty(dark=60, bright=20),
    "EO612": faulty(blurred=150),
    "EO613": faulty(odd_sized=70),
    "EO614": faulty(flat=80),
}
WARNINGS: dict[str, dict[str, Any]] = {
    "EO601": {"contracts": contracts(4400, 4490, samples=5000)},
    "EO602": inputs(low=-120, high=140, mean=0.2, deviation=60),
    "EO603": inputs(extreme=2),
    "EO604": {"unreadable": Unreadable(total=1000, corrupt=1, missing=0, examples=("a.png",))},
    "EO605": overlap(exact=1),
    "EO606": splits((1200, 1200, 1200, 900, 900), (400, 400, 400, 400, 400)),
    "EO607": splits((400, 400, 400, 400, 100), (40, 40, 40, 40, 10)),
    "EO608": doubted(doubtful=70, scattered=15),
    "EO609": {"shifts": (replace(APART, features=(STAYED,)),)},
    "EO610": splits((30, 60, 60, 60, 60)),
    "EO611": faulty(dark=6),
    "EO612": faulty(blurred=50),
    "EO613": faulty(odd_sized=10),
    "EO614": faulty(flat=10),
}
SILENT: dict[str, tuple[str, dict[str, Any]]] = {
    "a contract that is better by chance": ("EO601", {"contracts": contracts(440, 452)}),
    "one of many contracts that is a little better": ("EO601", {"contracts": contracts(440, *[455] * 12)}),
    "a contract that was tried on other samples": ("EO601", {"contracts": contracts(100) + contracts(0, 90)[1:]}),
    "a model that normalises by itself": ("EO602", inputs(high=255, mean=73, deviation=90, normalised_inside=True)),
    "standardised inputs": ("EO602", inputs(low=-2.1, high=2.6, mean=-0.1, deviation=1.1)),
    "near pairs as among themselves": ("EO605", overlap(near=6, expected=5.0)),
    "three near ones by chance": ("EO605", overlap(near=3, expected=0.0)),
    "rows of dice": ("EO605", {"kind": "array", **overlap(exact=90, near=4, expected=95.0)}),
    "shares that differ by chance": ("EO606", splits((25, 20, 20, 15, 20), (20, 20, 20, 25, 15))),
    "shares that surely differ, by nothing": ("EO606", splits((10200, 10000, 10000, 9800, 10000), (9800,) * 5)),
    "a class twice as large": ("EO607", splits((200, 100, 100, 100, 100))),
    "doubts about the classes that are always confused": ("EO608", doubted(doubtful=90)),
    "a model that cannot judge": ("EO608", doubted(right=400, doubtful=400, scattered=200)),
    "splits that are nearly alike": ("EO609", {"shifts": (replace(APART, auc=0.56),)}),
    "a handful that is told apart by luck": ("EO609", {"shifts": (replace(APART, auc=0.8, p_value=0.02),)}),
    "two dark pictures": ("EO611", faulty(dark=2)),
}


def test_a_contract_under_which_the_model_does_not_work_either_is_no_problem() -> None:
    assert found(contracts=contracts(50, 84))["EO601"].severity == "warning"  # 10 % and 17 % of 500
    assert found(contracts=contracts(50, 170))["EO601"].severity == "problem"  # 34 %


def test_clean_data_have_no_symptom() -> None:
    assert not found()


@pytest.mark.parametrize("code", PROBLEMS)
def test_what_is_planted_is_a_problem(code: str) -> None:
    symptom = found(**PROBLEMS[code])[code]
    assert symptom.severity == "problem"
    assert 0 < symptom.size <= 1


@pytest.mark.parametrize("code", PROBLEMS)
def test_what_is_planted_comes_first(code: str) -> None:
    assert ranked(list(found(**PROBLEMS[code]).values()))[0].code == code


@pytest.mark.parametrize("code", WARNINGS)
def test_a_little_of_it_is_a_warning(code: str) -> None:
    assert found(**WARNINGS[code])[code].severity == "warning"


@pytest.mark.parametrize("what", SILENT)
def test_nothing_is_said_of(what: str) -> None:
    code, changes = SILENT[what]
    assert code not in found(**changes)


@pytest.mark.parametrize("code", PROBLEMS)
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_symptom_is_told_in_whole_sentences(code: str, lang: str) -> None:
    for changes in (PROBLEMS[code], WARNINGS[code]):
        words = told(found(**changes)[code], language(lang))
        assert not words.title.endswith(".")
        assert words.seen.endswith(".")
        assert words.fix.endswith(".")
        assert not re.search(r"[{}]|\bNone\b|\bnan\b", words.title + words.seen + words.fix)


@pytest.mark.parametrize("code", PROBLEMS)
def test_both_languages_use_the_same_facts(code: str) -> None:
    fields = [
        set(re.findall(r"{(\w+)", "".join((words.title, words.seen, words.fix)))) for words in TEXTS[code].values()
    ]
    assert fields[0] == fields[1]


def test_files_that_are_missing_are_told_with_their_names() -> None:
    words = told(found(**PROBLEMS["EO604"])["EO604"], language("en"))
    assert words.seen == (
        "50 files of 1,000 (5.0%) cannot be used: 40 cannot be decoded, 10 do not exist. Among them: 'a.png' and "
        "'b.png'."
    )


def test_an_even_test_split_beside_imbalanced_training_is_the_imbalance() -> None:
    seen = found(**splits((400, 400, 400, 400, 30)))
    assert seen["EO606"].severity == "warning"
    assert seen["EO607"].severity == "problem"


def test_splits_are_compared_with_what_was_learned_from() -> None:
    parts = (split("train", 300, 20), split("validation", 20, 300), split("test", 20, 300))
    symptom = found(classes=("a", "b"), splits=parts)["EO606"]
    assert (symptom.facts["first"], symptom.facts["second"]) == ("train", "test")


def test_pictures_as_alike_within_a_split_as_across_are_a_warning() -> None:
    assert found(**overlap(near=200, expected=210.0))["EO605"].severity == "warning"


def test_data_without_labels_have_no_symptom_of_their_classes() -> None:
    parts = (SplitSummary(name="train", samples=12, per_class=()), SplitSummary(name="test", samples=4, per_class=()))
    assert not found(labelled=False, classes=(), splits=parts, label_doubts=(), contracts=(), faults=None)


def test_without_training_data_nothing_is_said_of_what_was_learned_from() -> None:
    assert not found(splits=(split("test", 400, 3, 3, 3, 3),), overlaps=(), shifts=())


def test_the_cautious_pairing_is_never_surer_than_any_other() -> None:
    from scipy.stats import binomtest

    one, other = ContractTried(contract="", given=True, right=60, samples=100), 75
    cautious = data.better_by_chance(one, replace(one, right=other, given=False))
    for lost in range(0, 26):  # of the 60, so many are wrong under the other contract
        gained = lost + other - one.right
        assert cautious >= binomtest(gained, gained + lost, alternative="greater").pvalue - 1e-12


@given(st.integers(0, 300), st.floats(0.01, 200))
def test_the_tail_of_poisson_is_scipys(count: int, expected: float) -> None:
    from scipy.stats import poisson

    assert chance.more_than(count, expected) == pytest.approx(poisson.sf(count - 1, expected), rel=1e-3, abs=1e-5)


@given(st.lists(st.tuples(st.integers(40, 400), st.integers(40, 400)), min_size=2, max_size=12))
def test_the_test_of_equal_shares_is_scipys(counts: list[tuple[int, int]]) -> None:
    from scipy.stats import chi2_contingency

    first, second = zip(*counts, strict=True)
    expected = chi2_contingency([first, second], correction=False).pvalue
    assert chance.same_shares(first, second) == pytest.approx(expected, rel=0.1, abs=2e-3)


def test_rare_classes_are_taken_together_and_nothing_is_equal_to_anything() -> None:
    assert chance.same_shares((100, 1, 0), (100, 0, 1)) == 1.0
    assert chance.same_shares((), ()) == chance.same_shares((3, 2), (0, 0)) == 1.0
    assert chance.same_shares((100, 4, 4, 4), (100, 0, 0, 0)) < 0.05
