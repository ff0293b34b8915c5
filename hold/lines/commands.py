"""The command lines that are killed, one at least for every command that writes, and what each begins with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hold.lines.forks import Place, run_line

__all__ = ["LINES", "READ_ONLY", "Line", "commands", "make_fixtures"]

RECIPE = """model = "fcn"
description = "for the harness"
reference = "none"
learning_rate = 1e-2
batch_size = 32
max_epochs = {epochs}
patience = {patience}
min_delta = {delta}
schedule = {{ kind = "constant" }}
hyperparameters = {{ width = 8, depth = 1 }}
"""
PLAN = """datasets = ["Flat"]
seeds = [1, 2]
recipes = ["net.toml", "gbdt"]
events = { default = 80 }
"""
_MANY = 9000  # events, of which enough are for validation to calibrate or flatten with
NET, TREES = "runs/net", "runs/trees"

READ_ONLY = {
    *("list", "info", "cite", "verify", "recipes", "results", "doctor"),
    *("collaborate verify", "leaderboard show", "leaderboard check"),
}
"""Commands that leave nothing; `doctor` tries whether it could."""


@dataclass(frozen=True)
class Line:
    """A command line, the fixture that it begins with, and the command that it stands for.

    ``workers`` says that it has processes of its own, so that changes have no numbers that are the same each time,
    ``slow`` that fewer cases are tried. Where a process of its own is killed and the others go on without it, what
    is left is another result: ``holds`` is a line that says whether it is whole.
    """

    name: str
    line: str
    fixture: str = "events"
    workers: bool = False
    slow: bool = False
    holds: str = ""

    @property
    def command(self) -> str:
        """Of the command line, as `pd4ml --help` has it."""
        first, second, *_ = self.line.split()
        return f"{first} {second}" if first in ("leaderboard", "new", "check") or second in _WIRE else first


_WIRE = ("kits", "site", "serve", "run", "verify")
_TOGETHER = "collaborate Flat --recipe net.toml --learners 2 --rounds 2 --out together"
_TRAIN = "train Flat --threads 1 --recipe"
LINES = (
    Line("generate", "generate Tiny -n 80 --workers 1", "empty"),
    Line("generate_again", "generate Tiny -n 60 --seed 3 --workers 1 --force"),
    Line("generate_workers", "generate Tiny -n 160 --workers 2", "empty", workers=True),
    Line("download", "download Fetched", "empty"),
    Line("audit_published", "audit Fetched --source published", "empty"),
    Line("import", "import part.npz --dataset Spinodal --variant mine", "files"),
    Line("convert", "convert jets.csv --name Mine --target label", "files"),
    Line("train", f"{_TRAIN} net.toml"),
    Line("train_stops", f"{_TRAIN} stops.toml"),
    Line("train_again", f"{_TRAIN} net.toml --force --runs runs", "runs"),
    Line("train_trees", f"{_TRAIN} gbdt --set max_epochs=3"),
    Line("benchmark", "benchmark --plan plan.toml --workers 1", slow=True),
    Line("benchmark_workers", "benchmark --plan plan.toml --workers 2", workers=True),
    Line("evaluate", f"evaluate {NET}", "runs"),
    Line("predict", f"predict {NET} --out scores.npz", "runs"),
    Line("predict_csv", f"predict {NET} --out scores/net.csv", "runs"),
    Line("shift", f"shift {NET} --variants wide --workers 1", "runs"),
    Line("calibrate", f"calibrate {NET}", "many"),
    Line("ensemble", f"ensemble {NET} {TREES}", "runs"),
    Line("intervals", f"intervals {NET}", "many"),
    Line("laplace", f"laplace {NET}", "runs"),
    Line("decorrelate", f"decorrelate {NET} --from truth --threads 1", "many"),
    Line("unfold", "unfold Flat --data far --observables x --out unfolded"),
    Line(
        "infer",
        "infer Flat --share label=1 --events 5 --recipe net.toml --sets 100 --observed far --out inferred",
        slow=True,
    ),
    Line("report", "report runs --out page.html", "runs", slow=True),
    Line("plot", "plot Flat --out flat.png"),
    Line("audit", "audit Flat"),
    Line("export_parquet", "export Tiny --format parquet --to out/here"),
    Line("export_huggingface", "export Tiny --format huggingface --to out/here"),
    Line("export_npz", "export Tiny --format npz --to out/here"),
    Line("export_croissant", "export Tiny --format croissant --to out/here"),
    Line("leaderboard", f"leaderboard add {NET} --to board", "runs"),
    Line("compete_hand_out", "compete Flat --hand-out inputs"),
    Line("compete", "compete Flat --entries ours=scores.npz --leaderboard board", "runs"),
    Line("collaborate", _TOGETHER),
    Line(
        "collaborate_processes",
        f"{_TOGETHER} --no-compare --engine nvflare",
        workers=True,
        holds="collaborate verify together/coordinator/ledger.jsonl",
    ),
    Line("kits", "collaborate kits kits --sites a,b", "empty"),
    Line("new_dataset", "new dataset Foo", "empty"),
    Line("new_model", "new model foo_net", "empty"),
    Line("new_method", "new method foo_method", "empty"),
    Line("check", "check dataset Flat --workers 1 -n 60", "empty", slow=True),
)


def commands() -> Iterator[str]:
    """Every command there is, by its whole name."""
    import typer

    from pd4ml.cli import app

    def below(command: Any, name: str) -> Iterator[str]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name.strip()
        for key, other in (inner or {}).items():
            yield from below(other, f"{name} {key}")

    yield from below(typer.main.get_command(app), "")


def make_fixtures(folder: Path, wanted: set[str]) -> None:
    """What is wanted of the folders lines begin with: ``empty``, ``events``, ``files``, ``runs``, ``many``."""
    for name in ("empty", "events", "files"):
        (folder / name).mkdir(parents=True)
    events = folder / "events"
    (events / "net.toml").write_text(RECIPE.format(epochs=3, patience=3, delta=0))
    (events / "stops.toml").write_text(RECIPE.format(epochs=8, patience=2, delta=1))
    (events / "plan.toml").write_text(PLAN)
    _files(folder / "files")
    if "many" in wanted:
        lines = [f"generate Flat -n {_MANY} --workers 1", f"{_TRAIN} net.toml --set batch_size=1024"]
        _make(lines, folder / "making", events, folder / "many")
        _call_runs(folder / "many" / "runs")
    if not wanted & {"events", "runs"}:
        return
    lines = [f"generate {name} -n 80 --workers 1" for name in ("Tiny", "Flat")]
    lines += [f"generate Flat -n 80 --workers 1 --variant {variant}" for variant in ("wide", "far")]
    _make(lines, folder / "making", events)
    if "runs" not in wanted:
        return
    lines = [f"{_TRAIN} net.toml", f"{_TRAIN} gbdt --set max_epochs=3"]
    _make(lines, folder / "making", events, folder / "runs")
    _call_runs(folder / "runs" / "runs")
    test = np.arange(16)
    np.savez(folder / "runs" / "scores.npz", event_id=test, score=np.linspace(0.1, 0.9, len(test)))


def _call_runs(folder: Path) -> None:
    """Give runs short names."""
    for run in folder.iterdir():
        if run.is_dir():
            run.rename(run.with_name("trees" if "gbdt" in run.name else "net"))


def _make(lines: list[str], scratch: Path, begun: Path, there: Path | None = None) -> None:
    """Run ``lines`` on a copy of ``begun``, which becomes ``there``."""
    place = Place(scratch).filled(begun)
    for line in lines:
        ended = run_line(line, place)
        if ended.code != 0:
            raise RuntimeError(f"pd4ml {line} ended with {ended.code}: {ended.said}")
    there = there or begun
    shutil.rmtree(there, ignore_errors=True)
    place.work.rename(there)


def _files(folder: Path) -> None:
    """Files of others, and a part of a published one."""
    rng = np.random.default_rng(1)
    rows = "".join(f"{x:.4f},{y:.4f},{int(x > y)}\n" for x, y in rng.normal(size=(60, 2)))
    (folder / "jets.csv").write_text("pt,eta,label\n" + rows)
    arrays: dict[str, Any] = {}
    for split, n in (("train", 12), ("test", 6)):
        arrays[f"X_{split}_0"] = np.abs(rng.normal(size=(n, 20, 20))).astype(np.float32)
        arrays[f"y_{split}"] = (np.arange(n) % 2).astype(np.uint8)
    np.savez(folder / "part.npz", **arrays)
