"""Published files as events: read into memory, or converted once into the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pd4ml.card import Card, PublishedFile, PublishedSource
from pd4ml.errors import DataError, FetchError, MissingExtraError
from pd4ml.progress import progress
from pd4ml.storage.fetch import fetch, place, read_record
from pd4ml.storage.formats import Format, Part, file_format, gather
from pd4ml.storage.store import Array
from pd4ml.storage.writer import StoreWriter, check_arrays

__all__ = ["Published", "fetch_published", "import_file"]

_CHUNK_EVENTS = 10_000


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
    raise FetchError(
        f"the published files of {card.name} cannot be had: " + "; ".join(reasons or ["none are known"])
    )


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
    for file in files:
        if given.name in {file.name, *(unquote(Path(urlsplit(url).path).name) for url in file.mirrors)}:
            if given.is_file():
                file_format(file.layout).check(given)
                for split in file.splits:
                    reader, part = _part(file, given, card, split)
                    reader.n_events(part)
            return place(file, given, folder)
    if not given.is_file():
        raise DataError(f"no file at {given}")
    raise DataError(
        f"{given.name} is no published file of {card.name}: expected one named {', '.join(f.name for f in files)}"
    )


def _origin(path: Path) -> dict[str, object]:
    record = read_record(path)
    return {key: record.get(key) for key in ("md5", "sha256", "url")}


def _part(file: PublishedFile, path: Path, card: Card, split: str) -> tuple[Format, Part]:
    """What reads ``file``, and what it reads."""
    return file_format(file.layout), Part(path, card, split, file.columns)
