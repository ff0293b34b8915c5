"""What strategies decide, with learners whose answers are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from pd4ml.collaborate.strategies import (
    STRATEGIES,
    Ballot,
    FedAvg,
    FedAvgVote,
    FedProx,
    Strategy,
    TrimmedMean,
    Vote,
    make_strategy,
)
from pd4ml.collaborate.weights import State
from pd4ml.errors import DataError, UnknownNameError


def state(x: float) -> State:
    return {"x": np.array([x], np.float32)}


@dataclass
class Known:
    """Proposes ``step`` more than the state, and votes for what is nearer to ``wanted``."""

    name: str
    step: float = 1.0
    wanted: float = 10.0
    n_train: int = 100
    proximal: float = 0.0
    asked: int = 0

    def propose(self, given: State, round_: int, proximal: float = 0.0) -> State:
        self.proximal, self.asked = proximal, self.asked + 1
        return state(float(given["x"][0]) + self.step)

    def vote(self, proposal: State, current: State) -> Ballot:
        new, old = (abs(float(s["x"][0]) - self.wanted) for s in (proposal, current))
        return Ballot(new - old, 0.5)


class Broken(Known):
    """Answers with an error, or with what is no state."""

    answer: Callable[[], State]

    def propose(self, given: State, round_: int, proximal: float = 0.0) -> State:
        return self.answer()

    def vote(self, proposal: State, current: State) -> Ballot:
        return Ballot(float("nan"), 0.0)


def value(strategy: Strategy, learners: Sequence[Known], rounds: int = 1) -> float:
    current = state(0.0)
    for round_ in range(rounds):
        current = strategy.play(current, learners, round_).state
    return float(current["x"][0])


def test_learners_propose_in_turn_and_the_own_vote_is_void() -> None:
    learners = [Known("a"), Known("b"), Known("c")]
    for round_, name in enumerate("abcab"):
        play = Vote().play(state(0.0), learners, round_)
        assert list(play.proposals) == [name]
        assert play.votes[name] is None
        assert play.accepted


@pytest.mark.parametrize(
    ("n_yes", "n", "threshold", "accepted"),
    [
        (1, 3, 0.5, True),
        (0, 3, 0.5, False),
        (1, 3, 0.67, False),
        (2, 5, 0.5, True),
        (1, 5, 0.5, False),
        (3, 4, 1, True),
    ],
)
def test_so_many_of_the_others_must_say_yes(n_yes: int, n: int, threshold: float, accepted: bool) -> None:
    """At least (n - 1) x threshold, the rule of the paper's library."""
    learners = [Known("p"), *(Known(f"v{i}", wanted=10 if i < n_yes else -10) for i in range(n - 1))]
    play = Vote(threshold).play(state(0.0), learners, 0)
    assert play.accepted is accepted
    assert float(play.state["x"][0]) == (1.0 if accepted else 0.0)


def test_equal_is_no() -> None:
    play = Vote().play(state(0.0), [Known("a", step=0.0), Known("b")], 0)
    ballot = play.votes["b"]
    assert ballot is not None
    assert (ballot.change, ballot.yes, ballot.tie) == (0.0, False, True)
    assert not play.accepted


def test_the_mean_weighs_by_events() -> None:
    assert value(FedAvg(), [Known("a", 1.0, n_train=300), Known("b", 5.0)]) == 2.0


def test_fedprox_tells_learners_to_stay_near() -> None:
    learner = Known("a")
    value(FedProx(mu=0.3), [learner, Known("b")])
    assert learner.proximal == 0.3


def test_a_trimmed_mean_is_not_led_away() -> None:
    honest = [Known(name, step) for name, step in zip("abcd", (1.0, 1.2, 0.8, 1.0), strict=True)]
    assert value(TrimmedMean(), [*honest, Known("bad", 1e6)]) == pytest.approx(1.0667, abs=1e-3)
    assert value(FedAvg(), [*honest, Known("bad", 1e6)]) > 1e5
    with pytest.raises(DataError, match="more than 2 learners"):
        value(TrimmedMean(), honest[:2])


def test_a_mean_can_be_voted_down() -> None:
    learners = [Known("a", 1.0), Known("b", 1.0, -10), Known("c", 1.0, -10)]
    assert value(FedAvgVote(), learners) == 0.0
    assert value(FedAvgVote(0.3), learners) == 1.0


def _raise() -> State:
    raise RuntimeError("cannot")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_raise, "cannot"),
        (lambda: state(float("nan")), "not finite"),
        (lambda: {"y": np.ones(1)}, "another model"),
    ],
)
@pytest.mark.parametrize("kind", sorted(STRATEGIES))
def test_a_learner_that_fails_stops_nobody(kind: str, answer: Callable[[], State], said: str) -> None:
    bad = Broken("bad")
    bad.answer = answer
    learners = [bad, Known("a"), Known("b"), Known("c")]
    strategy = make_strategy(kind)
    play = strategy.play(state(0.0), learners, 0)
    assert play.proposals["bad"] is None
    assert said in play.failures["bad"]
    assert play.accepted is (kind != "vote")
    assert value(strategy, learners, 4) > 0
    if kind in ("vote", "fedavg_vote"):
        ballot = strategy.play(state(0.0), learners, 1).votes["bad"]
        assert ballot is not None
        assert not ballot.yes
        assert "not finite" in ballot.reason


def test_what_strategies_are_not() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'fedavg'"):
        make_strategy("fedavgg")
    with pytest.raises(UnknownNameError, match="threshold"):
        make_strategy("vote", treshold=0.5)
    for kind, options in (("vote", {"threshold": 0}), ("fedprox", {"mu": 0.0}), ("trimmed_mean", {"trim": 0})):
        with pytest.raises(DataError):
            make_strategy(kind, **options)
