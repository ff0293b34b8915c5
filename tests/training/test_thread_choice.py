"""The choice of threads on simulated machines: quiet, busy, noisy, large, and such as change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from pd4ml.training.thread_choice import ThreadChoice

FIRST_LOOK, LOOK = 0.1, 0.5  # s after which free cores are seen, as in a training


@dataclass
class Machine:
    """A machine, and a network of which ``parallel`` of the work is shared among threads.

    ``others`` is how many cores other processes want at a time (s). With them a step of several threads waits
    ``wait`` times as long as one thread would need; ``blind`` says that free cores are not seen.
    """

    cores: int = 2
    parallel: float = 0.8
    step: float = 0.02
    noise: float = 0.02
    wait: float = 8.0
    others: Callable[[float], float] = lambda time: 0.0
    blind: bool = False
    sizes: Callable[[int], float] = lambda i: 100.0
    now: float = 0.0
    cpu: float = 0.0
    steps: list[tuple[float, int, float]] = field(default_factory=list)  # time, threads, seconds

    def run(self, choice: ThreadChoice, seconds: float) -> Machine:
        """Let steps be done for so long."""
        random = np.random.default_rng(1)
        due = self.now + FIRST_LOOK
        until = self.now + seconds
        while self.now < until:
            n, size = choice.next(), self.sizes(len(self.steps))
            took = self.seconds(n) * size / 100 * float(np.exp(self.noise * random.normal()))
            self.steps.append((self.now, n, took))
            self.now += took
            self.cpu += took * n
            choice.took(took, size)
            if self.now > due:
                due = self.now + LOOK
                choice.see(self.cores - (0 if self.blind else min(self.others(self.now), self.cores)))
        return self

    def seconds(self, n: int) -> float:
        """Of a step of size 100 with ``n`` threads, now."""
        busy = self.others(self.now)
        if n > 1 and busy > self.cores - n:
            return self.step * self.wait
        return self.step * (1 - self.parallel + self.parallel / min(n, self.cores))

    def used(self, first: float = 0.0, last: float = np.inf) -> dict[int, float]:
        """Share of the time by threads."""
        inside = [(n, took) for time, n, took in self.steps if first <= time < last]
        total = sum(took for _, took in inside)
        return {m: sum(took for n, took in inside if n == m) / total for m in {n for n, _ in inside}}


QUIET: dict[str, dict[str, object]] = {
    "two cores": {},
    "a small gain": {"parallel": 0.3},
    "noise": {"noise": 0.1},
    "64 cores": {"cores": 64, "parallel": 0.99},
    "six cores": {"cores": 6, "parallel": 0.95},
    "steps of many sizes": {"sizes": lambda i: 60.0 + 40 * (i * 7 % 11) / 10},
    "the rest of an epoch, with a time of its own": {"sizes": lambda i: 5.0 if i % 9 == 8 else 100.0},
    "long steps": {"step": 1.5},
    "no gain": {"parallel": 0.0, "noise": 0.1},
    "loss": {"parallel": -0.3},
}


@pytest.mark.parametrize("settings", QUIET.values(), ids=QUIET)
def test_a_quiet_machine_is_nearly_as_fast_as_with_the_best_number(settings: dict[str, object]) -> None:
    machine = Machine(**settings)  # type: ignore[arg-type]
    choice = ThreadChoice(machine.cores)
    machine.run(choice, 200 * machine.step + 10)
    best = min(machine.seconds(n) for n in range(1, machine.cores + 1))
    done = sum(machine.sizes(i) / 100 for i in range(len(machine.steps)))
    assert done * best / machine.now > (0.95 if machine.step < 1 else 0.9), machine.used()
    assert choice.n <= machine.cores
    if settings.get("parallel") == 0.0:
        assert choice.n == 1  # noise alone starts no threads


@pytest.mark.parametrize("blind", [False, True], ids=["seen", "not seen"])
@pytest.mark.parametrize("step", [0.01, 1.5])
def test_a_busy_machine_costs_little(step: float, blind: bool) -> None:
    machine = Machine(step=step, noise=0.1, others=lambda time: 10.0, blind=blind)
    machine.run(ThreadChoice(2), 2000 * step)
    alone = len(machine.steps) * step
    assert machine.now < 1.15 * alone
    assert machine.cpu < 1.3 * alone
    if not blind:
        assert machine.used().keys() == {1}


@pytest.mark.parametrize("blind", [False, True], ids=["seen", "not seen"])
def test_others_who_come_and_go(blind: bool) -> None:
    machine = Machine(step=0.02, others=lambda time: 10.0 if 20 < time < 60 else 0.0, blind=blind)
    choice = ThreadChoice(2)
    machine.run(choice, 19.9)
    assert choice.n == 2
    machine.run(choice, 0.2)  # one step, and another if it began before
    slow = [took for time, n, took in machine.steps if n == 2 and time > 20]
    assert choice.n == 1
    assert len(slow) <= 2
    machine.run(choice, 39)
    assert machine.used(22, 59)[1] > 0.9
    machine.run(choice, 60)
    assert machine.used(80)[2] > 0.8


def test_a_hiccup_is_soon_forgotten() -> None:
    machine = Machine(others=lambda time: 2.0 if 5 < time < 5.01 else 0.0)
    machine.run(ThreadChoice(2), 15)
    assert machine.used(8)[2] > 0.95


def test_one_busy_core_of_many_is_left_alone() -> None:
    machine = Machine(cores=16, parallel=0.99, others=lambda time: 3.0 if time > 10 else 0.0)
    choice = ThreadChoice(16)
    machine.run(choice, 9)
    assert choice.n == 16
    machine.run(choice, 20)
    assert choice.n == 8
    assert machine.used(12)[8] > 0.9


def test_trials_that_fail_become_rare() -> None:
    machine = Machine(parallel=0.0)
    machine.run(ThreadChoice(2), 100)
    early, late = machine.used(0, 10).get(2, 0), machine.used(50).get(2, 0)
    assert late < 0.02
    assert early < 0.2


def test_what_is_expected_is_taken_where_it_is_free() -> None:
    for free, taken in ((8.0, 4), (2.2, 2), (0.3, 1)):
        choice = ThreadChoice(8, expected=4)
        assert choice.next() == 1  # nobody has looked yet
        choice.took(0.1, 0)  # events without a node
        choice.see(free)
        assert choice.next() == taken
    assert ThreadChoice(2, expected=16).next() == 1
