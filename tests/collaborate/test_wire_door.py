"""Who may speak to whom: kits, signed requests, strangers, and what a site was not started for."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.toy import Toy
from pd4ml.collaborate import groups_of
from pd4ml.collaborate.ledger import COORDINATOR, Signer
from pd4ml.collaborate.weights import state_digest, to_bytes
from pd4ml.errors import DataError, StoreError
from pd4ml.sample import Sample
from pd4ml.training.recipe import Recipe, load_recipe

pytest.importorskip("nvflare", reason="needs the extra [network]")

from helpers.federation import NAMES, SMALL, environment, wait_until
from pd4ml.collaborate.wire.cells import ServerCell, probe
from pd4ml.collaborate.wire.kits import Kit, make_kits
from pd4ml.collaborate.wire.messages import pack, request, unpack, verified
from pd4ml.collaborate.wire.processes import free_port
from pd4ml.collaborate.wire.site import Offer, Site, run_site


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    Toy.generate(path, 400, seed=1)
    return path


@pytest.fixture(scope="module")
def groups(data: Path) -> dict[str, Sample]:
    return dict(zip(NAMES, groups_of(Toy, data, 3, "equal").values(), strict=True))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("fcn_quick", Toy).override(**SMALL)


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
    with pytest.raises(StoreError, match="is there already"):
        make_kits(tmp_path / "kits", ("cern", "other"))


def test_what_nvflare_only_prints_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a full disk: no traceback, nothing left, and it goes on when there is room."""
    from nvflare.lighter.impl.cert import CertBuilder

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(StoreError, match=r"no kits .* No space left on device"):
        patch.setattr(CertBuilder, "build", full)
        make_kits(tmp_path / "kits", NAMES)
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    make_kits(tmp_path / "kits", NAMES)


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
    whole = {"format": 1, "name": "a", "host": "h", "port": 1, "sites": ["a", "b"], "coordinator": ""}
    changes: list[dict[str, Any]] = [
        {"sites": ["../a", "b"]},
        {"sites": [1]},
        {"sites": None},
        {"name": ".."},
        {"name": "\x1b[31m"},
    ]
    for wrong in (*changes, {"port": "1"}, {"host": None}, {"host": 5}, {"more": 1}):
        (tmp_path / "kit.json").write_text(json.dumps({**whole, **wrong}))
        with pytest.raises(DataError, match=r"is no kit|port must be"):
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
    with pytest.raises(DataError, match="no finite number"):
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
    port = free_port()
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


def test_a_site_refuses_what_it_was_not_started_for(
    groups: dict[str, Sample], recipe: Recipe, tmp_path: Path
) -> None:
    kits = make_kits(tmp_path / "kits", NAMES)
    signer = Signer(COORDINATOR, kits[0] / COORDINATOR / "key")
    site = Site(Kit.read(kits[1]), Offer(groups["cern"], recipe), kits[1])

    def asked(kind: str, blob: bytes = b"", **said: Any) -> dict[str, Any]:
        head = {"to": "cern", "kind": kind, "call": time.time_ns(), **said}
        return dict(unpack(site.answer(request(signer, head, blob)).result(60)).head)

    job: dict[str, Any] = {"dataset": "Toy", "recipe": recipe.to_dict(), "seed": 1, "epochs": 1}
    job |= {"features": None, "start": False}
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
