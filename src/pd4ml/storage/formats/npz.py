"""The .npz layout of arXiv:2107.00656: arrays X_<split>_0, X_<split>_1, ... in the card's order, and y_<split>."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from pd4ml.errors import DataError, one_line
from pd4ml.storage.formats.base import Format, Part, register
from pd4ml.storage.npz import NpzArray, open_npz
from pd4ml.storage.store import Array

__all__ = ["Npz"]


@register("npz")
class Npz(Format):
    """Inputs and target of a split as arrays of one archive."""

    signature = b"PK\x03\x04"
    noun = "an .npz archive"

    def check_structure(self, path: Path) -> None:
        """The archive's directory, which is at its end, and whether it lists arrays."""
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile as error:
            raise DataError(f"expected {self.noun}, found a damaged or truncated one ({error})") from error
        if not any(name.endswith(".npy") for name in names):
            listed = one_line(", ".join(names))
            raise DataError(f"expected {self.noun}, found a ZIP archive without arrays: {listed}")

    def n_events(self, part: Part) -> int:
        """The length of the target."""
        key = f"y_{part.split}"
        return len(open_npz(part.path, key)[key])

    def chunks(self, part: Part, n_events: int) -> Iterator[dict[str, Array]]:
        """Pieces of all arrays side by side."""
        specs, members = part.card.arrays, _members(part)
        constant = {s.name: members[s.name].read(s.dtype) for s in specs if not s.per_event}
        moving = {s.name: members[s.name].chunks(n_events, s.dtype) for s in specs if s.per_event}
        for pieces in zip(*moving.values(), strict=True):
            yield {**constant, **dict(zip(moving, pieces, strict=True))}

    def read(self, part: Part, n_events: int) -> dict[str, Array]:
        """One array after the other into its final place, with some megabytes on the way."""
        members = _members(part)
        return {spec.name: members[spec.name].read(spec.dtype) for spec in part.card.arrays}


def _members(part: Part) -> dict[str, NpzArray]:
    """The arrays by the card's names; DataError if one is missing or has another shape."""
    card = part.card
    keys = {spec.name: f"X_{part.split}_{i}" for i, spec in enumerate(card.inputs)}
    keys[card.target.name] = f"y_{part.split}"
    members = open_npz(part.path, *keys.values())
    n_events = len(members[keys[card.target.name]].expect(None, *card.target.shape))
    for spec in card.arrays:
        members[keys[spec.name]].expect(*spec.full_shape(n_events))
    return {name: members[key] for name, key in keys.items()}
