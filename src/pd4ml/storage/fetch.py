"""Published files in the user's folder: fetched from their mirrors or placed from a copy, verified either way."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pd4ml.card import PublishedFile
from pd4ml.errors import DataError, FetchError, Pd4mlError, StoreError
from pd4ml.progress import progress
from pd4ml.storage import fetch_settings
from pd4ml.storage.atomic import write_text
from pd4ml.storage.disk import refused
from pd4ml.storage.formats import file_format
from pd4ml.storage.hashing import file_hashes
from pd4ml.storage.lock import locked
from pd4ml.storage.partial import Partial
from pd4ml.storage.small import read_json

__all__ = ["fetch", "forbid_offline", "place", "read_record"]


def fetch(file: PublishedFile, folder: Path, *, force: bool = False) -> Path:
    """Return the path of ``file`` in ``folder``, fetched from its mirrors unless it is there already.

    A file that is there needs no network. With ``PD4ML_OFFLINE=1`` in the environment nothing is fetched. One
    process fetches at a time; others wait and then find the file.

    Parameters
    ----------
    file : PublishedFile
        The file as its card knows it.
    folder : Path
        Where it belongs; made if it is not there.
    force : bool
        Fetch it again; the old one stays until the new one is verified.

    Returns
    -------
    Path
        The verified file.

    Raises
    ------
    FetchError
        When no mirror delivers.
    DataError
        When the file that is there is not the published one.
    MissingExtraError
        When nothing is installed that reads its format.
    StoreError
        When ``folder`` cannot be written.
    LockedError
        When another process does not finish.
    """
    target = _target(file, folder)
    with _disk_errors(target):
        if not force and _is_here(file, target):
            return target
        forbid_offline(f"{file.name} is not in {folder}")
        with _writer(target):
            # Another process may have fetched it while this one waited.
            if force or not _is_here(file, target):
                _fetch(file, target)
    return target


def forbid_offline(what: str) -> None:
    """FetchError where the environment forbids the network.

    Parameters
    ----------
    what : str
        What cannot be had then.
    """
    if os.environ.get("PD4ML_OFFLINE", "0") not in ("", "0"):
        message = f"{what}, and PD4ML_OFFLINE forbids the network: unset it, or place a copy with 'pd4ml import'"
        raise FetchError(message)


def _fetch(file: PublishedFile, target: Path) -> None:
    # Here, not above: the network libraries are slow to import, and most calls need no network.
    from pd4ml.storage.download import download

    file_format(file.layout).require()  # before gigabytes are brought that nothing here can read
    partial = Partial(target)
    hashes: dict[str, str] = {}

    def verify(path: Path) -> None:
        hashes.update(_verified(file, path))

    url = download(file, partial, verify)
    if replaced := target.exists():
        _record_path(target).unlink(missing_ok=True)  # it must never speak of another file
    else:
        # Before the file has its name, so that a kill in between does not forget where it came from.
        _write_record(target, hashes, url, partial.path)
    partial.finish(target)
    if replaced:
        _write_record(target, hashes, url)


def place(file: PublishedFile, given: Path, folder: Path) -> Path:
    """Put a copy of ``file`` that the user already has, at ``given``, where ``fetch`` looks for it.

    It is verified first; ``given`` itself stays as it is.

    Parameters
    ----------
    file : PublishedFile
        The file as its card knows it.
    given : Path
        The copy.
    folder : Path
        Where it belongs; made if it is not there.

    Returns
    -------
    Path
        The file in ``folder``.

    Raises
    ------
    DataError
        When ``given`` is not the published file.
    """
    target = _target(file, folder)
    if not given.is_file():
        message = f"no file at {given}"
        raise DataError(message)
    try:
        hashes = _verified(file, given)
    except DataError as error:
        message = f"{given} is not {file.name}: {error}"
        raise DataError(message) from error
    with _disk_errors(target), _writer(target):
        if not (target.exists() and target.samefile(given)):
            copy = target.with_name(target.name + ".copy")
            try:
                _copy(given.resolve(), copy)
                _record_path(target).unlink(missing_ok=True)
                copy.replace(target)
            finally:
                copy.unlink(missing_ok=True)
        _write_record(target, hashes, given.resolve().as_uri())
    return target


def _target(file: PublishedFile, folder: Path) -> Path:
    """Where ``file`` belongs; refuses a name that leads out of ``folder``."""
    if file.name in ("", ".", "..") or "\\" in file.name or Path(file.name).name != file.name:
        message = f"{file.name!r} is not a plain file name; correct the card's PublishedFile"
        raise DataError(message)
    target = folder / file.name
    if target.is_dir():
        message = f"{target} is a folder where the file {file.name} belongs"
        raise StoreError(message)
    return target


@contextlib.contextmanager
def _disk_errors(target: Path) -> Iterator[None]:
    """Turn what the disk refuses into one line."""
    try:
        yield
    except Pd4mlError:
        raise  # FetchError is an OSError too
    except OSError as error:
        message = f"cannot use {target.parent} for {target.name}: {refused(error)}"
        raise StoreError(message) from error


@contextlib.contextmanager
def _writer(target: Path) -> Iterator[None]:
    """Be the only process that writes ``target``; the lock of a killed process is free again."""
    lock, busy = target.with_name(target.name + ".lock"), f"another process is fetching {target.name}"
    with locked(lock, busy, fetch_settings.SETTINGS.lock_timeout):
        yield


def _copy(given: Path, copy: Path) -> None:
    """A hard link where the file system allows one, which takes neither time nor space; else a synced copy."""
    copy.unlink(missing_ok=True)
    try:
        copy.hardlink_to(given)
    except OSError:
        shutil.copyfile(given, copy)
        with copy.open("rb+") as file:
            os.fsync(file.fileno())


def _verified(file: PublishedFile, path: Path) -> dict[str, str]:
    """Check structure and hashes of what is at ``path``; returns its hashes."""
    file_format(file.layout).check(path)
    with progress(f"verifying {path.name}", path.stat().st_size, "bytes") as bar:
        hashes = file_hashes(path, bar)
    for kind, expected in (("md5", file.md5), ("sha256", file.sha256)):
        if expected and hashes[kind] != expected.lower():
            message = f"expected {kind} {expected}, found {hashes[kind]}"
            raise DataError(message)
    return hashes


def _is_here(file: PublishedFile, target: Path) -> bool:
    """Whether ``target`` holds ``file``; DataError if it holds something else.

    Gigabytes are hashed once: the record beside the file is believed as long as size and time of change fit.
    """
    if not target.is_file():
        return False
    record, stat = read_record(target), target.stat()
    published = {"md5": file.md5, "sha256": file.sha256}
    unchanged = (record.get("size"), record.get("mtime_ns")) == (stat.st_size, stat.st_mtime_ns)
    if unchanged and all(record.get(k) == v.lower() for k, v in published.items() if v):
        return True
    try:
        hashes = _verified(file, target)
        if record.get("sha256", hashes["sha256"]) != hashes["sha256"]:
            message = f"expected sha256 {record['sha256']}, recorded when it came, found {hashes['sha256']}"
            raise DataError(message)
    except DataError as error:
        message = f"{target} is not the published file: {error}; remove it, or fetch it again by force"
        raise DataError(message) from error
    _write_record(target, hashes, record.get("url"))
    return True


def _record_path(target: Path) -> Path:
    return target.with_name(target.name + ".json")


def read_record(target: Path) -> dict[str, object]:
    """What was noted when a file was verified.

    Parameters
    ----------
    target : Path
        The file, not the note beside it.

    Returns
    -------
    dict[str, object]
        ``size`` in bytes, ``mtime_ns``, ``md5``, ``sha256`` and ``url``; empty if nothing was noted.
    """
    try:
        record = read_json(_record_path(target))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write_record(target: Path, hashes: dict[str, str], url: object, arriving: Path | None = None) -> None:
    """Note what was verified. A folder that cannot be written only costs the next call the time to hash again."""
    stat = (arriving or target).stat()
    record = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, **hashes, "url": url}
    with contextlib.suppress(OSError):
        write_text(_record_path(target), json.dumps(record, indent=2) + "\n")
