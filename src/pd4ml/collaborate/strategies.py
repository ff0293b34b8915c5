"""How many groups' learners come to one model: what is proposed in a round, who is asked, what is decided.

A strategy is a frozen dataclass of its options with a ``kind``. A learner whose answer is an error, or no state of
this model, has no proposal, and its vote is a no: it cannot stop the others.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_whole
from pd4ml.collaborate.weights import State, check_state, mean_state
from pd4ml.errors import DataError, Pd4mlError, one_line, unknown_name

__all__ = [
    "STRATEGIES",
    "Ballot",
    "FedAvg",
    "FedAvgVote",
    "FedProx",
    "Learner",
    "Play",
    "Strategy",
    "TrimmedMean",
    "Vote",
    "ask_ahead",
    "make_strategy",
]

_Class = TypeVar("_Class", bound="type[Strategy]")


@dataclass(frozen=True)
class Ballot:
    """A vote: ``change`` is the loss of the proposal minus that of the current state on the voter's vote events.

    ``error`` is that of the change, paired event by event. Yes means a smaller loss; a change within its error is
    called a tie, and counts as what it is.
    """

    change: float
    error: float
    reason: str = ""

    @property
    def yes(self) -> bool:
        """Whether the proposal is strictly better."""
        return self.change < 0

    @property
    def tie(self) -> bool:
        """Whether the change is within its error."""
        return abs(self.change) <= self.error


class Learner(Protocol):
    """What a group lets others ask of it; its events stay where they are."""

    @property
    def name(self) -> str:
        """What it is called, a name of its own."""
        ...

    @property
    def n_train(self) -> int:
        """Events that it trains on."""
        ...

    def propose(self, state: State, round_: int, proximal: float = 0.0) -> State:
        """What training on the group's own events makes of ``state``.

        ``proximal`` times half the squared distance from ``state`` is added to the loss (FedProx).
        """
        ...

    def vote(self, proposal: State, current: State) -> Ballot:
        """Whether ``proposal`` is better than ``current`` on the group's own vote events."""
        ...


@dataclass(frozen=True)
class Play:
    """A round: the states that learners proposed (None: none that can be used), what was voted on, the votes.

    A void vote is None. ``state`` is what all have after the round; ``failures`` says what went wrong with whom.
    """

    proposals: Mapping[str, State | None]
    proposal: State | None
    votes: Mapping[str, Ballot | None]
    accepted: bool
    state: State
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Strategy(abc.ABC):
    """How a round is played."""

    kind: ClassVar[str]

    @abc.abstractmethod
    def play(self, state: State, learners: Sequence[Learner], round_: int) -> Play:
        """One round from ``state``; ``round_`` counts from 0."""

    def decides(self, n_learners: int, yes: int) -> bool:
        """Whether so many yes votes accept a proposal; True where there is no vote."""
        return True

    def proposals(self, n_learners: int, rounds: int) -> int:
        """How many proposals a learner makes at most in so many rounds."""
        return rounds


STRATEGIES: dict[str, type[Strategy]] = {}


def _register(cls: _Class) -> _Class:
    STRATEGIES[cls.kind] = cls
    return cls


def make_strategy(kind: str, **options: Any) -> Strategy:
    """The strategy of a name with its options; DataError for what it has not.

    Parameters
    ----------
    kind : str
        ``vote``, ``fedavg``, ``fedprox``, ``trimmed_mean`` or ``fedavg_vote``.
    **options
        Of the strategy.

    Returns
    -------
    Strategy
        Ready to play.
    """
    if kind not in STRATEGIES:
        raise unknown_name("strategy", kind, STRATEGIES)
    known = STRATEGIES[kind].__dataclass_fields__
    for name in options:
        if name not in known:
            raise unknown_name(f"option of {kind}", name, known)
    return STRATEGIES[kind](**options)


