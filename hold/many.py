"""Many at once: one writes, the others wait or read; what is left is what one process leaves, bit for bit."""

from __future__ import annotations

import errno
import functools
import hashlib
import http.server
import itertools
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from hold.cases import Outcome, Row, Size, collect
from hold.crowd import Ended, Job, at_once, contents, leftovers, line, start

__all__ = ["rows"]

_BASE = (
    "generate Airshower --events 60 --workers 1 --path d",
    "train Airshower --recipe gbdt --path d --runs r",
    "generate Airshower --events 60 --workers 1 --path d --variant iron",
    "generate Airshower --events 60 --workers 1 --path d --variant proton",
    "convert mine.csv --name Mine --target label --task classification --path d",
    "train Mine --recipe fcn_quick --path d --runs r --set max_epochs=1 --threads 1",
    "train Mine --recipe fcn_quick --path d --runs r --set max_epochs=1 --threads 1 --seed 2",
)
_PLAN = """
datasets = ["Airshower"]
recipes = ["gbdt"]
seeds = [1, 2]
events = { default = 40 }
"""


@dataclass(frozen=True)
class Scenario:
    """What many processes do: ``jobs`` (as many as there are places, in turn).

    ``refused`` says that all but one may say no in a line. ``compare`` is what of the files must be as one process
    leaves it (all by default); ``check`` says what else is wrong; ``before`` is done first. ``most`` processes.
    """

    name: str
    jobs: Sequence[Job]
    refused: bool = False
    compare: str = ""
    check: Callable[[Path, list[Ended]], str] | None = None
    before: Callable[[Path], None] | None = None
    most: int = 16
    short: bool = False

    def places(self, n: int) -> list[Job]:
        """A job for each process."""
        return list(itertools.islice(itertools.cycle(self.jobs), min(n, self.most)))


def rows(folder: Path, size: Size) -> Iterable[Row]:
    """A row for each scenario; a case is one repetition."""
    n, repeat = (16, 2) if size is Size.LONG else (4, 1)
    base = prepared(folder, size)
    for scenario in scenarios(folder, size):
        if size is Size.LONG or scenario.short:
            yield tried(scenario, base, folder, n, repeat)


def tried(scenario: Scenario, base: Path, folder: Path, n: int, repeat: int) -> Row:
    """The row of one scenario, ``repeat`` times with ``n`` processes each."""
    jobs = scenario.places(n)
    wanted = _alone(scenario, jobs, base, folder)
    found = []
    for k in range(repeat):
        place = _copy(base, folder / "together")
        if scenario.before is not None:
            scenario.before(place)
        ended = at_once(jobs, place, folder / "log")
        found.append(Outcome(f"repetition {k}: {jobs[0]}", _wrong(scenario, ended, place, wanted)))
    return collect(f"{len(jobs)} at once {scenario.name}", found)


def _wrong(scenario: Scenario, ended: list[Ended], place: Path, wanted: dict[str, str]) -> str:
    """What is not as it should be; the first that is found."""
    for one in ended:
        if one.code != 0 and not (scenario.refused and one.refused):
            return f"{one.job} ended with {one.code}: {one.printed.strip()[-500:]}"
    if scenario.refused and scenario.check is None and all(one.code for one in ended):
        return f"none of them did it: {ended[0].printed.strip()[-300:]}"
    if left := leftovers(place):
        return f"left behind: {', '.join(left[:5])}"
    found = _of(contents(place), scenario.compare)
    if different := sorted(name for name in found | wanted if found.get(name) != wanted.get(name)):
        return f"other than one process leaves it: {', '.join(different[:5])}"
    return "" if scenario.check is None else scenario.check(place, ended)


def _of(found: dict[str, str], part: str) -> dict[str, str]:
    return {name: digest for name, digest in found.items() if name.startswith(part)}


