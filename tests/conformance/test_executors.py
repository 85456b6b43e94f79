"""What holds for every executor: a call comes back as its result, or as one of our errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.errors import DataError, StepFailed, UnknownName
from tests.fakes import FakeExecutor
from tests.fixtures import calls

Made = Callable[[], registry.Executor]


@pytest.fixture(params=[*registry.names("executors"), "fake"])
def executor(request: pytest.FixtureRequest) -> Iterator[registry.Executor]:
    if request.param == "fake":
        yield FakeExecutor()
        return
    with ExitStack() as stack:
        yield stack.enter_context(registry.load("executors", request.param)())


def test_a_call_gives_what_the_function_gives(executor: registry.Executor) -> None:
    given = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(executor.submit(np.transpose, given).result(), given.T)


def test_an_error_of_ours_comes_back_as_itself_with_its_hint(executor: registry.Executor) -> None:
    with pytest.raises(DataError, match="no samples in 'x'") as caught:
        executor.submit(calls.fail_with, DataError("no samples in 'x'", "give some")).result()
    assert caught.value.hint == "give some"


def test_an_error_built_by_a_class_method_comes_back_too(executor: registry.Executor) -> None:
    with pytest.raises(UnknownName) as caught:
        executor.submit(registry.load, "exporters", "tflit").result()
    assert caught.value.hint == "did you mean 'tflite'?"


def test_an_error_of_a_library_becomes_a_failed_step_in_its_words(executor: registry.Executor) -> None:
    with pytest.raises(StepFailed, match="converter said no"):
        executor.submit(calls.fail_with, RuntimeError("converter said no")).result()


def test_what_cannot_be_pickled_fails_where_it_is_submitted(executor: registry.Executor) -> None:
    with pytest.raises((AttributeError, TypeError, Exception), match=r"pickle|local object"):
        executor.submit(lambda: 1)


def test_calls_end_in_their_own_futures(executor: registry.Executor) -> None:
    futures = [executor.submit(abs, -number) for number in range(4)]
    assert [future.result() for future in futures] == [0, 1, 2, 3]


def test_a_registered_executor_calls_in_another_process() -> None:
    for name in registry.names("executors"):
        with registry.load("executors", name)() as real:
            assert real.submit(os.getpid).result() != os.getpid()
