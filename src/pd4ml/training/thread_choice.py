"""How many threads shall work: chosen by what steps take, watched, and chosen again. No clock, no PyTorch here.

Threads of one network wait for each other many times in a step. Where the scheduler runs somebody else's work on
one of their cores, all of them wait: a step may then take many times as long as with one thread, not twice.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from statistics import median, stdev

__all__ = ["ThreadChoice"]

_WARM_UP = 2  # steps in which kernels are loaded and memory is taken
_FEW, _MOST = 3, 12  # pairs of steps in which a trial decides
_GAIN = 0.05  # in the logarithm of the time: less is not worth twice the threads
_NOISE = 0.05  # the least that a pair is thought to fluctuate by; few of them do not tell
_SLOW, _TOO_SLOW, _FAR_TOO_SLOW = 1.5, 2.0, 3.0  # of the last steps, of a step on trial, of any step
_CORES = 0.5  # free cores are known to that, since they are looked at for a short time
_WAIT, _SHARE = 0.5, 10  # s after which is tried again; at least this many times the time that was lost


class ThreadChoice:
    """Chooses among 1, 2, 4, ... up to ``most`` threads; what is compared is the time of a step over its size.

    It starts with one, so that a busy machine costs nothing. Where cores are free, twice as many threads are
    tried, in turns with the present number, and kept if they are clearly faster. One step that takes far too long
    ends the trial, and the next waits ten times as long as it took. Steps that become slow, and cores that
    others take, lead back to fewer threads. ``expected`` are taken as soon as so many cores are seen free.
    """

    def __init__(self, most: int, expected: int = 1) -> None:
        self.most, self._expected = most, min(expected, most)
        self._skip, self._largest = _WARM_UP, 0.0
        self._free = 0.0
        self._clock, self._again, self._wait = 0.0, 0.0, _WAIT
        self.n = 1
        self._level: float | None = None  # of steps when the number was chosen
        self._recent: deque[float] = deque(maxlen=5)
        self._trial: _Trial | None = None

    def next(self) -> int:
        """Threads for the next step: those chosen, or those on trial."""
        trial = self._trial
        return trial.n if trial is not None and trial.turn else self.n

    def took(self, seconds: float, size: float) -> None:
        """The step with `next` threads took ``seconds`` for ``size``, of events or nodes."""
        self._clock += seconds
        self._largest = max(self._largest, size)
        if self._skip > 0:
            self._skip -= 1
        elif size >= max(self._largest / 2, 1):  # the rest at the end of an epoch is another kind of step
            self._judge(seconds, seconds / size)
        more = min(2 * self.n, self.most)
        enough = len(self._recent) >= _FEW and self._free >= more - _CORES
        if self._trial is None and more > self.n and enough and self._clock >= self._again:
            self._trial = _Trial(more, median(self._recent))

    def see(self, free: float) -> None:
        """So many cores are free of others' work: take no more of them than that."""
        self._free = free
        if self._trial is not None and free < self._trial.n - _CORES:
            self._fail(0.0)
        wanted, self._expected = max(self.n, self._expected), 1
        fitting = wanted
        while fitting > 1 and free < fitting - _CORES:
            fitting //= 2
        if fitting != self.n:
            self._settle(fitting, ())
        if fitting < wanted:
            self._fail(0.0)

    def _judge(self, seconds: float, cost: float) -> None:
        """Look at one step."""
        trial = self._trial
        if trial is None or not trial.turn:
            self._recent.append(cost)
        if trial is not None:
            faster = trial.took(seconds, cost)
            if faster:
                self._settle(trial.n, trial.costs[1:])
                self._wait = _WAIT
            elif faster is not None:
                self._fail(trial.seconds)
        elif self.n > 1:
            full = len(self._recent) == self._recent.maxlen
            if self._level is None and full:
                self._level = median(self._recent)
            level = math.inf if self._level is None else self._level
            if cost > _FAR_TOO_SLOW * level or (full and median(self._recent) > _SLOW * level):
                self._settle(1, ())
                self._fail(seconds)

    def _settle(self, n: int, costs: Sequence[float]) -> None:
        """Take ``n`` threads, with which steps took ``costs``."""
        self.n = n
        self._level = median(costs) if costs else None
        self._recent = deque(costs, maxlen=5)
        self._trial = None

    def _fail(self, seconds: float) -> None:
        """Try no more threads for a while, after a trial that took ``seconds``."""
        self._trial = None
        self._wait = max(2 * self._wait, _SHARE * seconds)
        self._again = self._clock + self._wait


class _Trial:
    """Steps with ``n`` threads in turns with those of fewer, which take about ``level``."""

    def __init__(self, n: int, level: float) -> None:
        self.n, self._level = n, level
        self.turn, self.seconds = True, 0.0
        self.costs: list[float] = []
        self._gains: list[float] = []

    def took(self, seconds: float, cost: float) -> bool | None:
        """Whether more threads are faster; None while that is not clear."""
        self.turn = not self.turn
        if not self.turn:
            self.seconds += seconds
            self.costs.append(cost)
            return False if cost > _TOO_SLOW * self._level else None
        if len(self.costs) > 1:  # in the first the threads were started
            self._gains.append(math.log(cost / self.costs[-1]))
        if len(self._gains) < _FEW:
            return None
        gain = median(self._gains)
        error = 2 * max(stdev(self._gains), _NOISE) / math.sqrt(len(self._gains))
        if gain - error > _GAIN:
            return True
        return False if gain + error < _GAIN or len(self._gains) == _MOST else None
