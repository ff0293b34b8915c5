"""How cells share a machine: as many at a time as cores are free, the long ones first."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from helpers.plans import write_plan, write_recipe
from pd4ml.benchmark import load_plan, run_plan
from pd4ml.benchmark.work import Share, share


@pytest.mark.parametrize(
    ("workers", "n_cells", "free", "gigabytes", "expected"),
    [
        ("auto", 20, 4.0, 64, Share(4, 1, 8)),
        ("auto", 20, 1.7, 64, Share(2, 1, 8)),
        ("auto", 20, 0.1, 64, Share(1, 1, 8)),  # a busy machine
        ("auto", 1, 4.0, 64, Share(1, 4, 1)),
        ("auto", 3, 8.0, 64, Share(3, 2, 3)),
        ("auto", 0, 4.0, 64, Share(1, 4, 1)),
        ("auto", 20, 4.0, 3.5, Share(2, 2, 2)),
        ("auto", 20, 4.0, 0.5, Share(1, 4, 1)),
        ("auto", 20, 4.0, None, Share(4, 1, 8)),
        (2, 20, 0.1, 0.5, Share(2, 4, 2)),  # as it was said
        (1, 20, 0.1, 0.5, Share(1, 8, 1)),
    ],
)
def test_how_cells_share_the_machine(
    workers: int | Literal["auto"],
    n_cells: int,
    free: float,
    gigabytes: float | None,
    expected: Share,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = None if gigabytes is None else int(gigabytes * 2**30)
    monkeypatch.setattr("pd4ml.benchmark.work.free_cores", lambda _: free)
    monkeypatch.setattr("pd4ml.benchmark.work.memory_bytes", lambda: memory)
    monkeypatch.setattr("pd4ml.benchmark.work.cores", lambda: 8)
    assert share(workers, n_cells) == expected


def test_the_long_ones_begin_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pd4ml.benchmark.work.free_cores", lambda _: 2.0)
    monkeypatch.setattr("pd4ml.benchmark.work.cores", lambda: 2)
    epochs = {"short": 1, "long": 3, "middle": 2}
    recipes = [write_recipe(tmp_path, name, epochs=n) for name, n in epochs.items()]
    plan = load_plan(write_plan(tmp_path, *recipes))
    outcome = run_plan(plan, path=tmp_path / "data", runs_dir=tmp_path / "runs", workers="auto")
    begun = [line.split()[2] for line in capsys.readouterr().err.splitlines() if line.startswith("training ")]
    assert begun == ["long", "middle", "short"]
    assert [record.recipe["name"] for record in outcome.records] == list(epochs)


def test_more_are_begun_when_others_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pd4ml.benchmark.work.free_cores", lambda _: 0.3)
    monkeypatch.setattr("pd4ml.benchmark.work.cores", lambda: 2)
    monkeypatch.setattr("pd4ml.benchmark.work._LOOK_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr("pd4ml.benchmark.work.CoreMeter.free", lambda _: 1.1)
    plan = load_plan(write_plan(tmp_path, write_recipe(tmp_path, "a"), write_recipe(tmp_path, "b", epochs=2)))
    assert len(run_plan(plan, path=tmp_path / "data", runs_dir=tmp_path / "runs", workers="auto").records) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(("training ", "["))]
    assert [line.split()[0] for line in lines] == ["training", "training", "[1/2]", "[2/2]"]
