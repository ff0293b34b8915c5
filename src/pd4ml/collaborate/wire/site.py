"""The group's end: it trains and votes on its own events when the coordinator asks, signs, and keeps its ledger.

What leaves it: weights, losses on its vote events, signed entries of the ledger, numbers of events and their
fingerprint, metrics of the finished model. What goes wrong here is printed here; others only learn that it did.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pd4ml.collaborate.ledger import COORDINATOR, Ledger, Signer, entry_of
from pd4ml.collaborate.rounds import KEY, LEDGER, proposal_body, vote_body
from pd4ml.collaborate.scores import scores_of
from pd4ml.collaborate.weights import State, from_bytes, state_digest, to_bytes
from pd4ml.collaborate.wire.cells import SiteCell, probe
from pd4ml.collaborate.wire.kits import SERVER, Kit
from pd4ml.collaborate.wire.messages import Message, pack, verified
from pd4ml.errors import DataError, one_line
from pd4ml.sample import FeatureView, Sample
from pd4ml.storage.lock import one_writer
from pd4ml.training.recipe import Recipe

if TYPE_CHECKING:
    from pd4ml.collaborate.network import NetworkLearner

__all__ = ["Offer", "Site", "run_site"]


class _RefusalError(DataError):
    """An answer that others may read: it says nothing of events or paths."""


@dataclass(frozen=True)
class Offer:
    """What a group takes part with, and nothing else: its events, a recipe, threads."""

    sample: Sample
    recipe: Recipe
    threads: int = 1

    @property
    def told(self) -> dict[str, Any]:
        """What the coordinator is told of it."""
        told = {"dataset": self.sample.card.name, "recipe": self.recipe.to_dict()}
        return json.loads(json.dumps(told))  # type: ignore[no-any-return]

    def learner(self, name: str, job: Mapping[str, Any]) -> NetworkLearner:
        """The group's learner."""
        from pd4ml.collaborate.network import NetworkLearner

        view = None if job["features"] is None else FeatureView.from_json(job["features"])
        options = {"seed": job["seed"], "epochs": job["epochs"], "threads": self.threads}
        return NetworkLearner(name, self.sample, self.recipe, view, **options)


