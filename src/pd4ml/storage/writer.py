"""Writing a store: chunk by chunk, journalled, one writer, and visible only when it is whole."""

from __future__ import annotations

import hashlib
import json
import operator
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import ArraySpec, Card
from pd4ml.errors import DataError, StoreError
from pd4ml.storage.atomic import write_text
from pd4ml.storage.disk import open_plain, refused, size_text
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.lock import WAIT_SECONDS, one_writer
from pd4ml.storage.manifest import MANIFEST_NAME, ArrayFile, Manifest
from pd4ml.storage.pieces import PIECES, join_pieces, piece_bytes, write_piece
from pd4ml.storage.ragged import entries, is_ragged
from pd4ml.storage.small import parse_json, read_json, read_text
from pd4ml.storage.store import Array

__all__ = ["StoreWriter", "check_arrays", "check_ragged", "tidy"]

_JOURNAL = "journal.jsonl"
_PLAN = "plan.json"
_SPARE_BYTES = 16 * 2**20
_CHECKED_AT_ONCE = 4096


def check_arrays(card: Card, arrays: Mapping[str, Array], n_events: int) -> None:
    """Hold ``arrays`` against the card; DataError says the first thing that is wrong, and in which event."""
    if set(arrays) != {spec.name for spec in card.arrays}:
        raise DataError(f"expected the arrays {[spec.name for spec in card.arrays]}, found {sorted(arrays)}")
    for spec in card.arrays:
        array = arrays[spec.name]
        if spec.ragged:
            check_ragged(spec, array, n_events)
            continue
        if is_ragged(array):
            raise DataError(f"{spec.name}: expected {spec.dtype} {spec.full_shape(n_events)}, found {array.type}")
        if array.shape != spec.full_shape(n_events) or array.dtype != np.dtype(spec.dtype):
            raise DataError(
                f"{spec.name}: expected {spec.dtype} {spec.full_shape(n_events)}, "
                f"found {array.dtype} {array.shape}"
            )
        for start in range(0, len(array), _CHECKED_AT_ONCE):  # in pieces: no second array of this size
            _check_values(spec, array[start : start + _CHECKED_AT_ONCE], partial(operator.add, start))
    if card.classes and n_events:
        labels, padding = arrays[card.target.name], card.target.padding
        wrong = labels >= len(card.classes)
        if (wrong if padding is None else wrong & (labels != padding)).any():
            raise DataError(f"{card.target.name}: expected 0 to {len(card.classes) - 1}, found larger ones")


def check_ragged(spec: ArraySpec, array: Array, n_events: int) -> None:
    """As for other arrays; the values are those of all entries."""
    if not is_ragged(array):
        raise DataError(f"{spec.name}: expected a ragged array (awkward), found {type(array).__name__}")
    content, offsets = entries(array)
    if len(offsets) - 1 != n_events or content.dtype != np.dtype(spec.dtype) or content.shape[1:] != spec.shape:
        wanted = " * ".join([str(n_events), "var", *map(str, spec.shape), spec.dtype])
        raise DataError(f"{spec.name}: expected {wanted}, found {array.type}")
    _check_values(spec, content, lambda row: int(np.searchsorted(offsets, row, side="right")) - 1)


