"""Files as a dataset: read twice in pieces, once to see which events go where, once to write them."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_path
from pd4ml.errors import DataError, StoreError, one_line
from pd4ml.expression import Expression
from pd4ml.own.arrays import Input, inputs_of_columns, is_numbers, make_set, plain_name, role_of, to_float32
from pd4ml.own.card import Told, layout_for
from pd4ml.own.card_file import CardFile, InputColumns
from pd4ml.own.dataset import check_name, own_dataset, own_folder
from pd4ml.own.layout import SOURCE, UNKNOWN, Layout
from pd4ml.own.split import SPLITS, group_keys
from pd4ml.own.take import given_splits, input_keys, said_of_duplicates, with_padding
from pd4ml.own.target import MOST_CLASSES, Target, guess_task, require_all, target_of
from pd4ml.progress import progress
from pd4ml.sample import Sample
from pd4ml.storage.columns import ColumnFile, open_columns
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.ragged import is_ragged
from pd4ml.storage.store import Array, Store
from pd4ml.storage.writer import StoreWriter, tidy

__all__ = ["convert", "found_columns"]

_PIECE_BYTES = 1 << 25
_MOST_ROWS = 10_000
_PROBED_ROWS = 100


def convert(
    files: Sequence[str | Path],
    card: CardFile | str | Path | Mapping[str, Any],
    path: str | Path = "./datasets",
    *,
    variant: str = "default",
    force: bool = False,
) -> Sample:
    """Make a dataset of your own files: ROOT, Parquet, HDF5, NPZ or CSV, a row an event.

    They are read in pieces, so that they may be larger than the memory. Stopped, it goes on with the pieces that
    are missing.

    Parameters
    ----------
    files : Sequence[str or Path]
        Of one kind, with the same columns.
    card : CardFile, str, Path or Mapping[str, Any]
        What the columns are: a TOML file, or its tables.
    path : str or Path
        The folder that holds the datasets.
    variant : str
        Of several sets of events with the same arrays: which one this is.
    force : bool
        Replace other events of this name.

    Returns
    -------
    Sample
        The dataset, as of `own_data`.

    Raises
    ------
    DataError
        For files that cannot be read, columns that do not go together, and numbers that are not finite.
    UnknownNameError
        For columns that are not there.
    StoreError
        If other events have that name already, or the folder cannot be written.
    MissingExtraError
        If what reads such files is not installed.
    """
    if isinstance(card, str | Path):
        card = CardFile.read(as_path(card, "card"))
    elif isinstance(card, Mapping):
        card = CardFile.from_dict(card)
    check_name(card.name)
    paths = [as_path(file, "file") for file in files]
    if not paths:
        raise DataError("convert takes at least one file")
    job = _Job([open_columns(file, card.text("inside")) for file in paths], card)
    folder = own_folder(path, card.name, variant)
    with progress(f"hashing {len(paths)} files", sum(file.stat().st_size for file in paths), "bytes") as bar:
        hashes = {file.name: sha256_of(file, bar) for file in paths}
    made = {"by": "convert", "files": hashes, "card": _card_hash(card), "rows": job.n_rows}
    if folder.exists() and not force:
        return _same(folder, made, variant)
    plan = job.plan()
    layout = job.layout(plan)
    with StoreWriter(folder, layout.card, layout.card.splits, made, replace=force, drop_partial=True) as writer:
        if writer.already_there:
            return _same(folder, made, variant)
        job.write(plan, layout, writer)
        writer.finish(SOURCE, variant, {**made, "own": layout.to_dict()})
    said_of_duplicates(card.name, plan.n_equal)
    return Sample(own_dataset(layout), folder.parents[1], SOURCE, variant)


def _same(folder: Path, made: Mapping[str, Any], variant: str) -> Sample:
    """The events that are there, if they were made of the same files."""
    tidy(folder)
    found = Store(folder).manifest.provenance
    if any(found.get(key) != value for key, value in made.items()):
        raise StoreError(f"{folder} holds other events: choose another name or variant, or replace them by force")
    return Sample(own_dataset(Layout.from_dict(found["own"])), folder.parents[1], SOURCE, variant)


def found_columns(file: str | Path, inside: str = "") -> dict[str, str]:
    """What columns a file has.

    Parameters
    ----------
    file : str or Path
        ROOT, Parquet, HDF5, NPZ or CSV.
    inside : str
        A tree of a ROOT file, a group of an HDF5 file; the fullest if it is not named.

    Returns
    -------
    dict[str, str]
        Name -> what it holds.

    Raises
    ------
    DataError, StoreError, MissingExtraError
        As in `convert`.
    """
    return dict(open_columns(as_path(file, "file"), inside).columns)


@dataclass
class _Plan:
    """What a first reading found.

    ``splits`` (n,) of each piece: the split of each event, -1 if it is not selected. ``inputs``, ``beside`` and
    ``target`` are those of the first piece with events; ``values`` are those of a target that may be classes, in
    each split; ``groups`` says where the events of a group go, where a column says that.
    """

    splits: list[NDArray[np.int8]] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    beside: dict[str, Array] = field(default_factory=dict)
    target: Array | None = None
    values: dict[int, set[Any]] = field(default_factory=lambda: {number: set() for number in range(len(SPLITS))})
    groups: dict[int, int] = field(default_factory=dict)
    n_equal: int = 0

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(3,) events of each split."""
        sizes = np.zeros(len(SPLITS), np.int64)
        for of in self.splits:
            sizes += np.bincount(of[of >= 0], minlength=len(SPLITS))
        return sizes


