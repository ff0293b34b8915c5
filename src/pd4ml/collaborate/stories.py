"""What entries of a ledger must tell besides being unchanged: rounds of a collaboration, or a competition.

The body of a ledger's first entry says which: a ``strategy`` for rounds, a ``limit`` for a competition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from pd4ml.arguments import as_whole
from pd4ml.collaborate.strategies import make_strategy
from pd4ml.errors import DataError, one_line

__all__ = ["COORDINATOR", "Entries", "Rounds", "Said", "Story", "story_of"]

COORDINATOR = "coordinator"


class Said(Protocol):
    """What a story looks at of an entry."""

    @property
    def author(self) -> str:
        """Who signed it."""
        ...

    @property
    def kind(self) -> str:
        """What it is."""
        ...

    @property
    def body(self) -> Mapping[str, Any]:
        """What it says."""
        ...


class Story(Protocol):
    """Takes entries one by one."""

    def take(self, entry: Said, where: str) -> None:
        """DataError, which begins with ``where``, for an entry that cannot come next."""
        ...


def story_of(start: Mapping[str, Any]) -> Story:
    """The story that a ledger whose first entry has the body ``start`` must tell."""
    if "limit" in start:
        return Entries(as_whole("limit", start["limit"], 1))
    settings = dict(start["strategy"])
    n_learners = sum(name != COORDINATOR for name in start["authors"])
    return Rounds(n_learners, str(settings.pop("kind")), settings)


class Rounds:
    """Proposals and votes of learners, once each in a round, then a decision that follows from the votes."""

    def __init__(self, n_learners: int, kind: str, options: Mapping[str, Any]) -> None:
        self.n_learners, self.strategy = n_learners, make_strategy(kind, **options)
        self.round = 0
        self.seen: dict[tuple[str, str], Mapping[str, Any]] = {}  # of this round, by kind and author

    def take(self, entry: Said, where: str) -> None:
        """See `Story`."""
        body, key = entry.body, (entry.kind, entry.author)
        if entry.kind not in ("proposal", "vote", "decision"):
            raise DataError(one_line(f"{where} is a {entry.kind}, which cannot be here", 200))
        if body.get("round") != self.round:
            raise DataError(one_line(f"{where} is of round {body.get('round')}, expected {self.round}", 200))
        if (entry.kind == "decision") != (entry.author == COORDINATOR):
            raise DataError(f"{where} is a {entry.kind} by {entry.author}")
        if key in self.seen:
            raise DataError(f"{where} is the second {entry.kind} of {entry.author} in round {self.round}")
        self.seen[key] = body
        if entry.kind != "decision":
            return
        proposal = body.get("proposal")
        votes = [vote for (kind, _), vote in self.seen.items() if kind == "vote"]
        if any(vote.get("proposal") != proposal for vote in votes):
            raise DataError(f"{where} is about another proposal than the votes")
        yes = sum(bool(vote.get("yes")) for vote in votes)
        decided = proposal is not None and self.strategy.decides(self.n_learners, yes)
        if body.get("accepted") is not decided:
            raise DataError(f"{where} says accepted: {body.get('accepted')}, the votes of the round say {decided}")
        self.round, self.seen = self.round + 1, {}


class Entries:
    """Entries of competitors, numbered from 1 for each, at most ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        self.limit, self.counts = limit, Counter[str]()

    def take(self, entry: Said, where: str) -> None:
        """See `Story`."""
        name, number = entry.body.get("competitor"), entry.body.get("number")
        if entry.kind != "entry" or entry.author != COORDINATOR or not isinstance(name, str):
            raise DataError(one_line(f"{where} is a {entry.kind} by {entry.author}, expected an entry", 200))
        if number != self.counts[name] + 1:
            raise DataError(
                one_line(f"{where} is number {number} of {name}, expected {self.counts[name] + 1}", 200)
            )
        if number > self.limit:
            raise DataError(one_line(f"{name} has had {self.limit} entries, which is the limit", 200))
        self.counts[name] += 1
