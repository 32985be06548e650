"""Runs work items in processes of their own, so that the libraries do not interfere.

Compared items are measured alternately, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from multiprocessing import get_context
from statistics import median
from typing import Any

from nst.runtime import configured, import_tensorflow

SETTINGS = ExitStack()  # TensorFlow's, for the life of this process

Work = Callable[[], float]


def tensorflow() -> Any:
    """Returns TensorFlow, configured as for a run."""
    SETTINGS.enter_context(configured(threads=None, deterministic=True))
    return import_tensorflow()


def peak_memory() -> float:
    """Returns the largest memory that this process has had, GB."""
    from nst.runtime import peak_memory

    return peak_memory() / 1e9


@cache
def _made(make: Callable[..., Work], *arguments: str) -> Work:
    return make(*arguments)


def timed(make: Callable[..., Work], *arguments: str) -> tuple[float, float]:
    """Runs a work item, made by the first call in a process; returns seconds and its value."""
    work = _made(make, *arguments)
    start = time.perf_counter()
    value = work()
    return time.perf_counter() - start, value


def process() -> ProcessPoolExecutor:
    """Returns a fresh process to call functions in."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def in_turn(rounds: int, works: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[float, float]]:
    """Returns median seconds and value of each work item: a process, a maker and its arguments."""

    def measure() -> list[tuple[float, float]]:
        return [where.submit(timed, *what).result() for where, *what in works.values()]

    values = [value for _, value in measure()]  # traces, allocates
    seconds = zip(*[[seconds for seconds, _ in measure()] for _ in range(rounds)], strict=True)
    return dict(zip(works, zip(map(median, seconds), values, strict=True), strict=True))
