"""Small valid things that are then spoiled: own events, runs of trees and of a network, what is made of them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.cli.app import app

__all__ = ["command", "make_corpus", "shift_of", "there"]

_EVENTS = 300
_ROOT = Path(__file__).parents[2]


def command(*arguments: str | Path) -> None:
    """A ``pd4ml`` command in this process; SystemExit with its exit code."""
    app([str(text) for text in arguments])


@contextlib.contextmanager
def there(folder: Path) -> Iterator[None]:
    """Work in ``folder``, quietly, and come back."""
    before, said = Path.cwd(), io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield
    finally:
        os.chdir(before)


def make_corpus(folder: Path, *, network: bool) -> None:
    """Events ``Mine`` and runs in ``folder``; networks, and what is made of them, only with ``network``."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, _EVENTS)
    np.savez(folder / "mine.npz", x=rng.normal(label[:, None], 1.0, (_EVENTS, 3)), label=label)
    data, alone = ("--path", "d"), ("--path", "d", "--threads", "1")
    with there(folder):
        _works("convert", "mine.npz", "--name", "Mine", "--target", "label", *data)
        small = ("--set", "max_epochs=3", "--set", "hyperparameters.min_samples_leaf=2")
        _works("train", "Mine", *alone, "--runs", "made", "--recipe", "gbdt", *small)
        _name("trees")
        _works("intervals", "runs/trees", *alone)
        _works("leaderboard", "add", "runs/trees", "--to", "lb", *data)
        shift = shift_of(json.loads(Path("runs/trees/record.json").read_text()))
        Path("runs/trees/shift.json").write_text(json.dumps(shift))
        if network:
            one = ("--set", "max_epochs=1")
            _works("train", "Mine", *alone, "--runs", "made", "--recipe", "fcn_quick", *one, "--device", "cpu")
            _name("net")
            _works("ensemble", "runs/trees", "runs/net", *alone, "--runs", "made")
            _name("both")
            groups = ("--learners", "2", "--rounds", "2", "--out", "co/one", *one)
            _works("collaborate", "Mine", *data, "--recipe", "fcn_quick", *groups)
    # Their datasets come in a plugin, which stays in a process.
    subprocess.run([sys.executable, "-m", "hold.records.corpus", folder], check=True, cwd=_ROOT)


def _analyses(folder: Path) -> None:
    """An inference and an unfolding in ``folder``."""
    data = ("--path", "d")
    with there(folder):
        _works("--plugin", str(_ROOT / "hold/lines/events.py"), "generate", "Flat", "-n", "200", *data)
        asked = ("--share", "label=1", "--events", "5", "--sets", "100", "--recipe", "gbdt")
        _works("infer", "Flat", *asked, "--set", "max_epochs=3", *data, "--out", "inferences/one")
        _works("generate", "Flat", "-n", "200", "--variant", "far", *data)
        _works("unfold", "Flat", "--data", "far", "--observables", "x", *data, "--out", "unfoldings/one")


def shift_of(record: dict[str, Any]) -> dict[str, Any]:
    """What varied events do to a run, made up of its record's own numbers."""
    facts = {"fingerprint": record["dataset"]["fingerprint"], "events": record["events"]["test"]}
    varied = {"description": "other", "paired": True, "difference": record["metrics"]}
    return {
        "format": 1,
        "created": record["created"],
        "predictions": record["predictions"]["sha256"],
        "split": "test",
        "task": record["dataset"]["task"],
        "unit": "1",
        "thresholds": {"0.5": 0.1},
        "nominal": {"variant": "default", **facts, "metrics": record["metrics"]},
        "variants": [{"variant": "up", **facts, "metrics": record["metrics"], **varied}],
    }


def _works(*arguments: str) -> None:
    try:
        command(*arguments)
    except SystemExit as error:
        if error.code:
            raise RuntimeError(f"pd4ml {' '.join(arguments)} does not work") from error


def _name(name: str) -> None:
    """Give the run that was made just now a short name."""
    (made,) = Path("made").glob("[!.]*")
    Path("runs").mkdir(exist_ok=True)
    made.rename(Path("runs") / name)


if __name__ == "__main__":
    _analyses(Path(sys.argv[1]))
