"""Server and sites as processes of their own: the core's result, whatever falls out."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from helpers import faulty_site
from helpers.faulty_site import FaultyOffer, order
from helpers.toy import Toy
from pd4ml.collaborate import collaborate, compare_ledgers, groups_of, read_collaboration, verify_ledger
from pd4ml.collaborate.ledger import COORDINATOR, Signer
from pd4ml.collaborate.network import NetworkLearner
from pd4ml.collaborate.strategies import Ballot, Play, Vote
from pd4ml.collaborate.together import settings_of
from pd4ml.collaborate.weights import State, state_digest, to_bytes
from pd4ml.errors import DataError
from pd4ml.sample import Sample
from pd4ml.training.recipe import Recipe, load_recipe

pytest.importorskip("nvflare", reason="needs the extra [network]")
wire = pytest.importorskip("pd4ml.collaborate.wire.processes")
hub_module = pytest.importorskip("pd4ml.collaborate.wire.hub")

from pd4ml.collaborate.wire.cells import ServerCell, probe  # noqa: E402
from pd4ml.collaborate.wire.kits import Kit, make_kits  # noqa: E402
from pd4ml.collaborate.wire.messages import pack, request, unpack, verified  # noqa: E402
from pd4ml.collaborate.wire.site import Offer, run_site  # noqa: E402

NAMES = ("cern", "desy", "kek")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Toy.generate(path, 400, seed=1)
    Toy.generate(path, 200, seed=2, variant="far")
    return path


@pytest.fixture(scope="module")
def groups(data: Path) -> dict[str, Sample]:
    return dict(zip(NAMES, groups_of(Toy, data, 3, "equal").values(), strict=True))


SMALL = {"batch_size": 32, "hyperparameters": {"width": 16, "depth": 3}}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("fcn_quick", Toy).override(**SMALL)


def bodies(file: Path) -> list[tuple[str, str, Any]]:
    return [(entry.kind, entry.author, entry.body) for entry in verify_ledger(file)[1:]]


# Kits


def test_kits_hold_what_is_ones_own(tmp_path: Path) -> None:
    made = make_kits(tmp_path / "kits", NAMES, "127.0.0.1", 8123)
    assert [kit.name for kit in made] == ["server", *NAMES]
    keys = {}
    for folder in made:
        kit = Kit.read(folder)
        assert (kit.name, kit.port, kit.sites) == (folder.name, 8123, NAMES)
        assert folder.stat().st_mode & 0o077 == 0
        secret = [file for file in folder.rglob("*") if file.is_file() and b"PRIVATE" in file.read_bytes()]
        assert secret == [kit.files[2]]
        keys[folder.name] = secret[0].read_bytes()
        for file in folder.rglob("key"):
            assert folder.name == "server"
            secret.append(file)
        assert all(file.stat().st_mode & 0o777 == 0o600 for file in secret)
    assert len(set(keys.values())) == 4
    assert not [file for file in tmp_path.rglob("*") if file.name == "cert.json"]  # the authority's key is nowhere
    with pytest.raises(DataError, match="is there already"):
        make_kits(tmp_path / "kits", ("cern", "other"))


@pytest.mark.parametrize("names", ["a", "a,a", "server,b", "a,coordinator", "a,b.c", "a,"])
def test_names_that_are_none(names: str, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        make_kits(tmp_path, names.split(","))


def test_what_is_no_kit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no kit"):
        Kit.read(tmp_path)
    (tmp_path / "kit.json").write_text('{"format": 1, "name": "x"}')
    with pytest.raises(DataError, match="is no kit"):
        Kit.read(tmp_path)


# Requests


def test_requests_of_others_and_old_ones_are_turned_away(tmp_path: Path) -> None:
    signer, other = Signer(COORDINATOR), Signer(COORDINATOR)
    content = request(signer, {"to": "cern", "call": 5, "kind": "hello"}, b"weights")
    assert verified(content, "cern", signer.public, 4).blob == b"weights"
    for wrong, message in (
        ((content, "cern", signer.public, 5), "sent again"),
        ((content, "desy", signer.public, 4), "somebody else"),
        ((content, "cern", other.public, 4), "not signed"),
        ((content[:-1] + b"x", "cern", signer.public, 4), "weights were changed"),
        ((content.replace(b"hello", b"write"), "cern", signer.public, 4), "not signed"),
        ((b"\x80\x04no json", "cern", signer.public, 4), "no message"),
        ((b"[1]\n", "cern", signer.public, 4), "no message"),
    ):
        with pytest.raises(DataError, match=message):
            verified(*wrong)
    assert unpack(pack({"a": 1}, b"\n\n")).blob == b"\n\n"
    with pytest.raises(DataError, match="no number"):
        unpack(b'{"loss": NaN}\n').number("loss")


# The door


STOLEN = """
import sys
from pathlib import Path
from dataclasses import replace
from pd4ml.collaborate.wire import cells
from pd4ml.collaborate.wire.kits import Kit
cells._owner = lambda kit: kit.name
kit = replace(Kit.read(Path(sys.argv[1])), name=sys.argv[2], port=int(sys.argv[3]))
cell = cells.SiteCell(kit, Path(sys.argv[1]) / "log", lambda content: None)
sys.stdin.read()
"""


DOOR = """
import sys
from pathlib import Path
from pd4ml.collaborate.wire.cells import ServerCell
from pd4ml.collaborate.wire.kits import Kit
cell = ServerCell(Kit.read(Path(sys.argv[1])), Path(sys.argv[2]))
for line in sys.stdin:
    print(*sorted(cell.cell.core_cell.agents), flush=True)
