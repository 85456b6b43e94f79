"""Named jobs → their results, one by one as they end: several side by side, and all told by the one who asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def as_they_end(work: Mapping[str, Callable[[], T]], jobs: int) -> Iterator[tuple[str, T]]:
    """Each name with its result, in the order in which they end; at most ``jobs`` run at a time.

    Raises what the first that failed raised, after the results of those that ran beside it. Where the caller leaves
    early, as on Ctrl-C, nothing more is begun; the processes that still run end with this one.
    """
    if jobs == 1 or len(work) <= 1:  # here and now: an interruption then reaches the process that runs
        for name, one in work.items():
            yield name, one()
        return
    waiting: SimpleQueue[tuple[str, Callable[[], T]]] = SimpleQueue()
    ended: SimpleQueue[tuple[str, T] | BaseException | None] = SimpleQueue()
    stop = threading.Event()
    for item in work.items():
        waiting.put(item)

    def begin() -> None:
        while not stop.is_set():
            try:
                name, one = waiting.get_nowait()
            except Empty:
                break
            try:
                ended.put((name, one()))
            except BaseException as error:
                stop.set()
                ended.put(error)
        ended.put(None)

    # Daemons: should the interpreter exit, it must not wait for a worker, which ends with it.
    threads = [threading.Thread(target=begin, daemon=True) for _ in range(min(jobs, len(work)))]
    failed: BaseException | None = None
    try:
        for thread in threads:
            thread.start()
        at_work = len(threads)
        while at_work:
            found = ended.get()
            if found is None:
                at_work -= 1
            elif isinstance(found, BaseException):
                failed = failed or found
            else:
                yield found
    finally:
        stop.set()
    if failed is not None:
        raise failed
