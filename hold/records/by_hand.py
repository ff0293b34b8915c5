"""Cases made by hand: no plain files, code to be executed, what is larger than it looks, what leads elsewhere."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hold.bounded import bounded, canary
from hold.cases import Outcome
from hold.records.readers import said_by

__all__ = ["by_hand"]

_DATA = ("--path", "d")
_PREDICT = ("predict", "runs/{run}", "--out", "x.csv", *_DATA)
_READ: dict[str, tuple[str, ...]] = {
    "runs/{run}/record.json": ("results", "runs"),
    "runs/{run}/features.json": _PREDICT,
    "runs/trees/trees.npz": _PREDICT,
    "runs/{run}/predictions.npz": ("evaluate", "runs/{run}", *_DATA),
    "runs/trees/intervals.json": ("report", "runs", "--out", "page.html", *_DATA),
    "runs/trees/history.csv": ("report", "runs", "--out", "page.html", *_DATA),
    "r.toml": ("train", "Mine", "--recipe", "r.toml", *_DATA),
    "p.toml": ("benchmark", "--plan", "p.toml", "--dry-run", *_DATA),
    "card.toml": ("convert", "mine.npz", "--card", "card.toml", "--path", "e"),
    "lb/Mine/here/record.json": ("leaderboard", "show", "lb"),
    "co/two/collaboration.json": ("report", "runs", "--out", "page.html", "--path", "none"),
    "x/ledger.jsonl": ("collaborate", "verify", "x/ledger.jsonl"),
    "x/kit.json": ("collaborate", "site", "x", "Mine", "--recipe", "fcn_quick", *_DATA),
}


def by_hand(folder: Path, *, network: bool) -> Iterator[Outcome]:
    """All of them, each with the command that is to refuse it or to leave it out."""
    yield from _no_plain_files(folder, every=1 if network else 52)
    yield from _others_members(folder)
    yield from _documents(folder)
    if network:
        yield from _networks(folder)


def _try(folder: Path, case: str, file: str, write: Callable[[Path], object], line: tuple[str, ...]) -> Outcome:
    """``write`` the file in place of the valid one, and see how the command ends; all is put back."""
    place, kept = folder / file, folder / "kept"
    there = place.exists()
    if there:
        place.rename(kept)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        write(place)
        # Twice the time of one reader: a command draws, too.
        ended = bounded(lambda: said_by(folder, *line), folder, seconds=60)
        return Outcome(f"{case}: pd4ml {' '.join(line)}", ended.wrong or ended.said)
    finally:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        if there:
            kept.rename(place)


def _no_plain_files(folder: Path, every: int) -> Iterator[Outcome]:
    makers: dict[str, Callable[[Path], object]] = {
        "a pipe": os.mkfifo,
        "a device without end": partial(_linked, "/dev/zero"),
        "a link to itself": lambda place: _linked(place.name, place),
        "a folder": Path.mkdir,
        "nothing": partial(_written, ""),
        "a hole of a terabyte": _hole,
        "a pickle": lambda place: place.write_bytes(canary()),
        "brackets": partial(_written, "[" * 200_000),
    }
    number = 0
    for file, line in _READ.items():
        for what, write in makers.items():
            number += 1
            if number % every == 0:
                words = tuple(word.format(run="trees") for word in line)
                yield _try(folder, f"{what} as {file}", file.format(run="trees"), write, words)


def _linked(target: str, place: Path) -> None:
    place.symlink_to(target)


def _written(text: str, place: Path) -> None:
    place.write_text(text)


def _saved(arrays: dict[str, Any], place: Path) -> None:
    np.savez(place, **arrays)  # objects are pickled


def _hole(place: Path) -> None:
    with place.open("wb") as stream:
        stream.truncate(1 << 40)


def _unhashed(folder: Path, run: str) -> None:
    """Let a record name no file, so that what reads them has to see what is wrong."""
    file = folder / "runs" / run / "record.json"
    body = json.loads(file.read_text())
    file.write_text(json.dumps({**body, "artifacts": {}}))


def _others_members(folder: Path) -> Iterator[Outcome]:
    """Trees that ask for what is not there, arrays of objects, members that are links."""
    _unhashed(folder, "trees")
    line = tuple(word.format(run="trees") for word in _PREDICT)
    with np.load(folder / "runs/trees/trees.npz") as valid:
        arrays = dict(valid)
    changes: dict[str, dict[str, Any]] = {
        "a feature that events have not": {"feature": np.full_like(arrays["feature"], 10**6)},
        "a circle of nodes": {"left": np.zeros_like(arrays["left"]), "leaf": np.zeros_like(arrays["leaf"])},
        "nodes of different numbers": {"value": arrays["value"][:1]},
        "nodes in a table": {"value": arrays["value"][:, None]},
        "roots outside": {"root": arrays["root"] + 10**9},
        "no outputs": {"baseline": arrays["baseline"][:0]},
    }
    for what, change in changes.items():
        changed = {**arrays, **change}
        yield _try(folder, what, "runs/trees/trees.npz", partial(_saved, changed), line)
    objects = {**arrays, "value": np.array([object()] * 3, object)}
    yield _try(folder, "an array of objects", "runs/trees/trees.npz", partial(_saved, objects), line)
    if (folder / "runs/both").exists():
        _unhashed(folder, "both")
        line = ("predict", "runs/both", "--out", "x.csv", *_DATA)
        for target in (".", "..", "../net"):
            yield _try(folder, f"a member that is {target}", "runs/both/member0", partial(_linked, target), line)


def _documents(folder: Path) -> Iterator[Outcome]:
    """One bad record among good ones, texts of a megabyte, models without end."""
    body = json.loads((folder / "runs/trees/record.json").read_text())
    metrics = {"auc": {"value": 0.5, "error": 1e999, "lower_limit": False}}
    bad = {
        "an infinite error": {**body, "metrics": metrics},
        "a name that is no text": {**body, "recipe": {**body["recipe"], "name": ["a"]}},
        "markup of a terminal": {**body, "recipe": {**body["recipe"], "name": "[/bold]\x1b[31m"}},
        "half a character": {**body, "recipe": {**body["recipe"], "name": "\ud800"}},
        "a megabyte of a name": {**body, "dataset": {**body["dataset"], "variant": "x" * 1_000_000}},
        "deep provenance": {**body, "dataset": {**body["dataset"], "provenance": _deep(900)}},
        "predictions elsewhere": {**body, "predictions": {**body["predictions"], "file": "../trees/x.npz"}},
    }
    for what, record in bad.items():
        yield _try(
            folder, what, "runs/bad/record.json", partial(_written, json.dumps(record)), ("results", "runs")
        )
    for setting in (9223372036854775808, 500, -1, 1e308, "x"):
        sizes = (f"hyperparameters.depth={setting}", "--set", "hyperparameters.width=8000")
        line = ("train", "Mine", "--recipe", "fcn", "--set", *sizes, *_DATA, "--runs", "made")
        yield _try(folder, "a model without end", "unused", partial(_written, ""), line)


def _deep(n: int) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for _ in range(n):
        body = {"a": body}
    return body


def _networks(folder: Path) -> Iterator[Outcome]:
    """Files of weights that are readable and foreign, or not what they seem."""
    import torch

    _unhashed(folder, "net")
    line = tuple(word.format(run="net") for word in _PREDICT)
    valid = torch.load(folder / "runs/net/model.pt", weights_only=True)
    names = list(valid["state"])
    many = torch.ones(1).expand(2**30)
    contents: dict[str, Any] = {
        "no names": [1, 2],
        "a tensor": torch.zeros(3),
        "a format that is a tensor": {**valid, "format": torch.tensor([2, 2])},
        "no weights": {"format": 2},
        "weights that are numbers": {**valid, "state": dict.fromkeys(names, 1.0)},
        "weights of other shapes": {**valid, "state": {n: torch.zeros(2) for n in names}},
        "a weight too many": {**valid, "state": {**valid["state"], "more": torch.zeros(2)}},
        "one number shown a billion times": {**valid, "state": {**valid["state"], names[0]: many}},
        "whole numbers": {**valid, "state": {n: t.long() for n, t in valid["state"].items()}},
        "weights that are no numbers": {**valid, "state": {n: t * torch.nan for n, t in valid["state"].items()}},
        "another model": {**valid, "model": "particle_net"},
        "a model without end": {**valid, "hyperparameters": {"depth": 2**62}},
        "a wide model": {**valid, "hyperparameters": {"width": 2**13}},
        "inputs without end": {**valid, "inputs": {**valid["inputs"], "n_features": 2**40}},
        "inputs of another kind": {**valid, "inputs": {**valid["inputs"], "n_features": "7"}},
        "inputs of others": {**valid, "inputs": [1]},
        "another readout": {**valid, "readout": "swag"},
        "a readout that is none": {**valid, "readout": ["value"]},
    }  # fmt: skip
    for what, content in contents.items():
        yield _try(folder, what, "runs/net/model.pt", partial(torch.save, content), line)
    yield _try(folder, "a pickle in an archive", "runs/net/model.pt", _packed_pickle, line)
    yield _try(folder, "an archive that unpacks to a terabyte", "runs/net/model.pt", _bomb, line)


def _packed_pickle(place: Path) -> None:
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("archive/data.pkl", canary())
        archive.writestr("archive/version", "3")


def _bomb(place: Path) -> None:
    """A member of zeros that is packed; its size is only claimed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(1 << 26))
    place.write_bytes(stream.getvalue())
