"""How a published file must begin and be built, so that an error page is never taken for data."""

from __future__ import annotations

import zipfile
from pathlib import Path

from pd4ml.errors import DataError

__all__ = ["OPENING_BYTES", "check_file", "check_opening", "one_line"]

# Enough to tell what a file is and to show the first line of a page that came in its place.
OPENING_BYTES = 512

_EXPECTED = {
    "npz": (b"PK\x03\x04", "an .npz archive"),
    "pandas_table": (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
}


def one_line(text: str, length: int = 100) -> str:
    """``text`` on one line: printable characters only, at most ``length`` of them."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= length else clean[: length - 3] + "..."


def check_opening(opening: bytes, layout: str) -> None:
    """Refuse a file whose first bytes are not those of its ``layout``; DataError quotes its first line."""
    signature, expected = _EXPECTED[layout]
    if opening.startswith(signature):
        return
    message = f"expected {expected}, found {_quoted(opening[:OPENING_BYTES])}"
    raise DataError(message)


def _quoted(opening: bytes) -> str:
    """What a file that is not the expected one begins with."""
    if not opening:
        return "nothing at all"
    if b"\0" in opening:
        return "other binary data"
    lines = opening.decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n").splitlines()
    return f"something that begins with {one_line(lines[0] if lines else '')!r}"


def check_file(path: Path, layout: str) -> None:
    """Refuse a file that is not a whole file of its ``layout``; the numbers in it are not read."""
    try:
        with path.open("rb") as file:
            check_opening(file.read(OPENING_BYTES), layout)
        if layout == "npz":
            _check_npz(path)
        else:
            _check_hdf5(path)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or one_line(str(error))}"
        raise DataError(message) from error


def _check_npz(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        message = f"expected an .npz archive, found a damaged or truncated one ({error})"
        raise DataError(message) from error
    if not any(name.endswith(".npy") for name in names):
        message = f"expected an .npz archive, found a ZIP archive without arrays: {one_line(', '.join(names))}"
        raise DataError(message)


def _check_hdf5(path: Path) -> None:
    import h5py  # a heavy import for what only fetched HDF5 files need

    try:
        # HDF5 compares the end of the file with the one that its superblock promises.
        h5py.File(path, "r").close()
    except OSError as error:
        message = f"expected an HDF5 file, found a damaged or truncated one ({one_line(str(error))})"
        raise DataError(message) from error