"""


def test_strangers_and_stolen_names_stay_outside(
    tmp_path: Path, groups: dict[str, Sample], recipe: Recipe
) -> None:
    port = wire.free_port()
    ours, theirs = (make_kits(tmp_path / name, NAMES, port=port) for name in ("ours", "theirs"))
    offer = Offer(groups["cern"], recipe)
    with pytest.raises(DataError, match="calls itself the kit of kek, its certificate is that of cern"):
        ServerCell(replace(Kit.read(ours[1]), name="kek"), tmp_path / "log")
    with pytest.raises(DataError, match="is the server's kit"):
        run_site(Kit.read(ours[0]), offer)
    assert "does not answer" in probe(Kit.read(ours[1]))
    log = tmp_path / "server.log"
    command = [sys.executable, "-c", DOOR, str(ours[0]), str(log)]
    running = [
        server := subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ]

    def inside() -> list[str]:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(b"\n")
        server.stdin.flush()
        return server.stdout.readline().decode().split()

    try:
        wait_until(lambda: probe(Kit.read(ours[1])) == "")
        with pytest.raises(DataError, match="is in use"):
            ServerCell(Kit.read(ours[0]), log)
        with pytest.raises(DataError, match="is not of this kit's collaboration"):
            run_site(Kit.read(theirs[1]), offer, tmp_path / "stranger")
        mixed = tmp_path / "mixed"  # knows our server, but has a certificate of its own authority
        mixed.mkdir()
        for file in theirs[1].iterdir():
            (mixed / file.name).write_bytes(file.read_bytes())
        (mixed / "rootCA.pem").write_bytes((ours[1] / "rootCA.pem").read_bytes())
        with pytest.raises(DataError, match="does not let this kit in"):
            run_site(Kit.read(mixed), offer, tmp_path / "mixed")
        for folder, claim in ((ours[2], "cern"), (ours[3], "kek")):
            command = [sys.executable, "-c", STOLEN, str(folder), claim, str(port)]
            running.append(subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE))
        wait_until(lambda: "authenticated as 'desy' but claimed endpoint 'cern'" in log.read_text())
        wait_until(lambda: inside() == ["kek"])  # the honest one is in
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.communicate()


def wait_until(true: Any, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def environment(**more: str) -> dict[str, str]:
    path = [*([more.pop("first")] if "first" in more else []), *(path for path in sys.path if path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **more}


# The core's result


def test_the_engine_gives_what_the_core_gives(groups: dict[str, Sample], recipe: Recipe, tmp_path: Path) -> None:
    """Decisions, ledgers, history, weights and scores, bit by bit; and either goes on from the other."""
    runs = {}
    for engine in ("process", "nvflare"):
        folder = tmp_path / engine
        runs[engine] = collaborate(
            groups, recipe, "fedavg_vote", rounds=3, folder=folder, compare=False, engine=engine
        )
    core, between = runs.values()
    assert between.history == core.history
    assert between.scores == core.scores
    assert core.accepted[0] > 0
    told = [bodies(tmp_path / engine / name / "ledger.jsonl") for engine in runs for name in NAMES]
    assert all(one == told[0] for one in told)
    assert len(told[0]) == 3 * (3 + 3 + 1)
    states = [np.load(tmp_path / engine / COORDINATOR / "0-weights.npz") for engine in runs]
    assert state_digest(dict(states[0])) == state_digest(dict(states[1]))
    for engine in runs:
        rounds = collaborate(groups, recipe, "fedavg_vote", rounds=4, folder=tmp_path / engine, compare=False)
        assert rounds.history[:4] == core.history
    assert bodies(tmp_path / "nvflare" / "desy" / "ledger.jsonl") == bodies(
        tmp_path / "process" / "desy" / "ledger.jsonl"
    )
    key = tmp_path / "nvflare" / "desy" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(DataError, match="privacy is for the engine process"):
        from pd4ml.collaborate.privacy import Privacy

        collaborate(groups, recipe, rounds=1, folder=tmp_path / "x", privacy=Privacy(3.0), engine="nvflare")


# What goes wrong


class Federation:
    """Three processes of sites, a server in this one, and learners of the core for what should come out."""

    def __init__(self, folder: Path, groups: dict[str, Sample], recipe: Recipe, stack: ExitStack) -> None:
        self.folder, self.groups, self.recipe = folder, groups, recipe
        (folder / COORDINATOR).mkdir()
        signer = Signer(COORDINATOR, folder / COORDINATOR / "key")
        self.kits = make_kits(folder / "kits", NAMES, port=wire.free_port(), signer=signer)
        self.stacks = {name: stack.enter_context(ExitStack()) for name in NAMES}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.hub = stack.enter_context(hub_module.Hub(Kit.read(self.kits[0]), folder, 600.0))
        self.heard: list[tuple[str, bytes]] = []
        ask = self.hub.cell.ask

        def tapped(site: str, content: bytes, timeout: float) -> bytes:
            reply: bytes = ask(site, content, timeout)
            self.heard.append((site, reply))
            return reply

        self.hub.cell.ask = tapped
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
        self.books = hub_module.SharedBooks(self.hub, folder, Vote(), settings)
        self.learners = [hub_module.RemoteLearner(self.books, o.name, o.n_train, self.state) for o in self.core]

    def start(self, name: str) -> None:
        kit = self.kits[1 + NAMES.index(name)]
        offer = FaultyOffer(self.groups[name], self.recipe)
        process = wire.site_process(kit, offer, self.folder / name)
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


@pytest.fixture(scope="module")
def federation(
    tmp_path_factory: pytest.TempPathFactory, groups: dict[str, Sample], recipe: Recipe
) -> Iterator[Federation]:
    command, wire._SITE = wire._SITE, faulty_site.COMMAND
    with ExitStack() as stack:
        yield Federation(tmp_path_factory.mktemp("federation"), groups, recipe, stack)
    wire._SITE = command


@pytest.mark.slow
def test_whatever_a_site_does_the_others_go_on(federation: Federation) -> None:
    """One round after the other, each with something wrong; what comes out is what the core makes of it."""
    fed, (cern, desy, kek) = federation, (federation.folder / name for name in NAMES)
    honest = [fed.play(), fed.play()]
    assert [list(play.proposals) for play in honest] == [["cern"], ["desy"]]
    fed.play()

    order(cern, "propose", "nan")
    assert "numbers that are not finite" in fed.play(("cern", "propose")).failures["cern"]
    order(desy, "propose", "shape")
    assert "must be float32" in fed.play(("desy", "propose")).failures["desy"]
    order(kek, "answer", "huge")
    assert "these weights have 50,000,000 bytes, expected at most" in fed.play(("kek", "propose")).failures["kek"]

    order(cern, "propose", "random")
    random = faulty_site._FAULTS["random"](fed.state)
    assert not fed.play(instead={("propose", "cern"): random}).accepted
    order(cern, "vote", "yes")  # one of three: with desy's proposal, it decides against kek's no
    play = fed.play(instead={("vote", "cern"): Ballot(-1.0, 0.0)})
    assert play.accepted
    order(kek, "sign", "replay")
    assert "signed something else" in fed.play(("kek", "propose")).failures["kek"]
    order(desy, "vote", "raise")
    play = fed.play(("desy", "vote"))
    assert "vote failed there (RuntimeError)" in play.failures["desy"]
    assert os.getcwd() in fed.said("desy")  # there it is said in full


@pytest.mark.slow
def test_a_site_that_is_killed_or_hangs_comes_back(federation: Federation) -> None:
    fed, cern, kek = federation, federation.folder / "cern", federation.folder / "kek"
    while len(fed.books.decisions) % 3:
        fed.play()
    begun = len(fed.books.decisions)
    order(cern, "propose", "die")
    assert fed.play(("cern", "propose")).failures["cern"] == "the connection to cern broke"
    order(kek, "vote", "die")
    fed.restart("cern")
    fed.back("cern")
    fed.play(("kek", "vote"))  # cern votes again
    assert fed.play(("kek", "propose")).failures["kek"] == "kek is not connected"
    os.killpg(fed.processes["desy"].pid, signal.SIGKILL)  # between rounds
    for name in ("kek", "desy"):
        fed.restart(name)
    for name in ("kek", "desy"):
        fed.back(name)
    fed.play()  # cern
    fed.hub.timeout = 3.0
    order(kek, "vote", "sleep")
    assert "no answer within 3 s" in fed.play(("kek", "vote")).failures["kek"]  # desy
    assert "still at work" in fed.play(("kek", "propose")).failures["kek"]
    time.sleep(faulty_site.SLEEP)
    fed.hub.timeout = 600.0
    fed.play()
    fed.play()
    play = fed.play()
    assert list(play.proposals) == ["kek"]
    assert not play.failures
    files = [fed.folder / name / "ledger.jsonl" for name in (*NAMES, COORDINATOR)]
    for file in files[1:]:
        compare_ledgers(files[0], file)
    absent = [e for e in verify_ledger(files[0]) if e.author == "kek" and e.body.get("round") == begun + 2]
    assert not absent  # nobody signs for it


@pytest.mark.slow
def test_no_events_labels_or_paths_leave_a_site(federation: Federation, data: Path) -> None:
    """All that sites have said in the two tests before, byte by byte."""
    fed = federation
    if len(fed.heard) < 20:
        fed.play()
    known = {"public", "have", "dataset", "recipe", "facts", "features", "need"}
    known |= {"error", "change", "error_of_change", "loss", "entry"}
    model = {name: values.size for name, values in fed.state.items()}
    patterns = [str(data), str(fed.folder), "/home", "/tmp", "site.log"]
    for name in NAMES:
        train = fed.groups[name].open("train")
        points = np.asarray(train["points"], np.float32)
        for content in [content for site, content in fed.heard if site == name]:
            message = unpack(content)
            assert set(message.head) <= known, set(message.head) - known
            text = json.dumps(message.head)
            assert not [pattern for pattern in patterns if pattern in text]
            assert not re.search(r"(\d+, ){300}", text)
            assert not any(event.tobytes() in content for event in points)
            assert not any(repr(float(x)) in text for x in points[:, 0, 0])
            labels = np.asarray(train.y)
            for kind in (np.uint8, np.int64, np.float32):
                assert labels[:32].astype(kind).tobytes() not in content
            if message.blob and len(message.blob) < faulty_site.HUGE:
                with np.load(io.BytesIO(message.blob), allow_pickle=False) as arrays:
                    assert {key: arrays[key].size for key in arrays.files} == model


# Three commands


GUARD = """
import os, socket, sys
def guard(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] != "127.0.0.1":
        os.write(2, f"outside: {event} {arguments[1]}\\n".encode())
        os._exit(99)
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "localhost", "", None, b"127.0.0.1"):
        os.write(2, f"outside: {event} {arguments[0]}\\n".encode())
        os._exit(99)
    if event in ("subprocess.Popen", "os.system", "os.posix_spawn") and "pip" in str(arguments):
        os.write(2, f"outside: {event} {arguments}\\n".encode())
        os._exit(99)
