"""Smaller networks in the pipeline: which are tried, what each starts from, and that nothing of them is made twice."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.errors import InputError, UnknownName
from edge_opt.flows import pipeline
from edge_opt.flows.workbench import Request
from edge_opt.inputs import recipes as recipe_table
from edge_opt.types import Budget, Finding, Report, Step
from tests import stack
from tests.fake_passes import FakePass
from tests.fakes import FakeArtifact, FakeDevice, FakeExecutor
from tests.unit.test_pipeline import HOST, asked

FAST = {
    "strided": FakeArtifact(latency_ns=20_000, wrong=0.002),
    "strided+slim50": FakeArtifact(latency_ns=10_000, wrong=0.002),
    "strided+slim75": FakeArtifact(latency_ns=6_000, wrong=0.002),
    "strided+slim88": FakeArtifact(latency_ns=5_000, wrong=0.2),
    "slim50": FakeArtifact(latency_ns=12_000, wrong=0.002),
    "slim75": FakeArtifact(latency_ns=9_000, wrong=0.2),
    "slim62": FakeArtifact(latency_ns=10_000, wrong=0.2),
}


def run(request: Request, watch: Any = lambda _: None) -> Report:
    return pipeline.optimize(request, device=FakeDevice(), executor=FakeExecutor(), watch=watch)


def named(*names: str) -> tuple[Any, ...]:
    return tuple(recipe_table.load(name) for name in names)


def test_a_recipe_with_passes_is_a_trial_like_any_other_and_its_network_is_kept(
    tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass())
    request = asked(tmp_path, recipes=named("static_int8", "slim50+static_int8"))
    report = run(request)
    assert report.best.startswith("slim50+static_int8/")
    (net,) = report.nets
    assert (net.name, net.parameters, net.macs) == ("slim50", 97, 96)
    assert (request.output / net.path).exists()
    assert not (request.output / "training").exists()
    made = {one.recipe.name: one.artifact.model_sha256 for one in report.trials}
    assert made["slim50+static_int8"] == net.sha256 != made["static_int8"]


def test_every_pass_starts_from_the_network_of_those_before_it(tmp_path: Path, monkeypatch: Any) -> None:
    passes = FakePass()
    stack.installed(monkeypatch, FAST, passes=passes)
    recipes = named("strided+slim50+static_int8", "strided+slim75+static_int8", "strided+slim75+dynamic_int8")
    report = run(asked(tmp_path, recipes=recipes))
    assert [word for word, _ in passes.contexts] == ["strided", "slim50", "slim75"]
    assert [one.name for one in report.nets] == ["strided", "strided+slim50", "strided+slim75"]
    assert [one.name for one in report.nets[1].changes] == ["strided", "slim50"]


def test_a_pass_that_fails_fails_its_recipes_and_no_others(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass(broken=("slim75",)))
    report = run(asked(tmp_path, recipes=named("slim50+static_int8", "slim75+static_int8")))
    assert report.best.startswith("slim50+static_int8/")
    broken = [one for one in report.failures if one.recipe == "slim75+static_int8"]
    assert broken
    assert {one.stage for one in broken} == {"slimming"}
    assert {one.message for one in broken} == {"slim75 found nothing to take"}


def test_without_samples_to_train_on_it_says_what_it_needs(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass())
    data = stack.data_set(tmp_path)
    with np.load(data) as whole:
        kept = {name: whole[name] for name in whole.files if not name.endswith("train")}
    np.savez(data, **kept)
    with pytest.raises(InputError, match=r"'slim50\+static_int8' .* has no training split") as refused:
        run(asked(tmp_path, recipes=named("slim50+static_int8")))
    assert "x_train and y_train" in refused.value.hint


def test_the_search_goes_on_from_what_was_kept_and_back_from_what_was_lost(tmp_path: Path, monkeypatch: Any) -> None:
    passes = FakePass()
    stack.installed(monkeypatch, FAST, passes=passes)
    monkeypatch.setattr("edge_opt.stages.plan.slimming._pooled", lambda layers: True)
    report = run(asked(tmp_path, as_asked=False, effort="standard"))
    assert [one.name for one in report.nets] == ["strided", "strided+slim50", "strided+slim75", "strided+slim88"]
    assert report.best.startswith("strided+slim75+static_int8/")
    assert {context.seconds for _, context in passes.contexts} == {45.0}


def test_without_poolings_the_channels_are_searched_alone(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass())
    report = run(asked(tmp_path, as_asked=False, effort="standard"))
    assert [one.name for one in report.nets] == ["slim50", "slim75", "slim62"]
    assert report.best.startswith("slim50+static_int8/")


@pytest.mark.parametrize(("effort", "count"), [("quick", 0), ("standard", 1)])
def test_a_model_that_passes_cannot_change_is_told_once_where_they_would_have_been_tried(
    effort: Any, count: int, tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch)
    report = run(asked(tmp_path, as_asked=False, effort=effort))
    assert sum(one.code == "EO421" for one in report.findings) == count


def test_a_run_that_was_stopped_makes_no_network_again(tmp_path: Path, monkeypatch: Any) -> None:
    first, second = FakePass(), FakePass()
    stack.installed(monkeypatch, FAST, passes=first)
    recipes = named("slim50+static_int8", "slim50+dynamic_int8")

    def stop(event: Any) -> None:
        if isinstance(event, Step) and event.stage == "benchmark":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(asked(tmp_path, recipes=recipes), watch=stop)
    stack.installed(monkeypatch, FAST, passes=second)
    report = run(asked(tmp_path, recipes=recipes, resume=True))
    assert len(first.contexts) == 1
    assert second.contexts == []
    assert [one.name for one in report.nets] == ["slim50"]


def test_what_the_training_tells_reaches_the_watcher(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass())
    told: list[str] = []

    def watch(event: Any) -> None:
        if isinstance(event, Step) and event.stage == "train":
            told.append(event.what)

    run(asked(tmp_path, recipes=named("slim50+static_int8")), watch=watch)
    assert "slim50, 87.5% right, about 3.0 s left" in told


def test_training_samples_that_also_judge_are_left_out(tmp_path: Path, monkeypatch: Any) -> None:
    passes = FakePass()
    seen: list[int] = []
    stack.installed(monkeypatch, FAST, passes=passes)
    data = stack.data_set(tmp_path)
    with np.load(data) as whole:
        arrays = dict(whole)
    arrays["x_train"][:10] = arrays["x_test"][:10]
    np.savez(data, **arrays)
    real = passes.apply

    def apply(word: str, net: Any, teacher: Any, context: Any) -> Any:
        assert context.lesson.labels is not None
        seen.append(len(np.load(context.lesson.inputs)))
        seen.append(len(np.load(context.lesson.labels)))
        return real(word, net, teacher, context)

    monkeypatch.setattr(passes, "apply", apply)
    report = run(asked(tmp_path, recipes=named("slim50+static_int8")))
    assert seen == [290, 290]
    assert any(isinstance(one, Finding) and one.code == "EO103" for one in report.findings)


def test_a_limit_that_only_a_smaller_network_keeps_is_no_reason_not_to_look_for_one(
    tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass())
    target = replace(HOST, budget=Budget(max_latency_ns=9_500))
    report = run(asked(tmp_path, as_asked=False, effort="standard", target=target))
    # slim50 is accurate enough and still too slow, so the search goes on to fewer channels and not back
    assert [one.name for one in report.nets][:2] == ["slim50", "slim75"]


def test_what_was_finished_before_networks_had_time_is_kept_when_they_have(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass())
    short = run(asked(tmp_path, as_asked=False, effort="standard", time_limit_s=45.0))
    assert len(short.trials) > 4
    longer = run(asked(tmp_path, as_asked=False, effort="standard", time_limit_s=9_000.0, resume=True))
    assert {one.id for one in short.trials} <= {one.id for one in longer.trials}
    assert longer.nets


def test_trainings_share_the_time_that_there_is(tmp_path: Path, monkeypatch: Any) -> None:
    passes = FakePass()
    stack.installed(monkeypatch, FAST, passes=passes)
    recipes = named("strided+slim75+static_int8", "slim50+static_int8", "slim25+static_int8")
    run(asked(tmp_path, recipes=recipes, time_limit_s=1200.0))
    seconds = [context.seconds for _, context in passes.contexts]
    assert len(seconds) == 4
    assert 200 < sum(one or 0.0 for one in seconds) < 1200


def test_a_training_that_has_no_time_is_said_and_not_done_badly(tmp_path: Path, monkeypatch: Any) -> None:
    passes = FakePass()
    stack.installed(monkeypatch, FAST, passes=passes)
    report = run(asked(tmp_path, recipes=named("slim50+static_int8"), time_limit_s=30.0))
    assert not passes.contexts
    said = [one.message for one in report.failures] + [one.reason for one in report.skipped]
    assert said
    assert all("no time left" in one for one in said)


def test_samples_are_shuffled_so_that_the_first_of_them_are_of_every_class(tmp_path: Path, monkeypatch: Any) -> None:
    passes = FakePass()
    stack.installed(monkeypatch, FAST, passes=passes)
    data = stack.data_set(tmp_path)
    with np.load(data) as whole:
        arrays = dict(whole)
    order = np.argsort(arrays["y_train"], kind="stable")  # class by class, as folders are listed
    arrays["x_train"], arrays["y_train"] = arrays["x_train"][order], arrays["y_train"][order]
    np.savez(data, **arrays)
    seen: list[Any] = []
    real = passes.apply

    def apply(word: str, net: Any, teacher: Any, context: Any) -> Any:
        seen.append(np.load(context.lesson.labels)[:60])
        return real(word, net, teacher, context)

    monkeypatch.setattr(passes, "apply", apply)
    run(asked(tmp_path, recipes=named("slim50+static_int8")))
    assert set(seen[0].tolist()) == {0, 1, 2}


def test_a_recipe_file_may_lie_in_a_folder_with_a_plus_and_behind_passes(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass())
    folder = tmp_path / "c++"
    folder.mkdir()
    file = folder / "mine.toml"
    file.write_text('name = "mine"\ndescription = "mine"\n\n[quantization]\nmode = "dynamic"\n')
    assert recipe_table.load(str(file)).name == "mine"
    assert recipe_table.load(f"slim50+{file}").name == "slim50+mine"
    assert recipe_table.load(f"slim50+{file}").passes == ("slim50",)


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("static_int8+slim50", "the recipe 'static_int8' stands before something else", "slim50+static_int8"),
        ("slim50+", "'slim50+' ends with a +", "name the recipe behind it"),
    ],
)
def test_a_recipe_in_the_wrong_order_is_put_right(name: str, said: str, hint: str, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass())
    with pytest.raises(InputError, match=re.escape(said)) as refused:
        recipe_table.load(name)
    assert hint in refused.value.hint


def test_a_word_that_is_no_pass_is_refused(monkeypatch: Any) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass())
    with pytest.raises(UnknownName, match="there is no pass 'slm50'"):
        recipe_table.load("slm50+static_int8")


@pytest.mark.parametrize("name", ["slim150+static_int8", "slim150", "slim@0.5x", "slim"])
def test_a_word_that_is_nearly_a_pass_is_told_what_there_is(name: str) -> None:
    with pytest.raises(InputError, match="there is no pass 'slim") as refused:
        recipe_table.load(name)
    assert "slim5 to slim95" in refused.value.hint


def test_a_network_that_lost_too_much_is_told_to_lose_less_of_itself(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, FAST, passes=FakePass())
    report = run(asked(tmp_path, recipes=named("slim75+static_int8")))
    hints = [
        finding.hint
        for one in report.trials
        if one.recipe.passes
        for finding in one.verdict.findings
        if finding.code == "EO200"
    ]
    assert hints
    assert all("less out of the network" in one for one in hints)
