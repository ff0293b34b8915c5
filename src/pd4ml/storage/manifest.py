"""The manifest: what a dataset folder holds and where its events come from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pd4ml.errors import StoreError, one_line
from pd4ml.storage.disk import refused
from pd4ml.storage.small import read_json

__all__ = ["MANIFEST_NAME", "ArrayFile", "Manifest", "made"]

MANIFEST_NAME = "manifest.json"
_FORMAT = 1
_DTYPE = re.compile(r"[<>=|]?[A-Za-z]\w*")
_MOST = 1 << 62
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class ArrayFile:
    """One .npy file: its path within the folder, dtype, shape and SHA-256.

    ``per_event`` says whether its first axis counts events; an ``extra`` is no part of X and y. Of a ragged array
    the first axis counts entries, ``offsets`` is the file that says where each event's begin, (N + 1,) int64, with
    its hash, ``events`` is N and ``most`` the largest number of entries of an event.
    """

    file: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str
    per_event: bool
    extra: bool = False
    offsets: str = ""
    offsets_sha256: str = ""
    events: int = 0
    most: int = 0

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one event; -1 for the entries of a ragged array."""
        return (-1, *self.shape[1:]) if self.offsets else self.shape[self.per_event :]

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """The files of the array and their hashes."""
        own = ((self.file, self.sha256),)
        return (*own, (self.offsets, self.offsets_sha256)) if self.offsets else own


@dataclass(frozen=True)
class Manifest:
    """What is written beside the arrays as ``manifest.json``.

    ``arrays[split][name]`` describes a file; ``target`` names the array that is y. ``provenance`` says how the
    events were made: simulator, configuration, seed, versions, or the published files and their hashes.
    """

    dataset: str
    card_version: str
    source: str
    variant: str
    target: str
    arrays: Mapping[str, Mapping[str, ArrayFile]]
    provenance: Mapping[str, Any]
    created: str

    def __repr__(self) -> str:
        events = ", ".join(f"{self.n_events(split):,} {split}" for split in self.arrays)
        made = one_line(f"{self.source} {self.dataset}, variant {self.variant}")
        return f"<manifest of {made}: {events}, fingerprint {self.fingerprint[:16]}>"

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the name and hash of every array: two datasets are the same events if these agree."""
        hashes = {
            split: {name: a.sha256 + a.offsets_sha256 for name, a in files.items()}
            for split, files in self.arrays.items()
        }
        text = json.dumps([self.dataset, hashes], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def n_events(self, split: str) -> int:
        """Number of events of ``split``."""
        files = self.arrays[split]
        counted = files.get(self.target) or next(file for file in files.values() if file.per_event)
        return counted.events if counted.offsets else counted.shape[0]

    def to_json(self) -> str:
        """The manifest as JSON text."""
        body = {"format": _FORMAT, "fingerprint": self.fingerprint, **asdict(self)}
        return json.dumps(body, indent=1) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of ``folder``; StoreError if there is none or it is not one."""
        path = folder / MANIFEST_NAME
        try:
            body = read_json(path)
            if body.pop("format") != _FORMAT:
                raise StoreError(f"{path}: this version of pd4ml reads manifests of format {_FORMAT} only")
            fingerprint = body.pop("fingerprint")
            body["arrays"] = {
                split: {name: _array_file(**entry) for name, entry in files.items()}
                for split, files in body["arrays"].items()
            }
            manifest = cls(**body)
            _check_texts(manifest)
            for split in manifest.arrays:
                manifest.n_events(split)
        except FileNotFoundError:
            raise StoreError(f"{folder} is not a dataset folder: it has no {MANIFEST_NAME}") from None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {refused(error)}") from error
        except StoreError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, StopIteration) as error:
            what = one_line(repr(error), 200)
            raise StoreError(f"{path} is damaged ({what}): generate or convert the dataset again") from error
        if fingerprint != manifest.fingerprint:
            raise StoreError(f"{path} is damaged: its fingerprint does not match its hashes")
        return manifest


def made(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance for people: a setting that was drawn says so in place of a default that no event has."""
    config, drawn = provenance.get("config"), provenance.get("draw")
    if not isinstance(config, Mapping) or not isinstance(drawn, Mapping):
        return dict(provenance)
    facts = {key: value for key, value in provenance.items() if key not in ("draw", "draw_events")}
    many = provenance.get("draw_events")
    each = {name: many.get(name, 1) if isinstance(many, Mapping) else 1 for name in drawn}
    said = {
        name: f"drawn from {text} for every {'event' if each[name] == 1 else f'{each[name]} events'}"
        for name, text in drawn.items()
    }
    return {**facts, "config": {**config, **said}}


def _check_texts(manifest: Manifest) -> None:
    """ValueError for names that are no text that can be shown, and for provenance that is no table."""
    facts = ("dataset", "card_version", "source", "variant", "target", "created")
    names = [getattr(manifest, fact) for fact in facts]
    names += [*manifest.arrays, *(name for files in manifest.arrays.values() for name in files)]
    for name in names:
        if not isinstance(name, str) or not name.isprintable():
            raise ValueError(f"{name!r} is no name")
    if not isinstance(manifest.provenance, dict):
        raise ValueError("its provenance is no table")


def _array_file(
    file: str,
    dtype: str,
    shape: list[int],
    sha256: str,
    per_event: bool,
    extra: bool = False,
    offsets: str = "",
    offsets_sha256: str = "",
    events: int = 0,
    most: int = 0,
) -> ArrayFile:
    """Check one entry; a path that leaves the folder is refused."""
    for name in (file, offsets):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not name.isprintable():
            raise ValueError(f"file {name!r} lies outside the folder")
    if not isinstance(dtype, str) or not _DTYPE.fullmatch(dtype) or np.dtype(dtype).kind not in "biufc":
        raise ValueError(f"{file} is of type {dtype!r}")
    if type(shape) is not list or not all(type(n) is int and 0 <= n <= _MOST for n in [*shape, events, most]):
        raise ValueError(f"{file} has the shape {shape!r}")
    if not all(type(flag) is bool for flag in (per_event, extra)):
        raise ValueError(f"{file} has flags that are neither true nor false")
    if not all(type(text) is str and (not text or _SHA256.fullmatch(text)) for text in (sha256, offsets_sha256)):
        raise ValueError(f"{file} has no SHA-256")
    return ArrayFile(file, dtype, tuple(shape), sha256, per_event, extra, offsets, offsets_sha256, events, most)