sys.addaudithook(guard)
"""
TOY = "from helpers.toy import Toy; from pd4ml.cli import main; main()"


@pytest.mark.slow
def test_the_server_is_killed_and_goes_on(data: Path, recipe: Recipe, tmp_path: Path) -> None:
    """By the commands that groups type; no process looks outside this machine or writes in a home."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    home = tmp_path / "home"
    home.mkdir()
    env = environment(first=str(tmp_path / "guard"), HOME=str(home), MPLCONFIGDIR=str(tmp_path / "mpl"))
    kits = make_kits(tmp_path / "kits", ("cern", "desy"), port=wire.free_port())

    def started(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", TOY, "collaborate", *words]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    changed = [f"{key}={json.dumps(value)}" for key, value in SMALL.items()]
    rules = ["--strategy", "vote", "--set", "strategy.threshold=0.9", "--rounds", "8"]
    offer = ["Toy", "--recipe", "fcn_quick", "--path", str(data), *(w for c in changed for w in ("--set", c))]
    serve = ["serve", str(kits[0]), *rules, "--json"]
    running = [started("site", str(kits[1]), *offer), started("site", str(kits[2]), *offer, "--variant", "far")]
    ledger = kits[0] / COORDINATOR / "ledger.jsonl"
    try:
        running.append(server := started(*serve))
        wait_until(lambda: ledger.exists() and ledger.read_bytes().count(b"\n") > 6, 300)
        server.kill()
        server.communicate()
        assert ledger.read_bytes().count(b"\n") < 1 + 8 * 4, "it was over before it was killed"
        running.append(server := started(*serve))
        out, error = server.communicate(timeout=300)
        assert server.returncode == 0, error
        for site in running[:2]:
            assert site.wait(60) == 0
    finally:
        for process in running:
            process.kill()
            process.communicate()
    groups = groups_of(Toy, data, 2, "variants")
    core = collaborate(
        dict(zip(("cern", "desy"), groups.values(), strict=True)),
        recipe,
        Vote(0.9),
        rounds=8,
        folder=tmp_path / "core",
        compare=False,
    )
    found = read_collaboration(kits[0])
    assert json.loads(out)["history"] == found.history == core.history
    for name, kit in zip(("cern", "desy"), kits[1:], strict=True):
        assert bodies(kit / "ledger.jsonl") == bodies(tmp_path / "core" / name / "ledger.jsonl")
        assert found.scores["together"][name] == core.scores["together"][name]
        assert (kit / "model" / "model.pt").exists()
    weights = dict(np.load(kits[0] / "weights.npz"))
    assert state_digest(weights) == core_state(tmp_path / "core")
    assert not list(home.iterdir())


def core_state(folder: Path) -> str:
    return str(verify_ledger(folder / "cern" / "ledger.jsonl")[-1].body["state"])


def test_a_site_refuses_what_it_was_not_started_for(
    groups: dict[str, Sample], recipe: Recipe, tmp_path: Path
) -> None:
    from pd4ml.collaborate.wire.site import Site

    kits = make_kits(tmp_path / "kits", NAMES)
    signer = Signer(COORDINATOR, kits[0] / COORDINATOR / "key")
    site = Site(Kit.read(kits[1]), Offer(groups["cern"], recipe), kits[1])

    def asked(kind: str, blob: bytes = b"", **said: Any) -> dict[str, Any]:
        head = {"to": "cern", "kind": kind, "call": time.time_ns(), **said}
        return dict(unpack(site.answer(request(signer, head, blob)).result(60)).head)

    job = {"dataset": "Toy", "recipe": recipe.to_dict(), "seed": 1, "epochs": 1, "features": None, "start": False}
    assert asked("begin", **{**job, "dataset": "Other"})["error"] == "this site has Toy, not Other"
    other = recipe.override(batch_size=64).to_dict()
    assert "differs in batch_size, name" in asked("begin", **{**job, "recipe": other})["error"]
    assert asked("propose", round=0, proximal=0.0) == {"need": "begin"}
    assert asked("steal")["error"] == "steal failed there (KeyError)"
    assert asked("begin", **job)["facts"]["source"] == "generated"
    body = {"round": 0, "proposal": "a" * 64, "yes": True, "change": -1.0, "error": 0.0, "tie": False}
    start = {"authors": {"cern": site.signer.public, COORDINATOR: signer.public}, "strategy": {"kind": "vote"}}
    assert site.learner is not None
    facts = {**job, "learners": {"cern": site.learner.facts}, "start": state_digest(site.learner.start())}
    for changed, wrong in ((facts | {"features": "other"}, "features"), (facts | {"seed": 2}, "features, seed")):
        entry = signer.entry(None, "start", {**start, "facts": changed}).line.decode()
        answer = asked("write", first=0, entries=[entry], sign=None)
        assert answer["error"] == f"this site has a ledger of other {wrong}"
    facts["features"] = site.learner.view.sha256
    entry = signer.entry(None, "start", {**start, "facts": facts}).line.decode()
    signed = asked("write", first=0, entries=[entry], sign={"kind": "vote", "body": body})
    assert signed["error"] == "this site did not answer what it should sign"  # nobody votes for it
    for round_, state in ((1, site.learner.start()), (0, {n: v + 1 for n, v in site.learner.start().items()})):
        refused = asked("propose", to_bytes(state), round=round_, proximal=0.0)["error"]
        assert refused == f"this site's ledger has no such round {round_}, or other weights before it"
    no = {"round": 0, "proposal": "a" * 64, "yes": None}
    assert (
        json.loads(asked("write", first=1, entries=[], sign={"kind": "vote", "body": no})["entry"])["body"] == no
    )