@_register
@dataclass(frozen=True)
class Vote(Strategy):
    """Learners propose in turn, all others vote, and all take the proposal or nobody does.

    Accepted are at least (n - 1) x ``threshold`` yes votes of the other n - 1, as arXiv:2209.07191's library
    has it.
    """

    kind: ClassVar[str] = "vote"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        _check_share("threshold", self.threshold)

    def decides(self, n_learners: int, yes: int) -> bool:
        """At least ``threshold`` of those who may vote."""
        return yes >= (n_learners - 1) * self.threshold

    def proposals(self, n_learners: int, rounds: int) -> int:
        """Its turns."""
        return -(-rounds // n_learners)

    def play(self, state: State, learners: Sequence[Learner], round_: int) -> Play:
        """The learner whose turn it is proposes; its own vote is void."""
        proposer = learners[round_ % len(learners)]
        proposals, failures = _proposals([proposer], state, round_)
        return _voted(self, proposals, proposals[proposer.name], state, learners, failures, void=proposer.name)


@_register
@dataclass(frozen=True)
class FedAvg(Strategy):
    """All train, and take the mean of what they got, weighted by numbers of events (arXiv:1602.05629)."""

    kind: ClassVar[str] = "fedavg"

    @property
    def proximal(self) -> float:
        """See `Learner.propose`."""
        return 0.0

    def play(self, state: State, learners: Sequence[Learner], round_: int) -> Play:
        """The mean is always taken; where nobody proposes, nothing changes."""
        proposals, failures = _proposals(learners, state, round_, self.proximal)
        joined = self.join(proposals, learners)
        return Play(proposals, joined, {}, joined is not None, state if joined is None else joined, failures)

    def join(self, proposals: Mapping[str, State | None], learners: Sequence[Learner]) -> State | None:
        """One state of those that were proposed."""
        there = [(found, one.n_train) for one in learners if (found := proposals[one.name]) is not None]
        return mean_state([s for s, _ in there], [float(n) for _, n in there]) if there else None


@_register
@dataclass(frozen=True)
class FedProx(FedAvg):
    """As FedAvg, but that learners are held near the common state by ``mu`` (arXiv:1812.06127)."""

    kind: ClassVar[str] = "fedprox"
    mu: float = 0.01

    def __post_init__(self) -> None:
        if not self.mu > 0:
            raise DataError(f"mu must be above 0, found {self.mu}")

    @property
    def proximal(self) -> float:
        """``mu``."""
        return self.mu


@_register
@dataclass(frozen=True)
class TrimmedMean(FedAvg):
    """All train; of each number the ``trim`` largest and smallest are left out of the mean (arXiv:1803.01498).

    Learners count alike. So ``trim`` learners that send anything cannot take the mean out of the others' range.
    """

    kind: ClassVar[str] = "trimmed_mean"
    trim: int = 1

    def __post_init__(self) -> None:
        as_whole("trim", self.trim, 1)

    def join(self, proposals: Mapping[str, State | None], learners: Sequence[Learner]) -> State | None:
        """None where too few are left."""
        there = [found for found in proposals.values() if found is not None]
        if len(learners) <= 2 * self.trim:
            raise DataError(f"a mean without {self.trim} at both ends needs more than {2 * self.trim} learners")
        if len(there) <= 2 * self.trim:
            return None
        return {name: self._of_one([state[name] for state in there]) for name in there[0]}

    def _of_one(self, values: list[NDArray[Any]]) -> NDArray[Any]:
        if values[0].dtype.kind != "f":
            return np.asarray(np.median(values, axis=0)).astype(values[0].dtype)
        kept = np.sort(np.asarray(values, np.float64), axis=0)[self.trim : len(values) - self.trim]
        return np.asarray(kept.mean(axis=0)).astype(values[0].dtype)


@_register
@dataclass(frozen=True)
class FedAvgVote(FedAvg):
    """All train, all vote on the mean: it is taken if at least ``threshold`` of them say yes."""

    kind: ClassVar[str] = "fedavg_vote"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        _check_share("threshold", self.threshold)

    def decides(self, n_learners: int, yes: int) -> bool:
        """At least ``threshold`` of all."""
        return yes >= n_learners * self.threshold

    def play(self, state: State, learners: Sequence[Learner], round_: int) -> Play:
        """No vote is void, since the mean is nobody's own."""
        proposals, failures = _proposals(learners, state, round_)
        return _voted(self, proposals, self.join(proposals, learners), state, learners, failures)


def ask_ahead(learners: Sequence[Learner], call: str, *arguments: Any) -> None:
    """Tell learners elsewhere, which have ``ahead``, what they are asked next: they work at the same time."""
    for learner in learners:
        if (ahead := getattr(learner, "ahead", None)) is not None:
            ahead(call, *arguments)


def _check_share(name: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1:
        raise DataError(f"{name} must be above 0 and at most 1, found {value!r}")


def _proposals(
    learners: Sequence[Learner], state: State, round_: int, proximal: float = 0.0
) -> tuple[dict[str, State | None], dict[str, str]]:
    proposals: dict[str, State | None] = {}
    failures = {}
    ask_ahead(learners, "propose", state, round_, proximal)
    for learner in learners:
        try:
            proposals[learner.name] = check_state(learner.propose(state, round_, proximal), state)
        except (Pd4mlError, OSError, ArithmeticError, RuntimeError, ValueError, TypeError) as error:
            proposals[learner.name], failures[learner.name] = None, one_line(str(error), 200)
    return proposals, failures


def _voted(
    strategy: Strategy,
    proposals: Mapping[str, State | None],
    proposal: State | None,
    state: State,
    learners: Sequence[Learner],
    failures: dict[str, str],
    void: str = "",
) -> Play:
    if proposal is None:
        return Play(proposals, None, {}, False, state, failures)
    votes: dict[str, Ballot | None] = {}
    ask_ahead([learner for learner in learners if learner.name != void], "vote", proposal, state)
    for learner in learners:
        if learner.name == void:
            votes[void] = None
            continue
        try:
            ballot = learner.vote(proposal, state)
            if not isinstance(ballot, Ballot) or not np.isfinite([ballot.change, ballot.error]).all():
                raise DataError("the vote has numbers that are not finite")
        except (Pd4mlError, OSError, ArithmeticError, RuntimeError, ValueError, TypeError) as error:
            ballot = Ballot(0.0, 0.0, one_line(str(error), 200))
            failures.setdefault(learner.name, ballot.reason)
        votes[learner.name] = ballot
    yes = sum(ballot is not None and ballot.yes for ballot in votes.values())
    accepted = strategy.decides(len(learners), yes)
    return Play(proposals, proposal, votes, accepted, proposal if accepted else state, failures)
