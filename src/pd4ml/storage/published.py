"""Published files as events: read into memory, or converted once into the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np

from pd4ml.card import Card, PublishedFile, PublishedSource
from pd4ml.errors import DataError, FetchError
from pd4ml.progress import progress
from pd4ml.storage.fetch import fetch, place, read_record
from pd4ml.storage.layouts import check_file
from pd4ml.storage.npz import NpzArray, open_npz
from pd4ml.storage.store import Array
from pd4ml.storage.writer import StoreWriter, check_arrays

__all__ = ["Published", "fetch_published", "import_file"]

_CHUNK_EVENTS = 10_000


@dataclass(frozen=True)
class Published:
    """The files of one published source of ``card``, all of them in ``folder``."""

    card: Card
    source: PublishedSource
    folder: Path

    @property
    def paths(self) -> list[Path]:
        """Where the files are."""
        return [self.folder / file.name for file in self.source.files]

    def check(self) -> None:
        """Read what the files say of themselves; DataError if that is not what the card says."""
        try:
            _ = self.n_events
        except DataError as error:
            raise DataError(f"{error}; remove the file, or fetch it again by force") from error

    @cached_property
    def n_events(self) -> dict[str, int]:
        """Number of events of each split; DataError if they are not those of the card."""
        found = {split: sum(_n_events(*part, split) for part in self._parts(split)) for split in self.card.splits}
        if found != dict(self.card.splits):
            raise DataError(f"{self.source.name}: expected {dict(self.card.splits)} events, found {found}")
        return found

    def read(self, split: str) -> dict[str, Array]:
        """The arrays of ``split`` in memory, checked against the card; takes their size and some megabytes."""
        n_events = self.n_events[split]
        parts = self._parts(split)
        if len(parts) == 1 and parts[0][0].layout == "npz":
            members = _npz_members(self.card, parts[0][1], split)
            arrays: dict[str, Array] = {
                spec.name: members[spec.name].read(spec.dtype) for spec in self.card.arrays
            }
        else:
            arrays = {spec.name: np.empty(spec.full_shape(n_events), spec.dtype) for spec in self.card.arrays}
            for start, chunk in self.chunks(split):
                for spec in self.card.arrays:
                    rows = slice(start, start + len(chunk[self.card.target.name])) if spec.per_event else ...
                    arrays[spec.name][rows] = chunk[spec.name]
        check_arrays(self.card, arrays, n_events)
        return arrays

    def chunks(self, split: str) -> Iterator[tuple[int, dict[str, Array]]]:
        """The events of ``split`` in pieces: number of the first event, and the arrays of some thousand."""
        start = 0
        for file, path in self._parts(split):
            pieces = (
                _npz_chunks(self.card, path, split)
                if file.layout == "npz"
                else _table_chunks(file, path, self.card)
            )
            for arrays in pieces:
                yield start, arrays
                start += len(arrays[self.card.target.name])

    def convert(self, folder: Path, *, force: bool = False) -> None:
        """Write the events into the store at ``folder``, chunk by chunk; a conversion that was stopped goes on."""
        provenance = {
            "published_source": self.source.name,
            "files": {path.name: _origin(path) for path in self.paths},
        }
        plan = {**provenance, "card_version": self.card.version}
        # Another process that is already converting does what this one wants: wait for it.
        with StoreWriter(
            folder, self.card, self.n_events, plan, replace=force, drop_partial=True, wait=24 * 3600
        ) as writer:
            if writer.already_there:
                return
            with progress(f"converting {self.card.name}", sum(self.n_events.values())) as bar:
                for split in self.card.splits:
                    for number, (start, arrays) in enumerate(self.chunks(split)):
                        if (split, number) not in writer.done:
                            writer.write(split, number, start, arrays)
                        bar.advance(len(arrays[self.card.target.name]))
            writer.finish("published", "default", provenance)

    def _parts(self, split: str) -> list[tuple[PublishedFile, Path]]:
        return [(f, p) for f, p in zip(self.source.files, self.paths, strict=True) if split in f.splits]


def fetch_published(card: Card, folder: Path, *, force: bool = False) -> Published:
    """Fetch the files of the first source that can be had; one whose files are all here comes first.

    Raises FetchError naming everything that was tried.
    """
    reasons = []
    here = {source.name: all((folder / file.name).exists() for file in source.files) for source in card.sources}
    for source in sorted(card.sources, key=lambda source: not here[source.name]):
        try:
            for file in source.files:
                fetch(file, folder, force=force)
        except FetchError as error:
            reasons.append(f"{source.name}: {error}")
        else:
            published = Published(card.published, source, folder)
            published.check()
            return published
    raise FetchError(
        f"the published files of {card.name} cannot be had: " + "; ".join(reasons or ["none are known"])
    )


def import_file(card: Card, given: Path, folder: Path) -> Path:
    """Verify the published file ``given``, known by its name here or on a mirror, and place it in ``folder``."""
    files = [file for source in card.sources for file in source.files]
    for file in files:
        if given.name in {file.name, *(unquote(Path(urlsplit(url).path).name) for url in file.mirrors)}:
            if given.is_file():
                check_file(given, file.layout)
                for split in file.splits:
                    _n_events(file, given, split)
            return place(file, given, folder)
    if not given.is_file():
        raise DataError(f"no file at {given}")
    raise DataError(
        f"{given.name} is no published file of {card.name}: expected one named {', '.join(f.name for f in files)}"
    )


def _origin(path: Path) -> dict[str, object]:
    record = read_record(path)
    return {key: record.get(key) for key in ("md5", "sha256", "url")}


def _npz_members(card: Card, path: Path, split: str) -> dict[str, NpzArray]:
    """Arrays of the published layout: X_<split>_0, X_<split>_1, ... and y_<split>."""
    keys = {spec.name: f"X_{split}_{i}" for i, spec in enumerate(card.inputs)}
    keys[card.target.name] = f"y_{split}"
    members = open_npz(path, *keys.values())
    n_events = len(members[keys[card.target.name]].expect(None, *card.target.shape))
    for spec in card.arrays:
        members[keys[spec.name]].expect(*spec.full_shape(n_events))
    return {name: members[key] for name, key in keys.items()}


def _npz_chunks(card: Card, path: Path, split: str) -> Iterator[dict[str, Array]]:
    members = _npz_members(card, path, split)
    constant = {spec.name: members[spec.name].read(spec.dtype) for spec in card.arrays if not spec.per_event}
    moving = {
        spec.name: members[spec.name].chunks(_CHUNK_EVENTS, spec.dtype) for spec in card.arrays if spec.per_event
    }
    for pieces in zip(*moving.values(), strict=True):
        yield {**constant, **dict(zip(moving, pieces, strict=True))}


def _table_chunks(file: PublishedFile, path: Path, card: Card) -> Iterator[dict[str, Array]]:
    from pd4ml.storage.pandas_table import open_pandas_table

    dtypes = {spec.name: spec.dtype for spec in card.arrays}
    yield from open_pandas_table(path).chunks(file.columns, _CHUNK_EVENTS, dtypes)


def _n_events(file: PublishedFile, path: Path, split: str) -> int:
    """Number of events, from the file's description of itself; DataError if what the card names is not there."""
    if file.layout == "npz":
        return len(open_npz(path, f"y_{split}")[f"y_{split}"])
    from pd4ml.storage.pandas_table import open_pandas_table

    table = open_pandas_table(path)
    wanted = {str(name) for columns in file.columns.values() for name in np.ravel(columns)}
    if missing := sorted(wanted.difference(table.columns)):
        raise DataError(f"{path}: its table lacks the column {missing[0]!r} and {len(missing) - 1} more")
    return len(table)
