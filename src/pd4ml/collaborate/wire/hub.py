"""The coordinator's end: it asks sites, and keeps the books of which they have copies. It holds no events."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from pd4ml.collaborate.ledger import COORDINATOR, Entry, Ledger, Signer, entry_of
from pd4ml.collaborate.rounds import KEY, LEDGER, Books, proposal_body, vote_body
from pd4ml.collaborate.strategies import Ballot, Strategy
from pd4ml.collaborate.weights import State, from_bytes, state_digest, to_bytes
from pd4ml.collaborate.wire.cells import ServerCell
from pd4ml.collaborate.wire.kits import Kit
from pd4ml.collaborate.wire.messages import Message, request, unpack
from pd4ml.errors import DataError, one_line
from pd4ml.storage.atomic import write_bytes

__all__ = ["Hub", "RemoteLearner", "SharedBooks"]

_SECONDS = 30.0  # for what takes no work


class Hub:
    """Connections to all sites of a kit, while a block runs.

    Parameters
    ----------
    kit : Kit
        The server's.
    folder : Path
        Of the collaboration; the coordinator's key is in it.
    timeout : float
        Seconds that a site may train or vote.
    """

    def __init__(self, kit: Kit, folder: Path, timeout: float) -> None:
        self.kit, self.sites, self.timeout = kit, kit.sites, timeout
        own = folder / COORDINATOR
        own.mkdir(parents=True, exist_ok=True)
        self.signer = Signer(COORDINATOR, own / KEY)
        if self.signer.public != kit.coordinator:
            raise DataError(f"{own / KEY} is not the key that the sites of {kit.folder} listen to")
        self.hellos: dict[str, Message] = {}
        self.jobs: dict[str, Mapping[str, Any]] = {}
        self.pool = ThreadPoolExecutor(2 * len(self.sites))
        self.cell = ServerCell(kit, own / "nvflare.log")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.cell.close()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def ask(self, site: str, kind: str, blob: bytes = b"", timeout: float = _SECONDS, **said: Any) -> Message:
        """What a site answers; DataError in one line for anything that goes wrong.

        A site that has been started again is first told what the others are at.
        """
        reply = self._once(site, kind, blob, timeout, said)
        if reply.head.get("need") == "begin" and site in self.jobs:
            self._once(site, "begin", b"", self.timeout, {**self.jobs[site], "start": False})
            reply = self._once(site, kind, blob, timeout, said)
        return reply

    def _once(self, site: str, kind: str, blob: bytes, timeout: float, said: Mapping[str, Any]) -> Message:
        head = {"to": site, "kind": kind, "call": time.time_ns(), **said}
        reply = unpack(self.cell.ask(site, request(self.signer, head, blob), min(timeout, self.timeout)))
        if "error" in reply.head:
            raise DataError(one_line(f"{site}: {reply.head['error']}", 200))
        return reply

    def gather(self, check: Callable[[], None] = lambda: None) -> None:
        """Wait until all sites have said hello; ``check`` raises where that will never be."""
        told, reasons = time.monotonic(), dict.fromkeys(self.sites, "")
        while missing := [site for site in self.sites if site not in self.hellos]:
            check()
            for site in missing:
                try:
                    self.hellos[site] = self.ask(site, "hello")
                except DataError as error:
                    reasons[site] = str(error)
            if time.monotonic() - told > _SECONDS / 6:
                told = time.monotonic()
                print(f"waiting: {'; '.join(reasons[site] for site in missing)}", file=sys.stderr, flush=True)
            time.sleep(0.2)

    def begin(self, sites: tuple[str, ...], job: Mapping[str, Any], start: bool = False) -> dict[str, Message]:
        """Have sites get ready, all at the same time."""
        self.jobs.update(dict.fromkeys(sites, job))
        asked = [self.pool.submit(self.ask, s, "begin", timeout=self.timeout, start=start, **job) for s in sites]
        return {site: one.result() for site, one in zip(sites, asked, strict=True)}


class SharedBooks(Books):
    """Books of a coordinator: its own copy of the ledger, and sites that sign what is theirs and keep the rest."""

    def __init__(self, hub: Hub, folder: Path, strategy: Strategy, facts: Mapping[str, Any]) -> None:
        self.hub, self.known = hub, dict.fromkeys(hub.sites, 0)  # how much of the ledger each site has
        super().__init__(folder, hub.sites, strategy, facts)
        self._tell_all()

    def _open(self) -> dict[str, str]:
        self.signers = {COORDINATOR: self.hub.signer}
        own = Ledger(self.folder / COORDINATOR / LEDGER)
        for site, hello in self.hub.hellos.items():
            if hello.number("have") > len(own.entries):  # it was begun without a server
                lines = self.hub.ask(site, "read", first=len(own.entries)).head.get("entries")
                for line in lines if isinstance(lines, list) else []:
                    own.append(self._of_ours(entry_of(str(line).encode(), f"an entry that {site} has"), site))
        self.ledgers = [own]
        return {
            COORDINATOR: self.hub.signer.public,
            **{s: str(h.head.get("public")) for s, h in self.hub.hellos.items()},
        }

    def _of_ours(self, entry: Entry, site: str) -> Entry:
        """Refuse a ledger that begins with another coordinator's key: anybody can make one."""
        authors = entry.body.get("authors")
        if entry.number == 0 and not (
            isinstance(authors, dict) and authors.get(COORDINATOR) == self.hub.signer.public
        ):
            raise DataError(f"{site} has the ledger of another collaboration")
        return entry

    def write(self, author: str, kind: str, body: Mapping[str, Any]) -> None:
        """Add an entry; what a site that is away should have signed is left out."""
        if author == COORDINATOR:
            self.ledgers[0].append(self.hub.signer.entry(self.ledgers[0].last, kind, body))
            self._tell_all()
            return
        try:
            self.sign(author, kind, body)
        except DataError:
            return

    def sign(self, author: str, kind: str, body: Mapping[str, Any]) -> None:
        """Have a site sign what it answered; DataError if it gives anything but the entry that comes next."""
        entry = self._tell(author, {"kind": kind, "body": dict(body)})
        if entry is None or (entry.author, entry.kind, entry.body) != (author, kind, body):
            raise DataError(f"{author} signed something else than its {kind} of round {body['round']}")
        self.ledgers[0].append(entry)

    def _tell(self, site: str, sign: Mapping[str, Any] | None = None) -> Entry | None:
        """Bring a site's ledger up to date; gives what it signed."""
        entries = self.ledgers[0].entries
        for _ in range(2):
            first = self.known[site]
            lines = [entry.line.decode() for entry in entries[first:]]
            reply = self.hub.ask(site, "write", first=first, entries=lines, sign=sign)
            self.known[site] = min(max(int(reply.number("have")), 0), len(entries))
            if "entry" in reply.head:
                signed = reply.head["entry"]
                return None if signed is None else entry_of(str(signed).encode(), f"the entry of {site}")
        raise DataError(f"the ledger of {site} is longer than the coordinator's: it is of another story")

    def catch_up(self, site: str) -> None:
        """Tell a site all decisions, if it may have missed one."""
        last = max(entry.number for entry in self.ledgers[0].entries if entry.author == COORDINATOR)
        if self.known[site] <= last:
            self._tell(site)

    def _tell_all(self) -> None:
        """Sites that are away are told when they are back."""
        for told in [self.hub.pool.submit(self._tell, site) for site in self.hub.sites]:
            if not isinstance(told.exception(), DataError | None):
                told.result()

    def proposed(self, round_: int, name: str, like: State) -> State | None:
        """What a learner has proposed in this round already, before the server was stopped."""
        body = self.said(round_).get(("proposal", name))
        if body is None or body["weights"] is None:
            if any(kind == "vote" for kind, _ in self.said(round_)):
                raise DataError(f"{name} is late: round {round_} is being voted on")
            return None
        state = from_bytes(self._file(name).read_bytes(), like)
        if state_digest(state) != body["weights"]:
            raise DataError(f"{self._file(name)} is not what {name} proposed in round {round_}")
        return state

    def keep(self, name: str, state: State) -> None:
        """Keep a proposal until the round is over."""
        write_bytes(self._file(name), to_bytes(state))

    def _file(self, name: str) -> Path:
        return self.folder / COORDINATOR / f"proposal-{name}.npz"


