"""Sites as processes, a server in this one, and learners of the core for what should come out."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

from helpers.faulty_site import FaultyOffer
from pd4ml.collaborate.ledger import COORDINATOR, Signer
from pd4ml.collaborate.network import NetworkLearner
from pd4ml.collaborate.strategies import Ballot, Play, Vote
from pd4ml.collaborate.together import settings_of
from pd4ml.collaborate.weights import State, state_digest
from pd4ml.collaborate.wire import processes
from pd4ml.collaborate.wire.hub import Hub, RemoteLearner, SharedBooks
from pd4ml.collaborate.wire.kits import Kit, make_kits
from pd4ml.errors import DataError
from pd4ml.sample import Sample
from pd4ml.training.recipe import Recipe

__all__ = ["NAMES", "SMALL", "Federation", "environment", "wait_until"]

NAMES = ("cern", "desy", "kek")
SMALL = {"batch_size": 32, "hyperparameters": {"width": 16, "depth": 3}}


def wait_until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def environment(**more: str) -> dict[str, str]:
    path = [*([more.pop("first")] if "first" in more else []), *(path for path in sys.path if path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **more}


class Federation:
    """Three processes of sites, a server in this one, and learners of the core for what should come out."""

    def __init__(self, folder: Path, groups: dict[str, Sample], recipe: Recipe, stack: ExitStack) -> None:
        self.folder, self.groups, self.recipe = folder, groups, recipe
        (folder / COORDINATOR).mkdir()
        signer = Signer(COORDINATOR, folder / COORDINATOR / "key")
        self.kits = make_kits(folder / "kits", NAMES, port=processes.free_port(), signer=signer)
        self.stacks = {name: stack.enter_context(ExitStack()) for name in NAMES}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.hub = stack.enter_context(Hub(Kit.read(self.kits[0]), folder, 600.0))
        self.heard: list[tuple[str, bytes]] = []
        ask = self.hub.cell.ask

        def tapped(site: str, content: bytes, timeout: float) -> bytes:
            reply: bytes = ask(site, content, timeout)
            self.heard.append((site, reply))
            return reply

        self.hub.cell.ask = tapped  # type: ignore[method-assign]
        for name in NAMES:
            self.start(name)
        self.core: list[NetworkLearner] = []
        for name in NAMES:
            view = self.core[0].view if self.core else None
            self.core.append(NetworkLearner(name, groups[name], recipe, view))
        self.state: State = self.core[0].start()
        self.hub.gather()
        job = {"dataset": "Toy", "recipe": recipe.to_dict(), "seed": 1, "epochs": 1}
        self.hub.begin(NAMES, {**job, "features": self.core[0].view.to_json()})
        facts = {one.name: one.facts for one in self.core}
        settings = settings_of(job, Vote(), facts, self.state, self.core[0].view)
        self.books = SharedBooks(self.hub, folder, Vote(), settings)
        self.learners = [RemoteLearner(self.books, o.name, o.n_train, self.state) for o in self.core]

    def start(self, name: str) -> None:
        kit = self.kits[1 + NAMES.index(name)]
        offer = FaultyOffer(self.groups[name], self.recipe)
        process = processes.site_process(kit, offer, self.folder / name)
        self.processes[name] = self.stacks[name].enter_context(process)

    def restart(self, name: str) -> None:
        self.stacks[name].close()
        self.start(name)

    def back(self, name: str) -> None:
        """Wait until a site that was started again can be asked."""
        wait_until(lambda: name in self.hub.cell.cell.core_cell.agents)

    def play(self, *wrong: tuple[str, str], instead: Mapping[tuple[str, str], Any] = MappingProxyType({})) -> Play:
        """A round, which must be the core's of learners that fail where ``wrong`` (name, call) says."""
        round_ = len(self.books.decisions)
        beside = [_Wrong(one, {call for name, call in wrong if name == one.name}, instead) for one in self.core]
        expected = Vote().play(self.state, beside, round_)
        play = Vote().play(self.state, self.learners, round_)
        assert set(play.failures) == {name for name, _ in wrong}
        assert play.accepted == expected.accepted
        assert state_digest(play.state) == state_digest(expected.state)
        votes = [{n: b and (b.change, b.error) for n, b in p.votes.items()} for p in (play, expected)]
        assert votes[0] == votes[1]
        self.books.note(round_, play)
        self.state = play.state
        return play

    def said(self, name: str) -> str:
        return (self.folder / name / "site.log").read_text()


class _Wrong:
    """A learner of the core that fails in some calls, or answers something else."""

    def __init__(self, learner: NetworkLearner, calls: set[str], instead: Mapping[tuple[str, str], Any]) -> None:
        self.learner, self.calls, self.instead = learner, calls, instead
        self.name, self.n_train = learner.name, learner.n_train

    def propose(self, state: State, round_: int, proximal: float = 0.0) -> State:
        if "propose" in self.calls:
            raise DataError("it fails")
        if ("propose", self.name) in self.instead:
            return self.instead["propose", self.name]  # type: ignore[no-any-return]
        return self.learner.propose(state, round_, proximal)

    def vote(self, proposal: State, current: State) -> Ballot:
        if "vote" in self.calls:
            raise DataError("it fails")
        return self.instead.get(("vote", self.name)) or self.learner.vote(proposal, current)
