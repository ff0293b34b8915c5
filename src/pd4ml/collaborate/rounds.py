"""The rounds of a collaboration: played, written to every learner's ledger, and gone on with after a stop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from pd4ml.collaborate.ledger import COORDINATOR, Ledger, Signer, compare_ledgers
from pd4ml.collaborate.strategies import Ballot, Learner, Play, Strategy, ask_ahead
from pd4ml.collaborate.weights import MOST, State, from_bytes, state_digest, to_bytes
from pd4ml.errors import DataError
from pd4ml.progress import progress
from pd4ml.storage.atomic import write_bytes, write_text
from pd4ml.storage.small import parse_json, read_bytes, read_text

__all__ = ["KEY", "LEDGER", "Books", "Watched", "play_rounds", "play_watched", "proposal_body", "vote_body"]

LEDGER, KEY, _WEIGHTS, _HISTORY = "ledger.jsonl", "key", "weights.npz", "history.jsonl"


class Books:
    """Ledgers, keys and the common weights of a collaboration below ``folder``, a folder for each learner.

    In one process all keys lie together, and a ledger shows what happened, not who could be trusted; where
    learners are on their own machines each has only its own.
    """

    def __init__(
        self, folder: Path, learners: Sequence[str], strategy: Strategy, facts: Mapping[str, Any]
    ) -> None:
        self.folder, self.learners = folder, tuple(learners)
        if len(set(learners)) < len(learners) or COORDINATOR in learners:
            raise DataError(
                f"learners need names of their own, and not {COORDINATOR}: found {', '.join(learners)}"
            )
        self.signers: dict[str, Signer] = {}
        self.ledgers: list[Ledger] = []
        body = {
            "authors": self._open(),
            "strategy": {"kind": strategy.kind, **asdict(strategy)},
            "facts": dict(facts),
        }
        last = self.ledgers[0].last
        if last is None:
            self.write(COORDINATOR, "start", body)
        elif self.ledgers[0].entries[0].body != body:
            raise DataError(f"{folder} holds another collaboration: choose another folder, or its settings")

    def _open(self) -> dict[str, str]:
        """Open keys and ledgers; gives the public keys by author."""
        authors = (COORDINATOR, *self.learners)
        for name in authors:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.signers = {name: Signer(name, self.folder / name / KEY) for name in authors}
        self.ledgers = [Ledger(self.folder / name / LEDGER) for name in self.learners]
        self._level()
        return {name: signer.public for name, signer in self.signers.items()}

    def _level(self) -> None:
        """Give ledgers that a stop left behind what the longest has; what is not the same story is refused."""
        longest = max(self.ledgers, key=lambda ledger: len(ledger.entries))
        for ledger in self.ledgers:
            for entry in longest.entries[len(ledger.entries) :]:
                ledger.append(entry)
            if ledger is not longest and ledger.entries:
                compare_ledgers(longest.file, ledger.file)

    @property
    def decisions(self) -> list[Mapping[str, Any]]:
        """Bodies of all decisions so far, one for each round that is over."""
        return [entry.body for entry in self.ledgers[0].entries if entry.kind == "decision"]

    def said(self, round_: int) -> dict[tuple[str, str], Mapping[str, Any]]:
        """What the ledger has of a round, by kind and author."""
        return {(e.kind, e.author): e.body for e in self.ledgers[0].entries if e.body.get("round") == round_}

    def write(self, author: str, kind: str, body: Mapping[str, Any]) -> None:
        """Add an entry of ``author`` to all ledgers."""
        entry = self.signers[author].entry(self.ledgers[0].last, kind, body)
        for ledger in self.ledgers:
            ledger.append(entry)

    def note(self, round_: int, play: Play) -> None:
        """Write what happened in a round: weights first, so that a decision never names some that are nowhere."""
        digest = None if play.proposal is None else state_digest(play.proposal)
        # Of a round that a stop broke off some entries are there; it was played again with the same result.
        done = self.said(round_)
        for name, state in play.proposals.items():
            if ("proposal", name) not in done:
                self.write(name, "proposal", proposal_body(round_, state))
        for name, ballot in sorted(play.votes.items(), key=lambda vote: vote[1] is None):  # void ones come last
            if ("vote", name) not in done:
                self.write(name, "vote", vote_body(round_, digest, ballot))
        write_bytes(self.folder / COORDINATOR / f"{round_ % 2}-{_WEIGHTS}", to_bytes(play.state))
        decision = {"round": round_, "proposal": digest, "accepted": play.accepted}
        self.write(COORDINATOR, "decision", {**decision, "state": state_digest(play.state)})

    def resumed(self, start: State) -> State:
        """The common state after the last round that is over."""
        if not self.decisions:
            return start
        last = self.decisions[-1]
        file = self.folder / COORDINATOR / f"{last['round'] % 2}-{_WEIGHTS}"
        try:
            state = from_bytes(read_bytes(file, MOST), start)
        except (OSError, ValueError) as error:
            raise DataError(f"{file} cannot be read: {error}") from error
        if state_digest(state) != last["state"]:
            raise DataError(f"{file} does not hold the weights that the ledger names for round {last['round']}")
        return state


def proposal_body(round_: int, state: State | None) -> dict[str, Any]:
    """What a proposal's entry says: the digest of the weights, if there are any."""
    return {"round": round_, "weights": None if state is None else state_digest(state)}


