"""Published files as events: read into memory, or converted once into the store."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pd4ml.card import Card, PublishedFile, PublishedSource
from pd4ml.errors import DataError, FetchError, MissingExtraError, StoreError
from pd4ml.progress import progress
from pd4ml.storage.atomic import scratch_folder
from pd4ml.storage.fetch import fetch, forbid_offline, place, read_record
from pd4ml.storage.formats import Format, Part, file_format, gather
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.small import parse_json
from pd4ml.storage.store import Array, Store
from pd4ml.storage.writer import StoreWriter, check_arrays, tidy

__all__ = ["Published", "fetch_part", "fetch_published", "import_file", "import_part"]

_CHUNK_EVENTS = 10_000
_MOST_FACTS = 1 << 24


@dataclass(frozen=True)
class Published:
    """The files of one published source, all of them in one folder.

    Parameters
    ----------
    card : Card
        The card of the published events.
    source : PublishedSource
        The one of its sources that is here.
    folder : Path
        Where its files are.
    """

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
        found = {split: sum(f.n_events(part) for f, part in self._parts(split)) for split in self.card.splits}
        if found != dict(self.card.splits):
            raise DataError(f"{self.source.name}: expected {dict(self.card.splits)} events, found {found}")
        return found

    def read(self, split: str) -> dict[str, Array]:
        """The arrays of ``split`` in memory, checked against the card; takes their size and some megabytes."""
        n_events = self.n_events[split]
        parts = self._parts(split)
        if len(parts) == 1:
            ((file, part),) = parts
            arrays = file.read(part, _CHUNK_EVENTS)
        else:
            arrays = gather(self.card, n_events, (chunk for _, chunk in self.chunks(split)))
        check_arrays(self.card, arrays, n_events)
        return arrays

    def chunks(self, split: str) -> Iterator[tuple[int, dict[str, Array]]]:
        """The events of ``split`` in pieces: number of the first event, and the arrays of some thousand."""
        start = 0
        for file, part in self._parts(split):
            for arrays in file.chunks(part, _CHUNK_EVENTS):
                yield start, arrays
                start += len(arrays[self.card.target.name])

    def convert(self, folder: Path, *, force: bool = False) -> None:
        """Write the events into the store at ``folder``, chunk by chunk; a conversion that was stopped goes on."""
        provenance = {
            "published_source": self.source.name,
            "files": {path.name: _origin(path) for path in self.paths},
        }
        self.write(folder, "published", "default", provenance, force=force)

    def write(
        self, folder: Path, source: str, variant: str, provenance: Mapping[str, object], *, force: bool = False
    ) -> None:
        """As `convert`, for events of a ``source`` and ``variant`` that the manifest is to name."""
        plan = {**provenance, "card_version": self.card.version}
        # Another process that is already converting does what this one wants: wait for it.
        with StoreWriter(folder, self.card, self.n_events, plan, replace=force, drop_partial=True) as writer:
            if writer.already_there:
                return
            with progress(f"converting {self.card.name}", sum(self.n_events.values())) as bar:
                for split in self.card.splits:
                    for number, (start, arrays) in enumerate(self.chunks(split)):
                        if (split, number) not in writer.done:
                            writer.write(split, number, start, arrays)
                        bar.advance(len(arrays[self.card.target.name]))
            writer.finish(source, variant, provenance)

    def _parts(self, split: str) -> list[tuple[Format, Part]]:
        return [
            _part(f, p, self.card, split)
            for f, p in zip(self.source.files, self.paths, strict=True)
            if split in f.splits
        ]


def fetch_published(card: Card, folder: Path, *, force: bool = False) -> Published:
    """Fetch the files of the first source that can be had; one whose files are all here comes first.

    Parameters
    ----------
    card : Card
        Says which sources there are.
    folder : Path
        Where the files are kept.
    force : bool
        Fetch them again, also those that are here.

    Returns
    -------
    Published
        The source whose files are here now.

    Raises
    ------
    FetchError
        Names everything that was tried.
    DataError
        When a file is not what the card says.
    MissingExtraError
        When the files are here and nothing is installed that reads them.
    """
    if not card.sources:
        raise FetchError(f"no files of {card.name} were published")
    reasons = []
    here = {source.name: all((folder / file.name).exists() for file in source.files) for source in card.sources}
    for source in sorted(card.sources, key=lambda source: not here[source.name]):
        try:
            for file in source.files:
                fetch(file, folder, force=force)
        except FetchError as error:
            reasons.append(f"{source.name}: {error}")
        except MissingExtraError as error:
            if here[source.name]:
                raise  # what is missing is named, rather than another source fetched in its place
            reasons.append(f"{source.name}: {error}")
        else:
            published = Published(card.published, source, folder)
            published.check()
            return published
    raise FetchError(f"the published files of {card.name} cannot be had: " + "; ".join(reasons))


def import_file(card: Card, given: Path, folder: Path) -> Path:
    """Verify a published file that one already has, and place it where ``fetch_published`` looks for it.

    Parameters
    ----------
    card : Card
        Says which files there are.
    given : Path
        The file, known by its name here or on a mirror; it stays as it is.
    folder : Path
        Where published files are kept.

    Returns
    -------
    Path
        The file in ``folder``.

    Raises
    ------
    DataError
        When it is not one of the card's files, or not as it was published.
    """
    files = [file for source in card.sources for file in source.files]
    if not files:
        raise DataError(f"no files of {card.name} were published, so that none can be imported")
    for file in files:
        if given.name in {file.name, *(unquote(Path(urlsplit(url).path).name) for url in file.mirrors)}:
            if given.is_file():
                file_format(file.layout).check(given)
                _check_numbers(card, file, given, folder)
            return place(file, given, folder)
    if not given.is_file():
        raise DataError(f"no file at {given}")
    raise DataError(
        f"{given.name} is no published file of {card.name}: expected one named {', '.join(f.name for f in files)}"
    )


def import_part(card: Card, given: Path, folder: Path, variant: str) -> Path:
    """Write a file that holds a part of the published events into a store of its own, which says so.

    Parameters
    ----------
    card : Card
        Says what the layout is; a source of one file has to have it.
    given : Path
        The file, of any name; it stays as it is.
    folder : Path
        Of the store.
    variant : str
        What the part is called.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        When the file has not the layout of the published one, or more events.
    StoreError
        When the folder holds something else.
    """
    source = next((source for source in card.sources if len(source.files) == 1), None)
    if source is None:
        raise DataError(f"{card.name} has no published source of one file, so that no file can be a part of it")
    if not given.is_file():
        raise DataError(f"no file at {given}")
    if (told := _exported_source(given)) in ("generated", "own"):
        raise DataError(f"{given} holds {told} events, as it says itself: they are no part of the published ones")
    (file,) = source.files
    reader = file_format(file.layout)
    reader.check(given)
    found = {split: reader.n_events(Part(given, card.published, split, file.columns)) for split in card.splits}
    if any(not 0 < n <= card.splits[split] for split, n in found.items()):
        raise DataError(f"{given} holds {found} events, expected some of each split of {dict(card.splits)}")
    provenance = {
        "part_of": f"the published {card.name}, says who imported it; which of its events these are is not known",
        "files": {given.name: {"sha256": sha256_of(given)}},
    }
    if folder.exists() and Store(folder).manifest.provenance != provenance:
        raise StoreError(f"{folder} holds other events: import {given.name} under another name than {variant!r}")
    files = (replace(file, name=given.name),)
    part = Published(replace(card.published, splits=found), replace(source, files=files), given.parent)
    part.write(folder, "imported", variant, provenance)
    return folder


def _exported_source(given: Path) -> str:
    """What an archive that was exported by this package says of its events; empty for any other file."""
    try:
        with zipfile.ZipFile(given) as archive, archive.open("pd4ml.json") as member:
            facts = parse_json(member.read(_MOST_FACTS))
        return str(next(iter(facts.values()))["source"])
    except Exception:  # of any other file, damaged ones included
        return ""


def fetch_part(card: Card, folder: Path, n_events: int, variant: str) -> Path:
    """Fetch the first events of a published source in Parquet into a store of their own, which says what it is.

    Parameters
    ----------
    card : Card
        Says which sources there are; each split gets its share of the events.
    folder : Path
        Of the store.
    n_events : int
        In all splits together.
    variant : str
        What the part is called.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        When no source is of a layout that can be read in parts, or there are not so many events.
    FetchError
        When the part cannot be had.
    StoreError
        When the folder holds something else.
    """
    # Here, not above: the network libraries are slow to import, and most calls need no network.
    from pd4ml.storage.first_events import fetch_first_events

    source = next((s for s in card.sources if all(f.layout == "parquet_table" for f in s.files)), None)
    if source is None:
        raise DataError(f"{card.name} has no published source in Parquet, and others can only be had whole")
    total = sum(card.splits.values())
    if not len(card.splits) <= n_events < total:
        raise DataError(f"a part has {len(card.splits)} to {total - 1:,} events, found {n_events:,}")
    plan = {"part_of": f"the published {card.name}, its first events in {source.name}", "n_events": n_events}
    if folder.exists():
        if not plan.items() <= Store(folder).manifest.provenance.items():
            raise StoreError(f"{folder} holds other events: fetch these under another name than {variant!r}")
        tidy(folder)
        return folder
    forbid_offline(f"the first {n_events:,} events of {card.name}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder) as scratch:
        files, facts = [], {}
        shares = {split: max(1, n_events * whole // total) for split, whole in card.splits.items()}
        shares[next(iter(shares))] += n_events - sum(shares.values())
        for split, left in shares.items():
            for file in (f for f in source.files if split in f.splits):
                if left:
                    facts[file.name] = fetch_first_events(file, left, scratch / file.name)
                    files.append(replace(file, splits=(split,)))
                    left -= int(str(facts[file.name]["rows"]))
        part = Published(card.published, replace(source, files=tuple(files)), scratch)
        found = {split: sum(f.n_events(p) for f, p in part._parts(split)) for split in card.splits}
        part = replace(part, card=replace(part.card, splits=found))
        part.write(folder, "imported", variant, {**plan, "files": facts})
    return folder


def _check_numbers(card: Card, file: PublishedFile, given: Path, folder: Path) -> None:
    """DataError unless ``given`` can be ``file``: events are counted where all files of a split are at hand."""
    source = next(source for source in card.sources if any(f is file for f in source.files))
    for split in file.splits:
        files = [f for f in source.files if split in f.splits]
        paths = [given if f is file else folder / f.name for f in files]
        here = [_part(f, p, card, split) for f, p in zip(files, paths, strict=True) if p.is_file()]
        found, expected = sum(reader.n_events(part) for reader, part in here), card.splits[split]
        if found > expected or (len(here) == len(paths) and found < expected):
            raise DataError(
                f"{given} is not {file.name}: expected {expected:,} events of split {split}, found {found:,}; a "
                "part of the published events gets a name of its own (variant='...', --variant NAME)"
            )


def _origin(path: Path) -> dict[str, object]:
    record = read_record(path)
    return {key: record.get(key) for key in ("md5", "sha256", "url")}


def _part(file: PublishedFile, path: Path, card: Card, split: str) -> tuple[Format, Part]:
    """What reads ``file``, and what it reads."""
    return file_format(file.layout), Part(path, card.published, split, file.columns)
