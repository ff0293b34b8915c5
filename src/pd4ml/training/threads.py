"""PyTorch's threads while networks work: a number that is set, or measured in steps; then the caller's again."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import torch

from pd4ml.machine import CoreMeter, cores
from pd4ml.training.thread_choice import ThreadChoice

__all__ = ["Threads", "fixed_threads"]

_VARIABLE = "OMP_NUM_THREADS"
_FIRST_LOOK, _LOOK = 0.1, 0.5  # s over which free cores are measured, at first and later


def fixed_threads(threads: int | None, *, on_cpu: bool = True, processes: int = 1) -> int | None:
    """The number that is not to be measured; None if it is.

    It is ``threads`` if given; what PyTorch has, where the environment says how many or a GPU does the work; a
    share of the cores where several ``processes`` wait for each other.
    """
    if threads is not None:
        return threads
    if _VARIABLE in os.environ or not on_cpu:
        return torch.get_num_threads()
    return max(1, cores() // processes) if processes > 1 else None


class Threads:
    """The number of threads within a ``with`` block: ``fixed``, or chosen by the steps that are timed in it."""

    def __init__(self, fixed: int | None, expected: int = 1) -> None:
        self._fixed = fixed
        self._choice = ThreadChoice(cores(), expected)
        self._start = 0.0
        self.used: Counter[int] = Counter()  # steps by their threads

    def __enter__(self) -> Self:
        self._before, self._variable = torch.get_num_threads(), os.environ.get(_VARIABLE)
        self._meter, self._due = CoreMeter(), time.monotonic() + _FIRST_LOOK
        _take(self.number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        torch.set_num_threads(self._before)
        if self._variable is None:
            os.environ.pop(_VARIABLE, None)  # Lightning sets it where it starts processes

    @property
    def number(self) -> int:
        """What is used outside of trials."""
        return self._choice.n if self._fixed is None else self._fixed

    @contextmanager
    def step(self, size: int) -> Iterator[None]:
        """Time what is done in this block, which is of ``size``."""
        self.begin()
        yield
        self.end(size)

    def begin(self) -> None:
        """Begin a step."""
        _take(self._choice.next() if self._fixed is None else self._fixed)
        self._start = time.perf_counter()

    def end(self, size: int) -> None:
        """End a step of ``size``."""
        seconds = time.perf_counter() - self._start
        self.used[torch.get_num_threads()] += 1
        if self._fixed is None:
            self._choice.took(seconds, size)
            self.look()

    def look(self) -> None:
        """Look, if it is time, how many cores are free."""
        if self._fixed is None:
            if time.monotonic() > self._due:
                self._choice.see(self._meter.free())
                self._due = time.monotonic() + _LOOK
            _take(self._choice.n)


def _take(n: int) -> None:
    if torch.get_num_threads() != n:
        torch.set_num_threads(n)