def prepared(folder: Path, size: Size) -> Path:
    """Events and runs that scenarios begin with, made once."""
    base = folder / "base"
    base.mkdir()
    (base / "plan.toml").write_text(_PLAN)
    rng = np.random.default_rng(1)
    values = np.column_stack([rng.normal(size=(4000, 2)).round(6), rng.integers(0, 2, 4000)])
    np.savetxt(
        base / "mine.csv", values, fmt=("%.6f", "%.6f", "%d"), delimiter=",", header="a,b,label", comments=""
    )
    for i in range(16):
        output = np.random.default_rng(i).normal(700, 30, 18).astype(np.float32)
        np.savez(base / f"p{i}.npz", event_id=np.arange(18), value=output)
    for text in _BASE if size is Size.LONG else _BASE[:2]:
        (ended,) = at_once([text], base, folder / "log")
        if ended.code:
            raise RuntimeError(f"{text} ended with {ended.code}: {ended.printed[-500:]}")
    return base


def _copy(base: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(base, to))


def _alone(scenario: Scenario, jobs: list[Job], base: Path, folder: Path) -> dict[str, str]:
    """What one process after another leaves."""
    place = _copy(base, folder / "alone")
    for job in dict.fromkeys(jobs):
        at_once([job], place, folder / "log")
    return _of(contents(place), scenario.compare)


# Scenarios --------------------------------------------------------------------------------------------------


def scenarios(folder: Path, size: Size) -> Iterable[Scenario]:
    """All that is tried."""
    trees, *nets = sorted(f"r/{file.parent.name}" for file in (folder / "base" / "r").glob("*/record.json"))
    yield from _events()
    yield from _trainings(*(nets if size is Size.LONG else ["", ""]))
    yield from _numbers(trees)
    yield from _rest(trees)
    yield from _locks()
    yield from _downloads(folder)


def _events() -> Iterable[Scenario]:
    again = "generate Airshower --events 40 --workers 1 --path new"
    yield Scenario("generate the same events", [again], short=True)
    two = "generate Airshower --events 300 --workers 2 --path new"
    yield Scenario("generate the same events, with two workers each", [two], most=4)
    several = [f"{again} --variant {name}" for name in ("default", "iron", "proton", "nitrogen")]
    yield Scenario("generate other variants into one folder", several)
    yield Scenario("replace the same events", [f"{again} --force"], most=8)
    seeds = [f"generate Airshower --events 40 --workers 1 --path new --seed {seed}" for seed in (1, 2)]
    yield Scenario("generate other events of one name", seeds, refused=True, compare="d/")
    convert = "convert mine.csv --name Own --target label --task classification --path d"
    yield Scenario("convert the same file", [convert], short=True)
    yield Scenario("convert under other names", [convert.replace("Own", f"Own{i}") for i in range(16)])
    for kind in ("parquet", "huggingface"):
        text = f"export Airshower --path d --to out --format {kind}"
        yield Scenario(f"export to one folder ({kind})", [text], refused=True)
    yield Scenario("export to one file", ["export Airshower --path d --to out --format npz"])
    readers = ["verify d/Airshower/generated-default", "audit Airshower --path d", "list --path d"]
    yield Scenario("open and verify", readers)
    replacing = ["generate Airshower --events 60 --workers 1 --path d --force", *readers[:1] * 3]
    yield Scenario("verify while another replaces", replacing, refused=True)