class _Job:
    """Files and a card: columns evaluated piece by piece."""

    def __init__(self, files: list[ColumnFile], card: CardFile) -> None:
        self.files, self.card = files, card
        self.n_rows = sum(file.n_rows for file in files)
        if not self.n_rows:
            raise DataError(f"{files[0].path} holds no events")
        self.group, self.weight, self.select = (card.expression(key) for key in ("group", "weight", "select"))
        self.inputs = dict(card.inputs) or self._all_inputs()
        used = [e for each in self.inputs.values() for e in each.columns.values()]
        used += [*card.extras.values(), *filter(None, (card.target, self.group, self.weight, self.select))]
        names = [name for expression in used for name in expression.columns]
        self.names = list(dict.fromkeys([*names, *filter(None, [card.split_column])]))
        for file in files:
            file.check(self.names)
        self.rows = self._piece_rows()
        self.task, self.classes = card.text("task"), card.classes

    def plan(self) -> _Plan:
        """Read everything once."""
        plan, seen = _Plan(), np.zeros(0, np.uint64)
        with progress(f"reading {self.card.name}", self.n_rows) as bar:
            for columns, n in self._pieces():
                kept = np.ones(n, bool) if self.select is None else self.select.mask(columns, n)
                of = np.full(n, -1, np.int8)
                if kept.any():
                    chosen = {name: values[kept] for name, values in columns.items()}
                    of[kept], keys = self._splits(plan, chosen, int(kept.sum()))
                    both = np.concatenate([seen, keys])
                    seen = np.unique(both)
                    plan.n_equal += len(both) - len(seen)
                    self._look(plan, chosen, of[kept])
                plan.splits.append(of)
                bar.advance(n)
        if not plan.inputs:
            raise DataError(f"no event is left: select = {self.card.text('select')!r}")
        whole = plan.target is not None and (plan.target.dtype.kind != "f" or self.task == "classification")
        if whole and not self.classes:
            distinct = np.array(sorted(set().union(*plan.values.values())))
            self.task = self.task or guess_task(distinct)
            if self.task == "classification":
                self.classes = {str(value): [value] for value in distinct.tolist()}
        return plan

    def _require_all_classes(self, plan: _Plan, layout: Layout) -> None:
        for split in layout.card.splits if layout.card.task == "classification" else ():
            values = np.array(sorted(plan.values[SPLITS.index(split)]))
            labels = self._target(values, len(values)).array
            require_all(self.card.name, layout.card.classes, labels.tolist(), split)

    def layout(self, plan: _Plan) -> Layout:
        """The card of the dataset."""
        texts = {key: self.card.text(key) for key in ("title", "description", "citation")}
        licence, grouped, weighted = self.card.text("licence"), self.group is not None, self.weight is not None
        told = Told(**texts, licence=licence or UNKNOWN, units=self._units(), group=grouped, weight=weighted)
        target = self._target(plan.target, len(plan.beside["event_id"]))
        layout = layout_for(self.card.name, plan.inputs, plan.beside, target, told, self.card.graph, plan.sizes)
        self._require_all_classes(plan, layout)
        return layout

    def write(self, plan: _Plan, layout: Layout, writer: StoreWriter) -> None:
        """Read everything again, and write what is not written yet."""
        start, first = dict.fromkeys(layout.card.splits, 0), 0
        with progress(f"converting {self.card.name}", self.n_rows) as bar:
            for number, ((columns, n), of) in enumerate(zip(self._pieces(), plan.splits, strict=True)):
                here = {split: np.flatnonzero(of[of >= 0] == SPLITS.index(split)) for split in start}
                missing = [s for s, places in here.items() if len(places) and (s, number) not in writer.done]
                arrays = self._arrays(plan, columns, first, of >= 0) if missing else {}
                for split, places in here.items():
                    if split in missing:
                        piece = {name: array[places] for name, array in arrays.items()}
                        writer.write(split, number, start[split], piece)
                    start[split] += len(places)
                first += n
                bar.advance(n)

    def _pieces(self) -> Iterator[tuple[dict[str, Any], int]]:
        """The columns, some rows at a time, and how many."""
        for file in self.files:
            for columns in file.chunks(self.names, self.rows):
                yield columns, len(next(iter(columns.values())))

    def _all_inputs(self) -> dict[str, InputColumns]:
        """All columns of numbers that nothing else uses."""
        named = [self.card.target, self.group, self.weight, *self.card.extras.values()]
        used = {name for expression in named if expression is not None for name in expression.columns}
        used.add(self.card.split_column)
        names = [name for name in self.files[0].columns if name not in used]
        probe = next(self.files[0].chunks(names, _PROBED_ROWS), {})
        good = {name: values for name, values in probe.items() if is_numbers(values)}
        if len(good) < len(names):
            left = [name for name in names if name not in good]
            print(f"left out, since they are no numbers: {one_line(', '.join(left), 300)}", file=sys.stderr)
        found: dict[str, InputColumns] = {}
        for each in inputs_of_columns(good):
            whole = next((name for name in good if plain_name(name) == each.name), "")
            plain = each.columns if set(each.columns) <= set(good) and each.columns else (whole,)
            found[each.name] = InputColumns({column: Expression(f"`{column}`") for column in plain}, each.role)
        return found

    def _piece_rows(self) -> int:
        """How many rows are some ten megabytes."""
        probe = next(self.files[0].chunks(self.names, _PROBED_ROWS))
        n_rows = len(next(iter(probe.values())))
        size = sum(values.nbytes for values in probe.values()) / n_rows
        return int(np.clip(_PIECE_BYTES / max(size, 1), 1, _MOST_ROWS))

    def _splits(
        self, plan: _Plan, columns: Mapping[str, Any], n: int
    ) -> tuple[NDArray[np.int8], NDArray[np.uint64]]:
        """(n,) the split of each event, and hashes by which equal ones are found; none where groups are told."""
        groups = None if self.group is None else group_keys(_flat(self.group(columns)))[0]
        keys = input_keys(self._inputs(columns)) if groups is None else groups
        if self.card.split_column:
            of = given_splits(columns[self.card.split_column], n, groups)
            for group, split in zip([] if groups is None else groups.tolist(), of.tolist(), strict=False):
                if plan.groups.setdefault(group, split) != split:
                    raise DataError(f"{self.card.split_column} puts events of one group into several splits")
        else:
            of = self.card.splitting.drawn(keys)
        return of, keys if groups is None else keys[:0]

    def _look(self, plan: _Plan, columns: Mapping[str, Any], of: NDArray[np.int8]) -> None:
        """Keep what the first piece holds, and which values the target has, as long as they may be classes."""
        if not plan.inputs:
            plan.inputs = [with_padding(e, "auto") if e.padding is None else e for e in self._inputs(columns)]
            plan.beside = self._beside(columns, np.arange(len(of)))
        if self.card.target is None:
            return
        values = _plain(self.card.target(columns))
        plan.target = values if plan.target is None else plan.target
        if values.ndim == 1 and (values.dtype.kind != "f" or self.classes or self.task == "classification"):
            for number, found in plan.values.items():
                found.update(np.unique(values[of == number]).tolist())
            if max(map(len, plan.values.values())) > MOST_CLASSES and self.task != "regression":
                raise DataError(
                    f"the target has more than {MOST_CLASSES:,} values: it is no class; say task = 'regression'"
                )

    def _arrays(
        self, plan: _Plan, columns: Mapping[str, Any], first: int, kept: NDArray[np.bool_]
    ) -> dict[str, Array]:
        """All arrays of the events of a piece that are kept."""
        columns = {name: values[kept] for name, values in columns.items()}
        places = first + np.flatnonzero(kept)
        inputs = {each.name: each.array for each in self._inputs(columns)}
        values = None if self.card.target is None else _plain(self.card.target(columns))
        target = self._target(values, len(places))
        return inputs | self._beside(columns, places) | {target.spec.name: target.array}

    def _inputs(self, columns: Mapping[str, Any]) -> list[Input]:
        return [_input(name, each, columns) for name, each in self.inputs.items()]

    def _beside(self, columns: Mapping[str, Any], event_id: NDArray[np.int64]) -> dict[str, Array]:
        """Extras, and the number of each event in all files together."""
        found: dict[str, Array] = {"event_id": event_id}
        for name, expression in self.card.extras.items():
            values = expression(columns)
            found[name] = values if is_ragged(values) else np.asarray(values)
        if self.weight is not None:
            found["weight"] = to_float32(_flat(self.weight(columns)), "weight")
        if self.group is not None:
            found["group"] = group_keys(_flat(self.group(columns)))[1]
        return found

    def _target(self, values: Array | None, n: int) -> Target:
        return target_of(values, n, self.task, self.classes, self.card.target_unit)

    def _units(self) -> dict[str, str]:
        """Those that are told, by column or array."""
        units: dict[str, str] = {}
        for name, each in self.inputs.items():
            units |= dict(each.unit) if isinstance(each.unit, Mapping) else {name: each.unit}
        return {name: unit for name, unit in units.items() if unit != UNKNOWN}


