"""A site that goes wrong when it is told to: a file ``fault`` in its folder says in which call, once, and how."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.collaborate.network import NetworkLearner
from pd4ml.collaborate.strategies import Ballot
from pd4ml.collaborate.weights import State
from pd4ml.collaborate.wire import processes, site
from pd4ml.collaborate.wire.messages import Message
from pd4ml.collaborate.wire.site import Offer, Site

__all__ = ["COMMAND", "FaultyOffer", "order"]

COMMAND = "from helpers.faulty_site import main; main()"
HUGE, SLEEP = 50_000_000, 12.0


def order(folder: Path, call: str, fault: str) -> None:
    """Have the site of ``folder`` go wrong in its next ``call``."""
    (folder / "fault").write_text(f"{call} {fault}")


def _die(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _sleep(*_: Any) -> Any:
    time.sleep(SLEEP)
    raise RuntimeError("woken")


def _raise(*_: Any) -> Any:
    raise RuntimeError(f"the events are in {os.getcwd()}")


_FAULTS: dict[str, Callable[[State], Any]] = {
    "die": _die,
    "sleep": _sleep,
    "raise": _raise,
    "nan": lambda state: {name: np.full_like(values, np.nan) for name, values in state.items()},
    "shape": lambda state: {name: values[None] for name, values in state.items()},
    "random": lambda state: {
        name: np.random.default_rng(1).normal(size=values.shape).astype(values.dtype)
        for name, values in state.items()
    },
    "yes": lambda state: Ballot(-1.0, 0.0),
}


class FaultyOffer(Offer):
    """Learners of it look for orders in ``folder``, which the process sets."""

    folder = Path()

    def learner(self, name: str, job: Mapping[str, Any]) -> NetworkLearner:
        return _faulty(super().learner(name, job), self.folder)


def _ordered(folder: Path, call: str) -> str:
    file = folder / "fault"
    if not file.exists() or file.read_text().split()[0] != call:
        return ""
    fault = file.read_text().split()[1]
    file.unlink()
    return fault


def _faulty(learner: NetworkLearner, folder: Path) -> NetworkLearner:
    propose, vote = learner.propose, learner.vote

    def propose_wrongly(state: State, round_: int, proximal: float = 0.0) -> State:
        fault = _ordered(folder, "propose")
        return _FAULTS[fault](state) if fault else propose(state, round_, proximal)

    def vote_wrongly(proposal: State, current: State) -> Ballot:
        fault = _ordered(folder, "vote")
        return _FAULTS[fault](current) if fault else vote(proposal, current)

    learner.propose, learner.vote = propose_wrongly, vote_wrongly  # type: ignore[method-assign]
    return learner


class FaultySite(Site):
    """Also sends huge answers, and offers an old entry again."""

    def _propose(self, head: Mapping[str, Any], blob: bytes) -> Message:
        if _ordered(self.folder, "answer") == "huge":
            return Message({}, b"0" * HUGE)
        return super()._propose(head, blob)

    def _signed(self, kind: str, body: dict[str, Any]) -> str:
        if _ordered(self.folder, "sign") == "replay":
            mine = [e for e in self.ledger.entries if (e.kind, e.author) == (kind, self.kit.name)]
            return mine[-1].line.decode()
        return super()._signed(kind, body)


def main() -> None:
    """As the process of a site."""
    load = pickle.load

    def with_folder(stream: Any) -> Any:
        kit, offer, folder = load(stream)
        FaultyOffer.folder = folder
        return kit, offer, folder

    pickle.load = with_folder  # type: ignore[assignment]
    site.Site = FaultySite  # type: ignore[misc]
    print("a site that goes wrong", file=sys.stderr)
    processes._site_main()
