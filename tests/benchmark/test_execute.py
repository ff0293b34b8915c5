"""Running plans: failing cells, resume, executors, processes that die; always the same numbers."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helpers.plans import train_or_die, write_plan, write_recipe
from helpers.toy import Toy
from pd4ml.benchmark import Outcome, Plan, Record, find_records, load_plan, plan_states, run_plan, train
from pd4ml.benchmark.run import Run, train_sample
from pd4ml.errors import DataError, MissingExtraError, StoreError
from pd4ml.generation.simulator import Simulator

HELPERS = str(Path(__file__).parents[1])


def plan_with(folder: Path, *names: str, seeds: tuple[int, ...] = (1,), epochs: int = 1) -> Plan:
    """A plan of good recipes, and of one that cannot be built if it is called ``bad``."""
    folder.mkdir(exist_ok=True, parents=True)
    models = {"bad": "graph_nt"}
    recipes = [
        write_recipe(folder, name, models.get(name, "fcn"), depth=1 + i, epochs=epochs)
        for i, name in enumerate(names)
    ]
    return load_plan(write_plan(folder, *recipes, seeds=seeds))


def run(plan: Plan, folder: Path, **options: Any) -> Outcome:
    return run_plan(plan, path=folder / "data", runs_dir=folder / "runs", **options)


def numbers(records: Iterable[Record]) -> list[tuple[Any, ...]]:
    return [(record.recipe["name"], record.seed, record.predictions["sha256"]) for record in records]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    folder = tmp_path_factory.mktemp("reference")
    return numbers(run(plan_with(folder, "a", "b", seeds=(1, 2)), folder).records)


def test_events_are_made_and_cells_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_with(tmp_path, "a", "b", seeds=(1, 2))
    assert [state.state for state in plan_states(plan, tmp_path / "data", tmp_path / "runs")] == ["waiting"] * 4
    outcome = run(plan, tmp_path)
    assert len(Toy.open("train", tmp_path / "data", source="generated")) == 160
    assert [(r.recipe["name"], r.seed) for r in outcome.records] == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert not outcome.failures
    assert len(find_records(tmp_path / "runs")) == 4
    said = capsys.readouterr().err
    assert "4 trainings, 0 finished before" in said
    assert re.search(r"\[3/4\] Toy a seed 2 finished in \d+ s; less than a minute left\n", said)
    assert re.search(r"\[4/4\] Toy b seed 2 finished in \d+ s\n", said)


def test_finished_cells_are_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(plan_with(tmp_path, "a"), tmp_path)
    both = run(plan_with(tmp_path, "a", "b"), tmp_path)
    assert "2 trainings, 1 finished before" in capsys.readouterr().err
    assert both.records[0] == first.records[0]
    monkeypatch.setattr("pd4ml.benchmark.execute.train_sample", None)
    monkeypatch.setattr("pd4ml.benchmark.execute.expected_cost", None)
    assert run(plan_with(tmp_path, "a", "b"), tmp_path) == both


def test_a_failing_cell_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_with(tmp_path, "bad", "a")
    outcome = run(plan, tmp_path)
    assert [record.recipe["name"] for record in outcome.records] == ["a"]
    (failure,) = outcome.failures
    assert failure.cell is plan.cells[0]
    assert "did you mean 'graph_net'" in failure.reason
    assert "[1/2] Toy bad seed 1 failed: unknown model 'graph_nt'" in capsys.readouterr().err
    bad, good = plan_states(plan, tmp_path / "data", tmp_path / "runs")
    assert (bad.state, bad.reason) == ("failed", failure.reason)
    assert (good.state, good.record) == ("finished", outcome.records[0])
    assert len(find_records(tmp_path / "runs")) == 1


def test_a_failed_cell_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_with(tmp_path, "a")

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left\non device")

    with monkeypatch.context() as patched:
        patched.setattr("pd4ml.benchmark.execute.train_sample", full_disk)
        (failure,) = run(plan, tmp_path).failures
    assert failure.reason == "OSError: [Errno 28] No space left on device"
    (state,) = plan_states(plan, tmp_path / "data", tmp_path / "runs")
    assert (state.state, state.reason) == ("failed", failure.reason)
    outcome = run(plan, tmp_path)
    assert not outcome.failures
    assert state.folder is not None
    assert not (state.folder / "failed.txt").exists()


def test_a_run_of_another_process_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from filelock import FileLock

    plan = plan_with(tmp_path, "a")
    Toy.generate(tmp_path / "data", 200)
    (state,) = plan_states(plan, tmp_path / "data", tmp_path / "runs")
    assert state.folder is not None
    (tmp_path / "runs").mkdir()
    with ThreadPoolExecutor(1) as executor, ThreadPoolExecutor(1) as other:
        with FileLock(tmp_path / "runs" / f".{state.folder.name}.lock"):
            running = other.submit(run, plan, tmp_path, workers=executor)
            while "; waiting" not in capsys.readouterr().err:
                time.sleep(0.02)
            assert not state.folder.exists()
        outcome = running.result()  # the other one left no record, so it was trained here
    assert (len(outcome.records), outcome.failures) == (1, ())


def test_a_variant_is_made_and_trained_on(tmp_path: Path) -> None:
    file = Path(plan_with(tmp_path, "a").name)
    file.write_text(file.read_text() + 'variants = { Toy = "far" }\n')
    plan = load_plan(file)
    outcome = run(plan, tmp_path)
    assert [record.dataset["variant"] for record in outcome.records] == ["far"]
    assert [state.state for state in plan_states(plan, tmp_path / "data", tmp_path / "runs")] == ["finished"]
    assert run(plan, tmp_path) == outcome
    Toy.generate(tmp_path / "data", 200, seed=9, variant="far", force=True)
    with pytest.raises(StoreError, match=r"`pd4ml generate Toy --variant far --events 200 .* --force`"):
        run(plan, tmp_path)


def test_parts_of_the_train_split_are_trained_on_too(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, "a")
    (tmp_path / "plan.toml").write_text((tmp_path / "plan.toml").read_text() + "train_events = [40, 80]\n")
    plan = load_plan(tmp_path / "plan.toml")
    outcome = run(plan, tmp_path)
    assert not outcome.failures
    assert [r.events["train"] + r.events["valid"] for r in outcome.records] == [40, 80, 160]
    assert {r.events["test"] for r in outcome.records} == {40}
    states = plan_states(plan, tmp_path / "data", tmp_path / "runs")
    assert [state.state for state in states] == ["finished"] * 3


def test_threads_give_the_same_numbers(tmp_path: Path, reference: list[tuple[Any, ...]]) -> None:
    with ThreadPoolExecutor(3) as executor:
        outcome = run(plan_with(tmp_path, "a", "b", seeds=(1, 2)), tmp_path, workers=executor)
    assert numbers(outcome.records) == reference


def test_threads_of_a_process_train_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = threading.Semaphore(1)

    def alone(*arguments: Any, **options: Any) -> Run:
        assert inside.acquire(blocking=False), "two trainings at a time share a random state"
        time.sleep(0.1)
        trained = train_sample(*arguments, **options)
        inside.release()
        return trained

    monkeypatch.setattr("pd4ml.benchmark.execute.train_sample", alone)
    with ThreadPoolExecutor(2) as executor:
        assert not run(plan_with(tmp_path, "a", "b"), tmp_path, workers=executor).failures


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
def test_dask_gives_the_same_numbers(tmp_path: Path, reference: list[tuple[Any, ...]]) -> None:
    from distributed import Client

    plan = plan_with(tmp_path, "a", "b", "bad", seeds=(1, 2))
    with (
        Client(  # type: ignore[no-untyped-call]
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as client,
        client.get_executor() as executor,
    ):
        outcome = run(plan, tmp_path, workers=executor)
    assert numbers(outcome.records) == reference
    assert [failure.cell.seed for failure in outcome.failures] == [1, 2]


def test_a_process_that_dies_takes_only_those_beside_it(
    tmp_path: Path, reference: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_with(tmp_path, "a", "b", "dies")
    with monkeypatch.context() as patched:
        patched.setattr("pd4ml.benchmark.execute._train", train_or_die)
        first = run(plan, tmp_path, workers=2)
    assert {failure.reason for failure in first.failures} == {"a worker process died, perhaps for lack of memory"}
    assert first.failures[-1].cell.recipe.name == "dies"
    assert len(first.failures) <= 2
    again = run(load_plan(plan.name, recipes=["a.toml", "b.toml"]), tmp_path, workers=2)
    assert numbers(again.records) == reference[:2]


SLOW = """
import sys
sys.path.insert(0, {helpers!r})
from helpers.toy import Toy
from pd4ml.benchmark import load_plan, run_plan
run_plan(load_plan({plan!r}), path={path!r}, runs_dir={runs!r}, workers={workers})
"""


@pytest.mark.parametrize(("how", "workers"), [(signal.SIGKILL, 1), (signal.SIGINT, 2)])
def test_stopped_and_resumed(tmp_path: Path, how: signal.Signals, workers: int) -> None:
    plan = plan_with(tmp_path, "quick", "long", epochs=50)
    write_recipe(tmp_path, "quick")
    runs = tmp_path / "runs"
    script = SLOW.format(
        helpers=HELPERS, plan=plan.name, path=str(tmp_path / "data"), runs=str(runs), workers=workers
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(runs.glob("*-long-*/last.ckpt")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode != 0
    plan = load_plan(plan.name)
    quick, long = plan_states(plan, tmp_path / "data", runs)
    assert long.state == "started"
    assert quick.state == "finished" or workers == 2
    outcome = run(plan, tmp_path)
    assert not outcome.failures
    whole = train(
        Toy, plan.cells[1].recipe, path=tmp_path / "data", source="generated", runs_dir=tmp_path / "whole"
    )
    assert outcome.records[1].predictions == whole.predictions


def test_events_that_cannot_be_made_fail_their_cells_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no events today")

    simulator = Simulator(broken, Toy.simulator().config_type)  # type: ignore[arg-type]
    monkeypatch.setattr(Toy, "simulator", classmethod(lambda cls: simulator))
    outcome = run(plan_with(tmp_path, "a", "b"), tmp_path)
    assert [failure.reason for failure in outcome.failures] == ["RuntimeError: no events today"] * 2
    assert not outcome.records
    assert "Toy has no events: RuntimeError: no events today" in capsys.readouterr().err


def test_with_few_cores_datasets_are_made_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each by one process; what fails in one leaves the other, and the events are those of any other way."""
    monkeypatch.setattr("pd4ml.benchmark.execute.cores", lambda: 2)
    file = write_plan(tmp_path, write_recipe(tmp_path, "a"))
    file.write_text(file.read_text().replace('["Toy"]', '["Toy", "Airshower"]'))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "Airshower").write_text("a file where a folder should be")
    outcome = run(load_plan(file), tmp_path)
    assert [failure.cell.dataset.name for failure in outcome.failures] == ["Airshower"]
    said = capsys.readouterr().err
    assert "generated 200 events of Toy" in said
    assert "Airshower has no events: " in said
    made = Toy.open("train", tmp_path / "data", source="generated").manifest.fingerprint
    Toy.generate(tmp_path / "other", 200)
    assert made == Toy.open("train", tmp_path / "other", source="generated").manifest.fingerprint


def test_what_is_wrong_from_the_start_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_with(tmp_path, "a")
    with pytest.raises(DataError, match="workers must be at least 1, found 0"):
        run(plan, tmp_path, workers=0)
    Toy.generate(tmp_path / "data", 300)
    with pytest.raises(StoreError, match=r"holds 300 events, plan .* is for 200: choose another folder"):
        run(plan, tmp_path)
    with pytest.raises(StoreError, match="holds 300 events"):
        plan_states(plan, tmp_path / "data", tmp_path / "runs")
    Toy.generate(tmp_path / "data", 200, seed=9, force=True)
    with pytest.raises(StoreError, match="exists with seed 9, asked for 1"):
        run(plan, tmp_path)
    simulator = Toy.simulator()
    needs = Simulator(simulator.simulate, simulator.config_type, packages=("no_such_generator",))
    monkeypatch.setattr(Toy, "simulator", classmethod(lambda cls: needs))
    with pytest.raises(MissingExtraError, match="pip install no_such_generator"):
        run_plan(plan, path=tmp_path / "elsewhere", runs_dir=tmp_path / "runs")
    assert find_records(tmp_path / "runs") == []