def _check_values(spec: ArraySpec, array: Array, event: Callable[[int], int]) -> None:
    """DataError for values that cannot be; ``event`` says which one a row belongs to."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"{spec.name}: not finite in event {event(_first(~np.isfinite(array)))}")
    for component in spec.non_negative:
        if (below := array[..., component] < 0).any():
            raise DataError(f"{spec.name}: component {component} is negative in event {event(_first(below))}")


def _first(wrong: NDArray[np.bool_]) -> int:
    return int(np.argwhere(wrong)[0][0])


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Turn what the operating system says into one line that says what to do."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write {folder}: {refused(error)}, then run the same command again (finished chunks are kept)"
        ) from error


def tidy(folder: Path) -> None:
    """Remove what a kill just after ``folder`` got its name has left in it, and beside it."""
    for name in (_JOURNAL, _PLAN):
        if (folder / name).exists():
            with suppress(OSError):  # it is somebody else's, or has gone
                (folder / name).unlink()
    for pieces in folder.glob(f"*/{PIECES}"):
        shutil.rmtree(pieces, ignore_errors=True)
    shutil.rmtree(folder.with_name(folder.name + ".old"), ignore_errors=True)


class StoreWriter:
    """Writes the arrays of ``card`` for ``splits`` (events of each) into ``folder``.

    Everything goes to ``<folder>.partial`` first. A finished chunk is synced, then noted in a journal with its
    hash, so that a run killed at any point goes on with the chunks that are missing; ``finish`` hashes the
    files, writes the manifest and renames the folder. ``plan`` is what the events follow from: partial work of
    another plan is refused, or with ``drop_partial`` dropped. A lock lets one writer in; others wait for ``wait``
    seconds. If the folder is there and not to be replaced, ``already_there`` is true and nothing is touched.
    """

    def __init__(
        self,
        folder: Path,
        card: Card,
        splits: Mapping[str, int],
        plan: Mapping[str, Any],
        *,
        replace: bool = False,
        drop_partial: bool = False,
        wait: float = WAIT_SECONDS,
    ) -> None:
        self.folder, self.card, self.splits = folder, card, dict(splits)
        self.replace, self.drop_partial, self.wait = replace, drop_partial, wait
        self.already_there = False
        self.partial = folder.with_name(folder.name + ".partial")
        self.plan = json.loads(json.dumps(plan))
        self._starts: dict[
            tuple[str, int], tuple[int, int]
        ] = {}  # split, number of a chunk -> first event, events
        self._files: dict[tuple[str, str], IO[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with _writable(self.folder):
            self._stack.enter_context(
                one_writer(self.folder, f"another process is writing {self.folder}", self.wait)
            )
            try:
                self.already_there = self.folder.exists() and not self.replace
                if self.already_there:
                    tidy(self.folder)
                else:
                    self._resume()
                    self._open_files()
            except BaseException:
                self._stack.close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None) -> None:
        self._stack.close()

    def write(self, split: str, chunk: int, start: int, arrays: Mapping[str, Array]) -> None:
        """Write events ``start`` onwards of ``split`` as chunk number ``chunk``, checked against the card."""
        n_events = len(arrays[self.card.target.name])
        check_arrays(self.card, arrays, n_events)
        if start + n_events > self.splits[split]:
            raise DataError(f"chunk {chunk} of {split} ends behind the {self.splits[split]:,} events of the split")
        with _writable(self.folder):
            digest = _begun_hash(split, chunk, start, n_events)
            for spec in self.card.arrays:
                if spec.ragged:
                    for part in write_piece(self.partial / split, spec, chunk, arrays[spec.name]):
                        digest.update(part)
                    continue
                data = np.ascontiguousarray(arrays[spec.name]).data.cast("B")
                file, offset = self._place(split, spec, start)
                file.seek(offset)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                digest.update(data)
            note = {"split": split, "chunk": chunk, "start": start, "n": n_events, "sha256": digest.hexdigest()}
            with (self.partial / _JOURNAL).open("a", encoding="utf-8") as journal:
                journal.write(json.dumps(note) + "\n")
                journal.flush()
                os.fsync(journal.fileno())
        self._starts[split, chunk] = start, n_events

    def finish(self, source: str, variant: str, provenance: Mapping[str, Any]) -> None:
        """Hash the files, write the manifest, and make the folder visible under its name."""
        for split, n_events in self.splits.items():
            end = 0
            for start, n in self._chunks(split):
                end = start + n if start == end else -1
            if end != n_events:
                raise StoreError(
                    f"{self.folder} is not whole: the chunks of {split} are not its {n_events:,} events"
                )
        with _writable(self.folder):
            for file in self._files.values():
                file.close()
            arrays = {
                split: {spec.name: self._finished(split, spec, n) for spec in self.card.arrays}
                for split, n in self.splits.items()
            }
            created = datetime.now(UTC).isoformat(timespec="seconds")
            manifest = Manifest(
                dataset=self.card.name,
                card_version=self.card.version,
                source=source,
                variant=variant,
                target=self.card.target.name,
                arrays=arrays,
                provenance=provenance,
                created=created,
            )
            write_text(self.partial / MANIFEST_NAME, manifest.to_json())
            self._swap()
            tidy(self.folder)  # last, so that a kill before the renaming loses nothing

    def _finished(self, split: str, spec: ArraySpec, n_events: int) -> ArrayFile:
        """What the manifest says of an array, all of which is written."""
        folder, extra = self.partial / split, spec in self.card.extras
        if spec.ragged:
            chunks = sorted((start, chunk) for (of, chunk), (start, _) in self._starts.items() if of == split)
            return join_pieces(folder, spec, [chunk for _, chunk in chunks], extra=extra)
        sha256 = sha256_of(folder / f"{spec.name}.npy")
        file, shape = f"{split}/{spec.name}.npy", spec.full_shape(n_events)
        return ArrayFile(file, spec.dtype, shape, sha256, spec.per_event, extra)

    def _swap(self) -> None:
        """Put the finished folder in its place; the one it replaces goes only afterwards."""
        old = self.folder.with_name(self.folder.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(old)
        self.partial.rename(self.folder)

    def _resume(self) -> None:
        """Continue the partial folder if it follows the same plan; otherwise begin anew or refuse."""
        plan_file = self.partial / _PLAN
        if self.partial.exists():
            try:
                found = read_json(plan_file)
            except (OSError, ValueError):
                found = None  # killed before the plan was written: nothing of value is there
            if found == self.plan:
                for left in self.partial.glob(".*.partial"):  # by a kill in the middle of writing a small file
                    left.unlink()
                self._read_journal()
                return
            if found is not None and not self.drop_partial:
                raise StoreError(
                    f"{self.partial} holds unfinished work with other settings: finish it with those, "
                    "choose another variant, or drop it with force (--force)"
                )
        shutil.rmtree(self.partial, ignore_errors=True)
        needed = sum(n * spec.event_bytes for n in self.splits.values() for spec in self.card.arrays)
        free = shutil.disk_usage(self.folder.parent).free
        if needed + _SPARE_BYTES > free:
            raise StoreError(
                f"{self.folder.parent} has {size_text(free)} free, the dataset needs {size_text(needed)}, and "
                f"{size_text(_SPARE_BYTES)} are to stay free: choose another path or fewer events"
            )
        for split in self.splits:
            (self.partial / split).mkdir(parents=True)
            if len(self._dense) < len(self.card.arrays):
                (self.partial / split / PIECES).mkdir()
        write_text(plan_file, json.dumps(self.plan))

    def _open_files(self) -> None:
        for split, n_events in self.splits.items():
            for spec in self._dense:
                path = self.partial / split / f"{spec.name}.npy"
                if path.is_symlink() or not path.is_file():  # never write where a link or a pipe leads
                    path.unlink(missing_ok=True)
                if not path.exists() or path.stat().st_size < self._header_bytes(spec, n_events):
                    path.write_bytes(self._header(spec, n_events))
                file = self._stack.enter_context(path.open("r+b"))
                file.truncate(self._header_bytes(spec, n_events) + _data_bytes(spec, n_events))
                self._files[split, spec.name] = file

    @property
    def done(self) -> set[tuple[str, int]]:
        """Split and number of the chunks that are written."""
        return set(self._starts)

    @property
    def _dense(self) -> list[ArraySpec]:
        return [spec for spec in self.card.arrays if not spec.ragged]

    def _chunks(self, split: str) -> list[tuple[int, int]]:
        """First event and number of events of the chunks that are written, in their order."""
        return sorted(place for (of, _), place in self._starts.items() if of == split)

    def _read_journal(self) -> None:
        """Take the chunks as done that are journalled and whose bytes still have the journalled hash."""
        try:
            lines = read_text(self.partial / _JOURNAL).splitlines()
        except FileNotFoundError:
            return
        except ValueError:  # nothing of it can be believed: all is made again
            return
        for line in lines:
            try:
                note = parse_json(line)
                split, chunk, start, n_events = (note[key] for key in ("split", "chunk", "start", "n"))
                numbers = (chunk, start, n_events)
                if any(type(number) is not int or number < 0 for number in numbers):
                    continue
                if start + n_events > self.splits[split]:
                    continue
                if self._chunk_hash(split, *numbers) == note["sha256"]:
                    self._starts[split, chunk] = start, n_events
            except (ValueError, KeyError, TypeError, OSError, EOFError):
                continue  # a line cut off by a crash, or damaged: that chunk is made again

    def _chunk_hash(self, split: str, chunk: int, start: int, n_events: int) -> str:
        digest = _begun_hash(split, chunk, start, n_events)
        for spec in self.card.arrays:
            if spec.ragged:
                for part in piece_bytes(self.partial / split, spec, chunk, n_events):
                    digest.update(part)
                continue
            with open_plain(self.partial / split / f"{spec.name}.npy") as file:
                file.seek(self._header_bytes(spec, self.splits[split]) + start * spec.event_bytes)
                digest.update(file.read(_data_bytes(spec, n_events)))
        return digest.hexdigest()

    def _place(self, split: str, spec: ArraySpec, start: int) -> tuple[IO[bytes], int]:
        header = self._header_bytes(spec, self.splits[split])
        return self._files[split, spec.name], header + start * spec.event_bytes

    @staticmethod
    def _header(spec: ArraySpec, n_events: int) -> bytes:
        from io import BytesIO

        buffer = BytesIO()
        description = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(spec.dtype)),
            "fortran_order": False,
            "shape": spec.full_shape(n_events),
        }
        np.lib.format.write_array_header_2_0(buffer, description)
        return buffer.getvalue()

    def _header_bytes(self, spec: ArraySpec, n_events: int) -> int:
        return len(self._header(spec, n_events))


def _begun_hash(split: str, chunk: int, start: int, n_events: int) -> hashlib._Hash:
    """The hash of a journal's entry, which has its numbers in it: an entry that was changed is none."""
    return hashlib.sha256(json.dumps([split, chunk, start, n_events]).encode())


def _data_bytes(spec: ArraySpec, n_events: int) -> int:
    return int(np.dtype(spec.dtype).itemsize * np.prod(spec.full_shape(n_events), dtype=int))