def _trainings(net: str, other: str) -> Iterable[Scenario]:
    train = "train Airshower --path d --runs new"
    one = f"{train} --recipe fcn_quick --set max_epochs=2 --threads 1"
    yield Scenario("train the same", [one], short=True)
    yield Scenario("train the same trees", [f"{train} --recipe gbdt"])
    yield Scenario("train others into one folder", [f"{train} --recipe gbdt --seed {i}" for i in range(16)])
    yield Scenario("train the same anew", [f"{train} --recipe gbdt --force"], most=8)
    yield Scenario("run one plan", ["benchmark --plan plan.toml --path d2 --runs r2 --workers 1"], most=8)
    plan = "benchmark --plan plan.toml --path d2 --runs r2 --workers 2"
    yield Scenario("run one plan, with two workers each", [plan], most=2)
    yield Scenario("calibrate one run", [f"calibrate {net} --path d"])
    yield Scenario("make an ensemble of the same runs", [f"ensemble {net} {other} --path d"])
    yield Scenario("make intervals of one run", [f"intervals {net} --path d"], most=8)
    yield Scenario("make a Laplace approximation of one run", [f"laplace {net} --path d"], most=8)
    text = "collaborate Airshower --recipe fcn_quick --learners 2 --rounds 2 --no-compare --path d --out c"
    yield Scenario("collaborate in one folder", [text], compare="c/collaboration.json", most=8)


def _numbers(trees: str) -> Iterable[Scenario]:
    yield Scenario("evaluate one run", [f"evaluate {trees} --path d"])
    yield Scenario("predict into one file", [f"predict {trees} --path d --out new.npz"])
    yield Scenario("shift one run", [f"shift {trees} --path d --variants iron,proton"], most=8)
    made = f"shift {trees} --path d --events 60 --workers 1 --variants nitrogen,iron"
    yield Scenario("shift one run, making its variants", [made], most=8)
    add = f"leaderboard add {trees} --to board --path d"
    yield Scenario("add one run to a leaderboard", [add], refused=True, check=_checked, short=True)
    same = [
        f"leaderboard add --predictions p0.npz --dataset Airshower --name n{i} --to board --path d"
        for i in range(16)
    ]
    yield Scenario("add the same under other names", same, refused=True, compare="d/", check=_one_entry)
    all_ = [text.replace("p0", f"p{i}") for i, text in enumerate(same)]
    yield Scenario("add others to a leaderboard", [*all_, f"{add} "], check=_checked)
    yield Scenario("report to one file", ["report r --out report.html"], most=8)
    train = "train Airshower --recipe gbdt --path d --runs r --seed 5"
    yield Scenario("list results while another trains", ["results r", train, "results r --json"])


def _rest(trees: str) -> Iterable[Scenario]:
    for kind in ("dataset", "model", "method"):
        name = "MyOwn" if kind == "dataset" else "my_own"
        text = f"new {kind} {name} --to own"
        yield Scenario(f"begin one {kind}", [text], refused=True, short=kind == "method")
    infer = "infer Airshower --share primary=56 --events 4 --recipe fcn_quick --set max_epochs=1 --sets 100"
    yield Scenario("infer into one folder", [f"{infer} --path d --out i"], most=4)
    unfold = f"unfold Airshower --data proton --observables xmax --run {trees} --path d --out u"
    yield Scenario("unfold into one folder", [unfold], refused=True, most=4)
    enter = [f"compete Airshower --path d --entries n{i}=p{i}.npz" for i in range(16)]
    yield Scenario("enter a competition", enter, compare="d/", check=_all_entered)
    out = "compete Airshower --path d --hand-out inputs"
    yield Scenario("hand out the inputs of a competition", [out], refused=True, compare="d/", check=_one_did)
    kits = "collaborate kits kits --sites a,b"
    yield Scenario("make kits in one folder", [kits], refused=True, compare="d/", check=_one_did, most=4)
    mixed: list[Job] = [
        "generate Airshower --events 40 --workers 1 --path d --variant dense",
        "convert mine.csv --name Own --target label --task classification --path d",
        "verify d/Airshower/generated-default",
        "train Airshower --recipe gbdt --path d --runs r --seed 3",
        f"leaderboard add {trees} --to board --path d",
        "results r",
        f"evaluate {trees} --path d",
        "train Airshower --recipe gbdt --path d --runs r --seed 4",
    ]
    yield Scenario("do all of it in one folder", mixed, refused=True, check=_checked)


