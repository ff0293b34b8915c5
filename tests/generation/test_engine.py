"""The generation engine: any number of workers, any executor, killed and resumed, always the same events."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.toy import CHUNK_EVENTS, Toy
from pd4ml.dataset import Dataset, Register
from pd4ml.errors import DataError, FetchError, MissingExtraError, Pd4mlError, StoreError, UnknownNameError
from pd4ml.generation.engine import Chunk, _simulated, plan_chunks
from pd4ml.generation.simulator import Simulator

HELPERS = str(Path(__file__).parents[1])


def fingerprint(path: Path, **kwargs: object) -> str:
    return Toy.generate(path, 500, seed=3, **kwargs).manifest.fingerprint  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    return fingerprint(tmp_path_factory.mktemp("reference"))


def test_chunks_cover_each_split_once() -> None:
    chunks = plan_chunks({"train": 401, "test": 99}, 3, 50)
    for split, n in (("train", 401), ("test", 99)):
        events = [e for c in chunks if c.split == split for e in range(c.start, c.start + c.n_events)]
        assert events == list(range(n))
    states = {tuple(c.seed.generate_state(4)) for c in chunks}
    assert len(states) == len(chunks)


def test_a_chunk_does_not_depend_on_the_size_of_the_dataset() -> None:
    small, large = plan_chunks({"train": 100, "test": 50}, 3, 50), plan_chunks({"train": 900, "test": 50}, 3, 50)
    assert small[0].seed.generate_state(4).tolist() == large[0].seed.generate_state(4).tolist()
    assert small[-1].seed.generate_state(4).tolist() == large[-1].seed.generate_state(4).tolist()


def test_two_processes_give_the_same_events(tmp_path: Path, reference: str) -> None:
    assert fingerprint(tmp_path, workers=2) == reference


def test_what_is_made_and_not_yet_written_is_bounded() -> None:
    """However slow the disk is: chunks are given to workers only as fast as they are written."""
    chunks, begun, most = plan_chunks({"train": 400}, 3, 2), 0, 0

    def work(chunk: Chunk) -> dict[str, Any]:
        nonlocal begun
        begun += 1
        return {}

    with ThreadPoolExecutor(2) as executor:
        for n_written, _ in enumerate(_simulated(work, chunks, executor)):
            time.sleep(0.001)
            most = max(most, begun - n_written)
    assert begun == len(chunks) == 200
    assert 2 <= most <= 2 * 3 + 1


def test_any_executor_gives_the_same_events(tmp_path: Path, reference: str) -> None:
    with ThreadPoolExecutor(3) as executor:
        assert fingerprint(tmp_path, workers=executor) == reference


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
def test_dask_gives_the_same_events(tmp_path: Path, reference: str) -> None:
    from distributed import Client

    with (
        Client(  # type: ignore[no-untyped-call]
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as client,
        client.get_executor() as executor,
    ):
        assert fingerprint(tmp_path, workers=executor) == reference


def test_other_seeds_and_splits_give_other_events(tmp_path: Path, reference: str) -> None:
    store = Toy.generate(tmp_path, 500, seed=4)
    assert store.manifest.fingerprint != reference
    train, test = store.events("train")["points"], store.events("test")["points"]
    assert (len(train), len(test)) == (400, 100)
    assert len(np.unique(np.concatenate([train, test])[:, 0, 0])) > 495


def test_a_second_call_does_nothing_and_other_settings_are_refused(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for _ in range(2):
        Toy.generate(tmp_path, 200, variant="own", log=str(log))
    assert len(log.read_text().splitlines()) == 160 // CHUNK_EVENTS + 1 + 1
    with pytest.raises(StoreError, match=r"exists with seed 1, asked for 2.*--force"):
        Toy.generate(tmp_path, 200, seed=2, variant="own", log=str(log))
    forced = Toy.generate(tmp_path, 200, seed=2, variant="own", log=str(log), force=True)
    assert forced.manifest.provenance["seed"] == 2


def test_bad_events_are_refused_and_nothing_is_left_in_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="points: not finite in event"):
        Toy.generate(tmp_path, 200, variant="own", bad=True)
    assert not Toy.folder(tmp_path, "generated", "own").exists()


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"shfit": 1.0, "variant": "own"}, UnknownNameError, "unknown option 'shfit'; did you mean 'shift'"),
        ({"shift": -1.0, "variant": "own"}, DataError, "shift must not be negative"),
        ({"variant": "fra"}, UnknownNameError, "unknown variant 'fra'; did you mean 'far'"),
        ({"variant": "../x", "shift": 2.0}, UnknownNameError, "use letters"),
        ({"shift": 2.0}, DataError, "give events with shift set"),
        ({"n_events": 2e2}, DataError, "n_events must be a whole number"),
        ({"shift": "far", "variant": "own"}, DataError, "options {'shift': 'far'}"),
        ({"n_events": 1}, DataError, "too few"),
        ({"workers": 0}, DataError, "workers must be at least 1"),
        ({"seed": -1}, DataError, "seed must not be negative"),
    ],
)
def test_wrong_arguments(tmp_path: Path, kwargs: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Toy.generate(tmp_path, **{"n_events": 200, **kwargs})  # type: ignore[arg-type]
    assert not Toy.folder(tmp_path, "generated").exists()


def test_a_simulator_that_miscounts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Toy.simulator()

    def too_few(n: int, *others: Any) -> Any:
        return right.simulate(n - 1, *others)

    wrong = Simulator(too_few, right.config_type, chunk_events=CHUNK_EVENTS)
    monkeypatch.setattr(Toy, "simulator", classmethod(lambda cls: wrong))
    with pytest.raises(DataError, match="gave 49 events, asked for 50"):
        Toy.generate(tmp_path, 200)


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    store = Toy.generate(tmp_path, np.int64(200), np.int64(3), variant="own", shift=np.float32(2))  # type: ignore[arg-type]
    assert store.manifest.provenance["seed"] == 3
    assert store.manifest.provenance["config"]["shift"] == 2


def test_variants_have_their_settings_and_folders(tmp_path: Path) -> None:
    far = Toy.generate(tmp_path, 200, variant="far")
    own = Toy.generate(tmp_path, 200, variant="own", shift=2.0)
    assert far.manifest.provenance["config"]["shift"] == 5.0
    assert own.manifest.provenance["config"]["shift"] == 2.0
    assert {far.folder.name, own.folder.name} == {"generated-far", "generated-own"}


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = Toy.simulator()
    needs = Simulator(simulator.simulate, simulator.config_type, packages=("no_such_generator",))
    monkeypatch.setattr(Toy, "simulator", classmethod(lambda cls: needs))
    with pytest.raises(MissingExtraError, match=r"needs no_such_generator: pip install no_such_generator$"):
        Toy.generate(tmp_path, 200)


def test_a_dataset_without_a_simulator_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "datasets_register", Register())
    monkeypatch.setenv("PD4ML_OFFLINE", "1")

    class Bare(Dataset):
        card = dataclasses.replace(Toy.card, name="Bare")

    for call in (lambda: Bare.generate(tmp_path, 200), lambda: Bare.open("train", tmp_path, source="generated")):
        with pytest.raises(Pd4mlError, match="Bare") as caught:
            call()
        assert "simulator" in str(caught.value)
        assert "pd4ml generate" not in str(caught.value)
    with pytest.raises(FetchError, match=r"no files of Bare were published; Bare has no simulator"):
        Bare.load("train", tmp_path)


SLOW = """
import sys
sys.path.insert(0, {helpers!r})
from helpers.toy import Toy
Toy.generate({path!r}, 500, seed=3, workers={workers}, variant="slow", seconds=0.3)
"""


def start_slow(path: Path, workers: int) -> subprocess.Popen[bytes]:
    script = SLOW.format(helpers=HELPERS, path=str(path), workers=workers)
    return subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)


def wait_for_chunks(path: Path, n_chunks: int) -> None:
    journal = path / "Toy/generated-slow.partial/journal.jsonl"
    deadline = time.monotonic() + 60
    while not (journal.exists() and len(journal.read_text().splitlines()) >= n_chunks):
        assert time.monotonic() < deadline, "no chunk was finished"
        time.sleep(0.02)


def test_large_chunks_begin_first(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ThreadPoolExecutor(1) as executor:
        Toy.generate(tmp_path, 225, workers=executor, variant="logged", log=str(log))
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["50", "50", "50", "45", "30"]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_and_resumed(tmp_path: Path, how: signal.Signals, workers: int) -> None:
    process = start_slow(tmp_path, workers)
    wait_for_chunks(tmp_path, 2)
    process.send_signal(how)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert not Toy.folder(tmp_path, "generated").exists()
    before = (tmp_path / "Toy/generated-slow.partial/journal.jsonl").read_text().splitlines()
    assert 2 <= len(before) < 10
    resumed = Toy.generate(tmp_path, 500, seed=3, workers=2, variant="slow", seconds=0.3)
    whole = Toy.generate(tmp_path / "whole", 500, seed=3)
    assert resumed.manifest.fingerprint == whole.manifest.fingerprint
    resumed.verify()


def test_two_processes_in_one_place(tmp_path: Path) -> None:
    first = start_slow(tmp_path, 1)
    wait_for_chunks(tmp_path, 1)
    second = start_slow(tmp_path, 1)
    _, message = second.communicate(timeout=60)
    assert b"another process is writing" in message
    assert b"; waiting" in message
    first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(Toy.open("train", tmp_path, source="generated", variant="slow")) == 400