def vote_body(round_: int, proposal: str | None, ballot: Ballot | None) -> dict[str, Any]:
    """What a vote's entry says about the proposal of a digest; a void vote says nothing."""
    body: dict[str, Any] = {"round": round_, "proposal": proposal, "yes": None}
    if ballot is not None:
        body |= {"yes": ballot.yes, "change": ballot.change, "error": ballot.error, "tie": ballot.tie}
    return body


def play_rounds(
    learners: Sequence[Learner],
    strategy: Strategy,
    start: State,
    rounds: int,
    *,
    books: Books | None = None,
    watch: Callable[[int, Play | None, State], None] | None = None,
) -> State:
    """Play rounds until there were ``rounds`` of them, and give the state that all have then.

    Parameters
    ----------
    learners : Sequence[Learner]
        Who takes part, in the order of their turns.
    strategy : Strategy
        How a round is played.
    start : State
        What all begin with.
    rounds : int
        How many, those before a stop included.
    books : Books, optional
        Where rounds are written down; a collaboration that was stopped goes on from there.
    watch : Callable, optional
        Called with round, play and state: before the first round as (0, None, start), then with rounds from 1,
        each before it is written down: after a stop a round may be played and watched again.

    Returns
    -------
    State
        The same bits as without a stop.
    """
    if not learners:
        raise DataError("a collaboration needs at least one learner")
    state = start if books is None else books.resumed(start)
    first = 0 if books is None else len(books.decisions)
    if watch is not None and first == 0:
        watch(0, None, state)
    for round_ in range(first, rounds):
        play = strategy.play(state, learners, round_)
        state = play.state
        if watch is not None:
            watch(round_ + 1, play, state)
        if books is not None:  # last: a round is over when its decision is written
            books.note(round_, play)
    return state


class Watched(Learner, Protocol):
    """A learner that also says what the common state is worth."""

    def loss_of(self, state: State) -> float | None:
        """The mean loss of ``state`` on the group's vote events; None if it cannot be had."""
        ...


def play_watched(
    learners: Sequence[Watched], strategy: Strategy, start: State, rounds: int, books: Books
) -> tuple[State, list[dict[str, Any]]]:
    """Play, and note after each round what the common state's loss on vote events is, in ``history.jsonl``."""
    file = books.folder / _HISTORY
    known = len(books.decisions) + 1 if books.decisions else 0
    history = [parse_json(line) for line in read_text(file).splitlines()[:known]] if file.exists() else []

    with progress("collaborating", rounds - len(books.decisions), "rounds") as bar:

        def watch(round_: int, play: Play | None, state: State) -> None:
            ask_ahead(learners, "loss_of", state)
            loss = {one.name: one.loss_of(state) for one in learners}
            row: dict[str, Any] = {"round": round_, "accepted": play is not None and play.accepted, "loss": loss}
            if play is not None:
                row["proposers"] = list(play.proposals)
                row["votes"] = {name: None if b is None else [b.change, b.error] for name, b in play.votes.items()}
                row["failures"] = dict(play.failures)
                bar.advance()
            history.append(row)
            write_text(file, "".join(json.dumps(line) + "\n" for line in history))

        state = play_rounds(learners, strategy, start, rounds, books=books, watch=watch)
    return state, history