class Site:
    """Answers requests, one at a time.

    Parameters
    ----------
    kit : Kit
        The group's.
    offer : Offer
        What it takes part with; a request for anything else is refused.
    folder : Path
        Where its key and its ledger are.
    """

    def __init__(self, kit: Kit, offer: Offer, folder: Path) -> None:
        self.kit, self.offer, self.folder = kit, offer, folder
        self.signer, self.ledger = Signer(kit.name, folder / KEY), Ledger(folder / LEDGER)
        self.learner: NetworkLearner | None = None
        self.job: Mapping[str, Any] = {}
        self.answered: dict[tuple[str, int], dict[str, Any]] = {}  # what may be signed, of one round
        self.ended = threading.Event()
        self._last, self._door, self._free = 0, threading.Lock(), threading.Lock()
        self._worker = ThreadPoolExecutor(1)

    def answer(self, content: bytes) -> Future[bytes]:
        """What is said to a request, once it is known."""
        try:
            with self._door:
                message = verified(content, self.kit.name, self.kit.coordinator, self._last)
                self._last = message.head["call"]
            if message.head["kind"] == "hello":
                told = {**self.offer.told, "public": self.signer.public, "have": len(self.ledger.entries)}
                return _done(pack(told))
        except Exception as error:  # whatever a stranger's message does to what reads it
            _note(f"turned away: {error}")
            return _done(pack({"error": "turned away"}))
        if not self._free.acquire(blocking=False):
            return _done(pack({"error": "still at work on an earlier request"}))
        return self._worker.submit(self._work, message)

    def _work(self, message: Message) -> bytes:
        kind = str(message.head["kind"])
        try:
            found = self._calls()[kind](message.head, message.blob)
            return pack(found.head, found.blob)
        except _RefusalError as error:
            _note(f"refused: {error}")
            return pack({"error": str(error)})
        except Exception as error:  # others only learn that it failed
            _note(f"{kind} failed: {type(error).__name__}: {error}")
            return pack({"error": f"{kind} failed there ({type(error).__name__})"})
        finally:
            self._free.release()

    def _calls(self) -> Mapping[str, Callable[[Mapping[str, Any], bytes], Message]]:
        calls = (
            self._begin,
            self._propose,
            self._vote,
            self._loss,
            self._write,
            self._read,
            self._finish,
            self._bye,
        )
        return {call.__name__[1:]: call for call in calls}

    def _begin(self, head: Mapping[str, Any], blob: bytes) -> Message:
        """Get ready: fit features, or take those of the first site, and make the starting weights."""
        job = {key: head[key] for key in ("dataset", "recipe", "seed", "epochs", "features")}
        self._check_offer(job)
        if self.learner is None or job != self.job:
            self.learner, self.job = self.offer.learner(self.kit.name, job), job
        if self.ledger.entries:
            self._check_start(self.ledger.entries[0].body)
        told = {"facts": self.learner.facts, "features": self.learner.view.to_json()}
        return Message(told, to_bytes(self.learner.start()) if head["start"] else b"")

    def _propose(self, head: Mapping[str, Any], blob: bytes) -> Message:
        if self.learner is None:
            return Message({"need": "begin"})
        state, round_ = from_bytes(blob, self.learner.start()), int(head["round"])
        self._check_state(state, round_)
        proposal = self.learner.propose(state, round_, float(head["proximal"]))
        self._remember("proposal", proposal_body(round_, proposal))
        return Message({}, to_bytes(proposal))

    def _vote(self, head: Mapping[str, Any], blob: bytes) -> Message:
        if self.learner is None:
            return Message({"need": "begin"})
        like, cut = self.learner.start(), int(head["cut"])
        proposal, current = (from_bytes(part, like) for part in (blob[:cut], blob[cut:]))
        self._check_state(current, int(head["round"]))
        ballot = self.learner.vote(proposal, current)
        self._remember("vote", vote_body(int(head["round"]), state_digest(proposal), ballot))
        return Message({"change": ballot.change, "error_of_change": ballot.error})

    def _loss(self, head: Mapping[str, Any], blob: bytes) -> Message:
        if self.learner is None:
            return Message({"need": "begin"})
        return Message({"loss": self.learner.loss_of(from_bytes(blob, self.learner.start()))})

    def _remember(self, kind: str, body: dict[str, Any]) -> None:
        kept = {key: known for key, known in self.answered.items() if key[1] == body["round"]}
        self.answered = {**kept, (kind, body["round"]): body}

    def _write(self, head: Mapping[str, Any], blob: bytes) -> Message:
        """Take entries into the ledger that come next, and sign one that says what this site answered."""
        if head["first"] != len(self.ledger.entries):
            return Message({"have": len(self.ledger.entries)})
        for number, line in enumerate(head["entries"], head["first"]):
            entry = entry_of(line.encode(), f"entry {number}")
            if number == 0:
                self._check_start(entry.body)
            self.ledger.append(entry)
        wanted = head["sign"]
        signed = None if wanted is None else self._signed(str(wanted["kind"]), wanted["body"])
        return Message({"have": len(self.ledger.entries), "entry": signed})

    def _signed(self, kind: str, body: dict[str, Any]) -> str:
        mine = self.answered.get((kind, body["round"]))
        nothing = body.get("yes") in (None, False) and body.get("weights") is None
        if kind not in ("proposal", "vote") or not (nothing if mine is None else body == mine):
            raise _RefusalError("this site did not answer what it should sign")
        return self.signer.entry(self.ledger.last, kind, body).line.decode()

    def _read(self, head: Mapping[str, Any], blob: bytes) -> Message:
        return Message({"entries": [entry.line.decode() for entry in self.ledger.entries[head["first"] :]]})

    def _finish(self, head: Mapping[str, Any], blob: bytes) -> Message:
        """Keep the common model, and say what it is worth on the group's test events."""
        if self.learner is None:
            return Message({"need": "begin"})
        state = from_bytes(blob, self.learner.start())
        self._check_state(state, int(head["round"]))
        measured = scores_of([self.learner], {"together": state})["together"][self.kit.name]
        (self.folder / "model").mkdir(exist_ok=True)
        self.learner.fitted(state).save(self.folder / "model")
        _note(f"the common model is in {self.folder / 'model'}")
        return Message({"metrics": {name: asdict(m) for name, m in measured.items()}})

    def _bye(self, head: Mapping[str, Any], blob: bytes) -> Message:
        self.ended.set()
        return Message({})

    def _check_offer(self, job: Mapping[str, Any]) -> None:
        mine = self.offer.told
        if job["dataset"] != mine["dataset"]:
            raise _RefusalError(one_line(f"this site has {mine['dataset']}, not {job['dataset']}", 200))
        other = job["recipe"] if isinstance(job["recipe"], dict) else {}
        if differ := sorted(key for key in {*other, *mine["recipe"]} if other.get(key) != mine["recipe"].get(key)):
            names = ", ".join(map(str, differ))
            raise _RefusalError(one_line(f"this site has another recipe, that differs in {names}", 200))

    def _check_state(self, state: State, round_: int) -> None:
        """Whether the round is the next one and ``state`` what all have, as the ledger says."""
        decided = [entry.body["state"] for entry in self.ledger.entries if entry.kind == "decision"]
        common = [self.ledger.entries[0].body["facts"]["start"], *decided][-1] if self.ledger.entries else None
        if round_ != len(decided) or state_digest(state) != common:
            raise _RefusalError(f"this site's ledger has no such round {round_}, or other weights before it")

    def _check_start(self, body: Mapping[str, Any]) -> None:
        """Whether a ledger's first entry is about this site, and what it was started with."""
        facts, authors = body["facts"], body["authors"]
        self._check_offer(facts)
        if authors.get(self.kit.name) != self.signer.public or authors.get(COORDINATOR) != self.kit.coordinator:
            raise _RefusalError("this site has a ledger with other keys: it was begun elsewhere")
        if self.learner is not None:
            mine = {"features": self.learner.view.sha256, "seed": self.job["seed"], "epochs": self.job["epochs"]}
            wrong = [key for key, value in mine.items() if facts.get(key) != value]
            if wrong or facts["learners"][self.kit.name] != self.learner.facts:
                raise _RefusalError(f"this site has a ledger of other {', '.join(wrong) or 'events'}")


