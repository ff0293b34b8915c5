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
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.toy import Toy
from pd4ml.collaborate import collaborate, compare_ledgers, groups_of, read_collaboration, verify_ledger
from pd4ml.collaborate.ledger import COORDINATOR
from pd4ml.collaborate.strategies import Ballot, Vote
from pd4ml.collaborate.weights import state_digest
from pd4ml.errors import DataError
from pd4ml.sample import Sample
from pd4ml.training.recipe import Recipe, load_recipe

pytest.importorskip("nvflare", reason="needs the extra [network]")

from helpers import faulty_site
from helpers.faulty_site import order
from helpers.federation import NAMES, SMALL, Federation, environment, wait_until
from pd4ml.collaborate.wire import processes
from pd4ml.collaborate.wire.kits import make_kits
from pd4ml.collaborate.wire.messages import unpack


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Toy.generate(path, 400, seed=1)
    Toy.generate(path, 200, seed=2, variant="far")
    return path


@pytest.fixture(scope="module")
def groups(data: Path) -> dict[str, Sample]:
    return dict(zip(NAMES, groups_of(Toy, data, 3, "equal").values(), strict=True))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("fcn_quick", Toy).override(**SMALL)


def bodies(file: Path) -> list[tuple[str, str, Any]]:
    return [(entry.kind, entry.author, entry.body) for entry in verify_ledger(file)[1:]]


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


@pytest.fixture(scope="module")
def federation(
    tmp_path_factory: pytest.TempPathFactory, groups: dict[str, Sample], recipe: Recipe
) -> Iterator[Federation]:
    command, processes._SITE = processes._SITE, faulty_site.COMMAND
    with ExitStack() as stack:
        yield Federation(tmp_path_factory.mktemp("federation"), groups, recipe, stack)
    processes._SITE = command


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
    kits = make_kits(tmp_path / "kits", ("cern", "desy"), port=processes.free_port())

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
