"""Target profiles: those that ship, those that users write, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_opt.errors import InputError, UnknownName
from edge_opt.inputs import targets
from edge_opt.inputs.embedded import shared_path
from edge_opt.store import parse
from edge_opt.types import Budget, Environment, Target
from tests.fakes import ENVIRONMENT

LEAST = 'description = "a board"\ndevice = "local"\nformats = ["tflite"]\nruntimes = ["litert"]\n'


def profile(folder: Path, text: str) -> str:
    (folder / "board.toml").write_text(text)
    return str(folder / "board.toml")


def machine(isa: tuple[str, ...]) -> Environment:
    """A machine with these instruction sets."""
    environment: Environment = parse(Environment, {**ENVIRONMENT, "isa": list(isa)})
    return environment


def test_the_shipped_profiles_are_valid_and_host_comes_first() -> None:
    assert targets.names()[0] == "host"
    assert set(targets.names()) >= {"host", "x86-avx2", "x86-vnni"}
    for name in targets.names():
        target = targets.load(name)
        assert target.name == name
        assert target.formats[0] == "tflite"
        assert target.description


def test_a_profile_of_the_users_own_is_read_whole(tmp_path: Path) -> None:
    text = (
        LEAST
        + 'threads = [1, 4]\nisa = ["avx2", "a|b"]\nram = "8GB"\n'
        + '[budget]\nmax_drop = "0.5pp"\nmax_latency = "40ms"\nmax_size = "8MB"\nmax_memory = "1 MiB"\n'
    )
    assert targets.load(profile(tmp_path, text)) == Target(
        name="board",
        description="a board",
        device="local",
        formats=("tflite",),
        runtimes=("litert",),
        threads=(1, 4),
        isa=("avx2", "a|b"),
        ram_bytes=8_000_000_000,
        budget=Budget(max_drop=0.005, max_latency_ns=40e6, max_size_bytes=8_000_000, max_memory_bytes=2**20),
    )


def test_without_a_budget_the_drop_is_limited_to_one_point(tmp_path: Path) -> None:
    target = targets.load(profile(tmp_path, LEAST))
    assert target.budget == Budget(max_drop=0.01)
    assert target.threads == (1,)


@pytest.mark.parametrize(
    ("isa", "words"),
    [
        (("avx2", "avx512_vnni"), ""),
        (("avx2", "avx_vnni"), ""),
        (("avx2",), "has no avx512_vnni or avx_vnni,"),
        ((), "has no avx2, avx512_vnni or avx_vnni,"),
    ],
)
def test_one_of_several_alternatives_is_enough(isa: tuple[str, ...], words: str) -> None:
    reason = targets.mismatch(targets.load("x86-vnni"), machine(isa))
    assert words in reason
    assert bool(words) == bool(reason)
    assert targets.mismatch(targets.load("host"), machine(isa)) == ""


def test_a_machine_that_can_do_more_than_the_target_does_not_stand_for_it() -> None:
    older = targets.load("x86-avx2")
    assert targets.mismatch(older, machine(("avx2",))) == ""
    assert "has avx512f, which 'x86-avx2' lacks" in targets.mismatch(older, machine(("avx2", "avx512f")))


def test_an_unknown_target_has_its_nearest_named() -> None:
    with pytest.raises(UnknownName) as caught:
        targets.load("x86-avx")
    assert (caught.value.message, caught.value.hint) == ("there is no target 'x86-avx'", "did you mean 'x86-avx2'?")
    with pytest.raises(InputError, match=r"nowhere\.toml' cannot be read"):
        targets.load("nowhere.toml")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (LEAST.replace("description", "descripton"), "there is no key 'descripton'", "did you mean 'description'?"),
        (LEAST.replace('"local"', '"locl"'), "'device' is 'locl'", "did you mean 'local'?"),
        (LEAST.replace('"tflite"', '"tflit"'), "'formats' has 'tflit'", "did you mean 'tflite'?"),
        (LEAST.replace('["tflite"]', "[]"), "'formats' is '[]'", "at least one of tflite"),
        (LEAST.replace('["litert"]', '"litert"'), "'runtimes' is 'litert'", "a list of texts"),
        (LEAST.replace('runtimes = ["litert"]', ""), "'runtimes' is missing", "a list of texts"),
        (LEAST + "threads = [0]", "'threads' is '[0]'", "whole numbers from 1"),
        (LEAST + "threads = [1, 1]", "'threads' is '[1, 1]'", "whole numbers from 1"),
        (LEAST + 'isa = ["AVX 2"]', "'isa' is '['AVX 2']'", "as Linux spells them"),
        (LEAST + "ram = 8", "'ram' is '8'", 'as "8GB"'),
        (LEAST + '[budget]\nmax_size = "8 apples"', "'budget.max_size' is '8 apples'", 'as "8MB"'),
        (LEAST + '[budget]\nmax_latency = "0ms"', "'budget.max_latency' is '0ms'", "more than zero"),
        (LEAST + '[budget]\nmax_latncy = "1ms"', "there is no key 'budget.max_latncy'", "did you mean 'max_latency'?"),
        (LEAST + "budget = 3", "'budget' is '3'", "a table under the heading [budget]"),
    ],
)
def test_an_error_says_the_file_the_key_and_the_value(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        targets.load(profile(tmp_path, text))
    assert "board.toml'" in caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_what_ships_is_found_and_what_does_not_is_said() -> None:
    assert shared_path("targets").is_dir()
    with pytest.raises(InputError, match="lacks its own 'nothing'"):
        shared_path("nothing")
