"""Events as Parquet: a column for each array, its meaning in the schema, written a row group at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pd4ml.errors import DataError
from pd4ml.progress import Progress, progress
from pd4ml.storage.atomic import new_folder, write_atomically
from pd4ml.storage.export.columns import arrow, as_array, as_column
from pd4ml.storage.export.croissant import describe_files, write_croissant
from pd4ml.storage.export.facts import array_facts, event_facts
from pd4ml.storage.foreign import foreign
from pd4ml.storage.small import parse_json
from pd4ml.storage.store import Array

if TYPE_CHECKING:
    from pd4ml.storage.store import Events

__all__ = ["event_bytes", "read_parquet", "write_parquet", "write_parquet_folder"]

# Of a row group, before compression: what is held in memory, and the least that a reader of some events fetches.
_GROUP_BYTES = 1 << 24


def write_parquet(events: Events, file: Path, bar: Progress | None = None) -> Path:
    """Write events as one Parquet file, which is there when it is whole.

    An array of a fixed shape becomes lists of fixed size, a ragged one lists; what is the same for all events is
    repeated for each (compressed it takes no room), and the schema says so. The schema holds role, dtype, unit,
    meaning and padding of each column, and under ``pd4ml`` where the events come from, as JSON.

    Parameters
    ----------
    events : Events
        Of one split, all or some.
    file : Path
        Where to; an old file of this name is replaced.
    bar : Progress, optional
        Is told of events.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        When there are no events.
    MissingExtraError
        Without PyArrow.
    """
    pyarrow = arrow("writing Parquet")
    if not len(events):
        raise DataError(f"nothing to write to {file}: no events")
    step = max(1, _GROUP_BYTES // max(1, event_bytes(events)))
    file.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(file) as stream:
        first = _columns(events, slice(0, step))
        schema = _schema(pyarrow, events, first)
        # Numbers of events seldom repeat: without a dictionary files are smaller and written faster.
        with pyarrow.parquet.ParquetWriter(stream, schema, compression="zstd", use_dictionary=False) as writer:
            for start in range(0, len(events), step):
                rows = slice(start, start + step)
                columns = _columns(events, rows) if start else first
                writer.write_table(pyarrow.table(list(columns.values()), schema=schema))
                if bar is not None:
                    bar.advance(min(step, len(events) - start))
    return file


def write_parquet_folder(splits: Mapping[str, Events], folder: Path) -> Path:
    """Write splits as a folder of ``<split>.parquet`` with their ``croissant.json``.

    Parameters
    ----------
    splits : Mapping[str, Events]
        Events by the name of their split.
    folder : Path
        A new folder.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StoreError
        When there is something at ``folder``.
    """
    arrow("writing Parquet")
    with new_folder(folder) as partial, progress(f"writing {folder}", sum(map(len, splits.values()))) as bar:
        files = {
            split: [write_parquet(events, partial / f"{split}.parquet", bar)] for split, events in splits.items()
        }
        write_croissant(describe_files(splits, files, partial), partial)
    return folder


def read_parquet(file: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `write_parquet` wrote: arrays, (N, ...) or of the constant shape, and the facts about them.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    tuple[dict[str, ndarray or awkward.Array], dict]
        Arrays by name, ragged ones as awkward arrays, and where they come from.
    """
    pyarrow = arrow("reading Parquet")
    with foreign(file, "Parquet file"):
        return _read(pyarrow, file)


def _read(pyarrow: Any, file: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    table = pyarrow.parquet.read_table(file)
    arrays: dict[str, Array] = {}
    for field in table.schema:
        column, facts = table[field.name], field.metadata or {}
        if pyarrow.types.is_list(field.type) or pyarrow.types.is_large_list(field.type):
            import awkward

            arrays[field.name] = awkward.from_arrow(column)
        else:
            array = as_array(column, f"{field.name} in {file}")
            arrays[field.name] = array[0] if b"constant" in facts else array
    return arrays, parse_json((table.schema.metadata or {}).get(b"pd4ml", b"{}"))


def event_bytes(events: Events) -> int:
    """Bytes of one event in memory, what is constant included, since it is repeated for each."""
    total = 0
    for name, array in events.items():
        size = array.nbytes if hasattr(array, "nbytes") else array.size * array.dtype.itemsize
        total += size // max(1, len(events)) if events.manifest.arrays[events.split][name].per_event else size
    return int(total)


def _columns(events: Events, rows: slice) -> dict[str, Any]:
    """Some events as columns; what is constant, once for each."""
    files, taken = events.manifest.arrays[events.split], events.take(rows)
    n_events = len(range(*rows.indices(len(events))))
    return {
        name: as_column(a if files[name].per_event else np.broadcast_to(a, (n_events, *np.shape(a))))
        for name, a in taken.items()
    }


def _schema(pyarrow: Any, events: Events, columns: Mapping[str, Any]) -> Any:
    fields = [pyarrow.field(n, column.type, metadata=array_facts(events, n)) for n, column in columns.items()]
    return pyarrow.schema(fields, metadata={"pd4ml": json.dumps(event_facts(events))})