def _locks() -> Iterable[Scenario]:
    text = "generate Airshower --events 40 --workers 1 --path new"
    killed = functools.partial(_killed, text)
    yield Scenario("go on after a killed owner of the lock", [text], before=killed, short=True)
    train = "train Airshower --recipe fcn_quick --set max_epochs=3 --threads 1 --path d --runs new"
    killed = functools.partial(_killed, train)
    yield Scenario("train on after a killed owner of the lock", [train], before=killed)
    for number in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
        jobs = [functools.partial(without_locks, number, argv) for argv in (text, train)]
        name = f"write where locks fail with {errno.errorcode[number]}"
        yield Scenario(name, jobs, refused=True, compare="d/", check=_none_did, most=2, short=True)


def _killed(text: str, place: Path) -> None:
    """Begin ``text``, and end it with SIGKILL as soon as its lock and its first file are there."""
    process = start(text, place, place.parent / "killed")
    new = place / "new"
    while process.is_alive() and not any(file.suffix != ".lock" for file in new.rglob("*") if file.is_file()):
        time.sleep(0.001)
    if process.is_alive():
        os.kill(process.pid or 0, signal.SIGKILL)
    process.join()


def without_locks(number: int, text: str) -> int:
    """Do ``text`` on a file system that answers flock with the error ``number``."""
    with mock.patch("fcntl.flock", side_effect=OSError(number, os.strerror(number))):
        return line(text)


def _downloads(folder: Path) -> Iterable[Scenario]:
    """A loopback server with one file, of which the server counts how often it is asked for."""
    served = folder / "served"
    served.mkdir()
    np.savez(served / "jets.npz", x=np.arange(200_000))
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=str(served))  # type: ignore[arg-type]

        def log_message(self, text: str, *given: object) -> None:
            asked.append(text % given)

    def once(place: Path, ended: list[Ended]) -> str:
        found, asked[:] = list(asked), []
        return "" if len(found) == 1 else f"the server was asked {len(found)} times"

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        digest = hashlib.sha256((served / "jets.npz").read_bytes()).hexdigest()
        job = functools.partial(fetched, f"http://127.0.0.1:{server.server_port}/jets.npz", digest)
        yield Scenario("fetch the same file", [job], check=once, before=lambda _: asked.clear(), short=True)
        server.shutdown()


def fetched(url: str, sha256: str) -> int:
    """Fetch a published file into the folder ``f``."""
    from pd4ml.card import PublishedFile
    from pd4ml.storage.fetch import fetch

    fetch(PublishedFile("jets.npz", (url,), "npz", ("train",), sha256=sha256), Path("f"))
    return 0


# Checks -----------------------------------------------------------------------------------------------------


def _checked(place: Path, ended: list[Ended]) -> str:
    (one,) = at_once(["leaderboard check board --path d"], place, place.parent / "check")
    return "" if one.code == 0 else f"leaderboard check: {one.printed.strip()[-300:]}"


def _one_entry(place: Path, ended: list[Ended]) -> str:
    found = list(place.glob("board/*/*/record.json"))
    return _checked(place, ended) if len(found) == 1 else f"{len(found)} entries of the same predictions"


def _one_did(place: Path, ended: list[Ended]) -> str:
    done = sum(one.code == 0 for one in ended)
    return "" if done == 1 else f"{done} of them say that they did it"


def _none_did(place: Path, ended: list[Ended]) -> str:
    done = [one for one in ended if one.code == 0 or "has no file locks" not in one.printed]
    return f"not refused: {done[0].printed.strip()[-300:]}" if done else ""


def _all_entered(place: Path, ended: list[Ended]) -> str:
    (one,) = at_once(["collaborate verify competition/ledger.jsonl"], place, place.parent / "check")
    if one.code:
        return f"collaborate verify: {one.printed.strip()[-300:]}"
    entered = len((place / "competition" / "ledger.jsonl").read_text().splitlines()) - 1
    return "" if entered == len(ended) else f"{entered} of {len(ended)} entries are in the ledger"