def run_site(kit: Kit, offer: Offer, folder: Path | None = None) -> None:
    """Take part until the coordinator says that it is over.

    Parameters
    ----------
    kit : Kit
        The group's.
    offer : Offer
        What it takes part with.
    folder : Path, optional
        Where its key, its ledger and the model are kept; the kit's if not given.

    Raises
    ------
    DataError
        For a kit that the server cannot let in.
    """
    folder = folder or kit.folder
    if kit.name == SERVER:
        raise DataError(f"{kit.folder} is the server's kit: start it with `pd4ml collaborate serve`")
    folder.mkdir(parents=True, exist_ok=True)
    with one_writer(folder, f"another process takes part with {folder}", wait=0):
        site, said = Site(kit, offer, folder), ""
        while reason := probe(kit):
            if reason != said:
                _note(f"waiting: {reason}")
            said = reason
            time.sleep(1)
        cell = SiteCell(kit, folder / "nvflare.log", site.answer)
        _note(f"{kit.name} takes part; the server is {kit.host}:{kit.port}")
        try:
            while not site.ended.wait(1):
                pass
        finally:
            cell.close()


def _done(content: bytes) -> Future[bytes]:
    future: Future[bytes] = Future()
    future.set_result(content)
    return future


def _note(text: str) -> None:
    print(one_line(text, 300), file=sys.stderr, flush=True)