class RemoteLearner:
    """A learner that is elsewhere: what it says counts once the site has signed it.

    What it said before the server was stopped stands in the ledger, and is not asked again.
    """

    def __init__(self, books: SharedBooks, name: str, n_train: int, like: State) -> None:
        self.name, self.n_train = name, n_train
        self._books, self._hub, self._like = books, books.hub, like
        self._ahead: dict[str, Future[Message]] = {}

    def __repr__(self) -> str:
        return f"<learner {self.name}, elsewhere: {self.n_train:,} train events>"

    def ahead(self, call: str, *arguments: Any) -> None:
        """Let the site begin with what it is asked next."""
        calls: dict[str, Any] = {"propose": self._propose, "vote": self._vote, "loss_of": self._loss}
        self._ahead[call] = self._hub.pool.submit(calls[call], *arguments)

    def propose(self, state: State, round_: int, proximal: float = 0.0) -> State:
        """As the site's learner, see `pd4ml.collaborate.strategies.Learner`."""
        asked = self._ahead.pop("propose", None)
        if (known := self._books.proposed(round_, self.name, self._like)) is not None:
            return known
        reply = self._propose(state, round_, proximal) if asked is None else asked.result()
        proposal = from_bytes(reply.blob, self._like)
        self._books.keep(self.name, proposal)
        self._books.sign(self.name, "proposal", proposal_body(round_, proposal))
        return proposal

    def vote(self, proposal: State, current: State) -> Ballot:
        """As the site's learner, see `pd4ml.collaborate.strategies.Learner`."""
        asked, round_ = self._ahead.pop("vote", None), len(self._books.decisions)
        said, digest = self._books.said(round_).get(("vote", self.name)), state_digest(proposal)
        if said is not None and said["proposal"] == digest:
            return Ballot(said["change"], said["error"])
        reply = self._vote(proposal, current) if asked is None else asked.result()
        ballot = Ballot(float(reply.number("change")), float(reply.number("error_of_change")))
        self._books.sign(self.name, "vote", vote_body(round_, digest, ballot))
        return ballot

    def loss_of(self, state: State) -> float | None:
        """The mean loss on the site's vote events; None where it does not say."""
        asked = self._ahead.pop("loss_of", None)
        try:
            return float((self._loss(state) if asked is None else asked.result()).number("loss"))
        except DataError:
            return None

    def _propose(self, state: State, round_: int, proximal: float = 0.0) -> Message:
        if ("proposal", self.name) in self._books.said(round_):
            return Message({})
        return self._work("propose", to_bytes(state), round=round_, proximal=proximal)

    def _vote(self, proposal: State, current: State) -> Message:
        round_ = len(self._books.decisions)
        if ("vote", self.name) in self._books.said(round_):
            return Message({})
        new = to_bytes(proposal)
        return self._work("vote", new + to_bytes(current), round=round_, cut=len(new))

    def _loss(self, state: State) -> Message:
        return self._work("loss", to_bytes(state))

    def _work(self, kind: str, blob: bytes, **said: Any) -> Message:
        self._books.catch_up(self.name)
        return self._hub.ask(self.name, kind, blob, timeout=self._hub.timeout, **said)