def _input(name: str, each: InputColumns, columns: Mapping[str, Any]) -> Input:
    """One input array from the columns of a piece."""
    values = {column: expression(columns) for column, expression in each.columns.items()}
    if any(map(is_ragged, values.values())):
        if not all(map(is_ragged, values.values())):
            raise DataError(f"inputs.{name}: columns are either lists or single numbers, not both")
        return make_set(name, values)
    arrays = {
        column: _shaped(to_float32(np.asarray(a), column), column, each.shape) for column, a in values.items()
    }
    first = next(iter(arrays.values()))
    if len(arrays) == 1:
        array = first[:, None] if first.ndim == 1 else first
        names = tuple(arrays) if first.ndim == 1 else ()
    else:
        if len({array.shape for array in arrays.values()}) > 1:
            raise DataError(f"inputs.{name}: columns have different shapes, {[a.shape for a in arrays.values()]}")
        array, names = np.stack(list(arrays.values()), axis=-1), tuple(arrays)
    return Input(name, array, each.role or role_of(name, array), names, each.padding)


def _shaped(array: Array, column: str, shape: tuple[int, ...]) -> Array:
    if shape and array[:1].size != math.prod(shape):
        raise DataError(
            f"{column} has {array[:1].size:,} numbers an event, which are no {list(shape)}: correct shape"
        )
    return array.reshape(len(array), *shape) if shape else array


def _plain(values: Any) -> Array:
    """As NumPy; one number an event as (N,), also where the file has (N, 1)."""
    array: Array = np.asarray(values.to_numpy() if is_ragged(values) else values)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _flat(values: Any) -> Array:
    """(N,) values; DataError for anything else."""
    found = _plain(values)
    if found.ndim != 1:
        raise DataError(f"group and weight are one value an event, found {found.shape}")
    return found


def _card_hash(card: CardFile) -> str:
    return hashlib.sha256(repr(card).encode()).hexdigest()
