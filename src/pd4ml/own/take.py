"""own_data: arrays that somebody has as a dataset, in one line."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pd4ml.arguments import as_whole
from pd4ml.errors import DataError, StoreError
from pd4ml.expression import Expression
from pd4ml.own.arrays import Input, as_inputs, to_float32
from pd4ml.own.card import Told, layout_for, unit_of
from pd4ml.own.dataset import check_name, own_dataset, own_folder
from pd4ml.own.layout import SOURCE, UNKNOWN, Layout
from pd4ml.own.split import SPLITS, Splitting, event_keys, group_keys
from pd4ml.own.target import require_all, target_of
from pd4ml.sample import Sample
from pd4ml.storage.ragged import entries, is_ragged
from pd4ml.storage.store import Array, Store
from pd4ml.storage.writer import StoreWriter, tidy

__all__ = ["given_splits", "input_keys", "own_data", "said_of_duplicates", "with_padding"]

_CHUNK_EVENTS = 10_000


def own_data(
    X: Any,
    y: ArrayLike | None = None,
    path: str | Path = "./datasets",
    *,
    name: str,
    task: str = "",
    classes: Sequence[str] | Mapping[str, Any] = (),
    units: Mapping[str, str] | str = UNKNOWN,
    group: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    extras: Mapping[str, ArrayLike] = MappingProxyType({}),
    select: str = "",
    test: float = 0.2,
    valid: float = 0.0,
    split: ArrayLike | None = None,
    seed: int = 0,
    graph: str | Mapping[str, Any] | None = None,
    padding: float | str | None = "auto",
    title: str = "",
    description: str = "",
    licence: str = UNKNOWN,
    citation: str = "",
    variant: str = "default",
    force: bool = False,
) -> Sample:
    """Make a dataset of your own arrays; every command and method takes it, ``source="own"``.

    Parameters
    ----------
    X : Any
        N events. A table (N, K), a DataFrame, or arrays (N,) by name: numbers of the event. An awkward array,
        columns of lists, or an array (N, P, F): sets of entries, such as the particles of jets. (N, H, W, C):
        images. A mapping may hold several of them by name.
    y : ArrayLike, optional
        (N,) classes, as whole numbers or texts, or values; (N, D) several values; (N, P) classes of nodes.
    path : str or Path
        The folder that holds the datasets.
    name : str
        What it is to be called.
    task : str
        ``classification``, ``regression``, ``segmentation`` or ``unlabelled``; found from ``y`` where that is
        clear.
    classes : Sequence[str] or Mapping[str, Any]
        Names of the labels 0, 1, ...; or names and the values of ``y`` that they stand for.
    units : Mapping[str, str] or str
        Unit by name of an array or column (``target`` for y), or of all.
    group : ArrayLike, optional
        (N,) What events share that belong together, such as a run: they are never in two splits.
    weight : ArrayLike, optional
        (N,) What each event counts.
    extras : Mapping[str, ArrayLike]
        Arrays (N, ...) that are kept and no model sees.
    select : str
        Keep the events for which this holds, such as ``pt > 500 and abs(eta) < 2``, over columns and extras.
    test, valid : float
        Shares of these splits, drawn; equal events are never in two of them.
    split : ArrayLike, optional
        (N,) ``train``, ``valid`` or ``test`` for each event, in place of shares; or True for ``test``.
    seed : int
        Another one divides the events otherwise.
    graph : str or Mapping[str, Any], optional
        ``knn``, ``grid`` or ``none``; or a table with ``kind``, ``coordinates`` (names of columns), ``period``,
        ``k``, ``max_nodes``. Without it: a grid for images, otherwise the 16 nearest in all columns.
    padding : float, str or None
        What fills the places behind the last entry in arrays (N, P, F). ``auto``: 0 if rows of zeros stand only
        there.
    title, description, licence, citation : str
        For the card; ``citation`` as BibTeX.
    variant : str
        Of several sets of events with the same arrays, such as variations: which one this is.
    force : bool
        Replace other events of this name.

    Returns
    -------
    Sample
        The dataset: ``sample.graphs("train")``, ``pd4ml.train(sample, "fcn_quick")``; ``sample.dataset`` is the
        class.

    Raises
    ------
    DataError
        For what is no array, has other lengths, or numbers that are not finite.
    StoreError
        If other events have that name already, or the folder cannot be written.
    """
    check_name(name)
    inputs = _roles(as_inputs(X), graph, padding)
    n_events = len(inputs[0].array)
    beside = _beside(extras, group, weight, n_events)
    inputs, beside, y, split = _selected(select, inputs, beside, y, split)
    n_events = len(inputs[0].array)
    if not n_events:
        raise DataError(f"no event is left: select = {select!r}" if select else "X holds no events")
    target = target_of(y, n_events, task, classes, unit_of(units, "target"))
    groups = beside.pop("group", None)
    keys, numbers = (input_keys(inputs), None) if groups is None else group_keys(groups)
    splitting = Splitting(test, valid, as_whole("seed", seed, 0))
    if split is None:
        of = splitting.drawn(keys)
    else:
        of = given_splits(split, n_events, None if numbers is None else keys)
    told = Told(title, description, licence, citation, units, numbers is not None, "weight" in beside)
    if numbers is not None:
        beside["group"] = numbers
    arrays: dict[str, Array] = (
        {each.name: each.array for each in inputs} | beside | {target.spec.name: target.array}
    )
    layout = layout_for(name, inputs, beside, target, told, graph, np.bincount(of, minlength=3))
    made = {"by": "own_data", "select": select, "sha256": _hash(keys, arrays, layout)}
    for split_name in layout.card.splits if target.task == "classification" else ():
        labels = np.unique(target.array[of == SPLITS.index(split_name)])
        require_all(name, target.classes, labels.tolist(), split_name)
    folder = own_folder(path, name, variant)
    _write(folder, layout, arrays, of, variant, made, force=force)
    said_of_duplicates(name, len(keys) - len(np.unique(keys)) if numbers is None else 0)
    return Sample(own_dataset(layout), folder.parents[1], SOURCE, variant)


def said_of_duplicates(name: str, n: int) -> None:
    """Say on standard error how many events are there twice."""
    if n:
        print(f"{name}: {n:,} events equal an earlier one; equal events are in the same split", file=sys.stderr)


def _roles(inputs: list[Input], graph: str | Mapping[str, Any] | None, padding: float | str | None) -> list[Input]:
    """Images where a grid is asked for, and padding found."""
    kind = graph.get("kind") if isinstance(graph, Mapping) else graph
    found = []
    for each in inputs:
        if each.role == "set" and kind == "grid" and not is_ragged(each.array):
            each = replace(each, role="grid")
        found.append(each)
    if padding not in ("auto", None) and not isinstance(padding, int | float):
        raise DataError(f"padding is a number, 'auto' or None, found {padding!r}")
    return [with_padding(each, padding) for each in found]


def with_padding(each: Input, padding: float | str | None) -> Input:
    """A dense set with what fills the places behind an event's last entry; other inputs as they are."""
    return replace(each, padding=_padding(each, padding)) if each.role == "set" else each


def _padding(each: Input, padding: float | str | None) -> float | None:
    """What fills the places behind an event's last entry; None where nothing does."""
    if is_ragged(each.array) or padding is None:
        return None
    if padding != "auto":
        return float(padding)
    empty = (each.array == 0).all(axis=-1)
    trailing = np.cumsum(~empty[:, ::-1], axis=1)[:, ::-1] == 0
    return 0.0 if empty.any() and (empty == trailing).all() else None


def _beside(
    extras: Mapping[str, ArrayLike], group: ArrayLike | None, weight: ArrayLike | None, n_events: int
) -> dict[str, Array]:
    """Arrays that no model sees."""
    given = (
        dict(extras) | ({} if group is None else {"group": group}) | ({} if weight is None else {"weight": weight})
    )
    found: dict[str, Array] = {}
    for name, values in given.items():
        array = values if is_ragged(values) else np.asarray(values)
        if len(array) != n_events:
            raise DataError(f"{name} has {len(array):,} events, X {n_events:,}")
        found[name] = to_float32(array, name) if name == "weight" else array
    found.setdefault("event_id", np.arange(n_events))
    return found


def _selected(
    select: str, inputs: list[Input], beside: dict[str, Array], y: Any, split: Any
) -> tuple[list[Input], dict[str, Array], Any, Any]:
    """The events for which ``select`` holds."""
    if not select:
        return inputs, beside, y, split
    columns: dict[str, Any] = {"y": np.asarray(y)} if y is not None else {}
    for each in inputs:
        columns[each.name] = each.array
        columns |= {column: each.array[..., i] for i, column in enumerate(each.columns)}
    mask = Expression(select).mask(columns | beside, len(inputs[0].array))

    def chosen(values: Any) -> Any:
        return None if values is None else values[mask] if is_ragged(values) else np.asarray(values)[mask]

    kept = [replace(each, array=chosen(each.array)) for each in inputs]
    return kept, {name: chosen(a) for name, a in beside.items()}, chosen(y), chosen(split)


def input_keys(inputs: Sequence[Input]) -> NDArray[np.uint64]:
    """(N,) hashes of events: of the bytes of all their inputs."""
    parts = {}
    for each in inputs:
        array = each.array
        content, offsets = entries(array) if is_ragged(array) else (array, np.arange(len(array) + 1))
        content = np.ascontiguousarray(content)
        size = content.dtype.itemsize * int(np.prod(content.shape[1:], dtype=int))
        parts[each.name] = content.reshape(-1).view(np.uint8), offsets * size
    return event_keys(parts)


def given_splits(split: ArrayLike, n_events: int, groups: NDArray[np.uint64] | None) -> NDArray[np.int8]:
    """(N,) the split that is given for each event; DataError if it tears a group apart."""
    values = np.asarray(split)
    if values.shape != (n_events,):
        raise DataError(f"split is one value for each of {n_events:,} events, found {values.shape}")
    if values.dtype == bool:
        of = np.where(values, 2, 0).astype(np.int8)
    else:
        of = np.full(n_events, -1, np.int8)
        for place, name in enumerate(SPLITS):
            of[np.char.lower(values.astype(str)) == name] = place
        of[np.isin(values.astype(str), ("val", "validation"))] = 1
        if (of < 0).any():
            raise DataError(f"split must be train, valid or test, or True for test, found {values[of < 0][0]!r}")
    if groups is not None:
        _, first, number = np.unique(groups, return_index=True, return_inverse=True)
        if (of[first][number] != of).any():
            raise DataError("split puts events of one group into several splits: leave out split or group")
    return of


def _hash(keys: NDArray[np.uint64], arrays: Mapping[str, Array], layout: Layout) -> str:
    """Of all that is handed in: what is the same need not be written again."""
    digest = hashlib.sha256(keys.tobytes() + json.dumps(layout.to_dict(), sort_keys=True).encode())
    for name, array in arrays.items():
        parts = entries(array) if is_ragged(array) else (array,)
        digest.update(name.encode())
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _write(
    folder: Path,
    layout: Layout,
    arrays: Mapping[str, Array],
    of: NDArray[np.int8],
    variant: str,
    made: Mapping[str, Any],
    *,
    force: bool,
) -> None:
    """Write the store; what is there already is kept if it is the same."""
    if folder.exists() and not force:
        _check_same(folder, made)
        return
    splits = layout.card.splits
    with StoreWriter(folder, layout.card, splits, dict(made), replace=force, drop_partial=True) as writer:
        if writer.already_there:
            _check_same(folder, made)
            return
        for split in splits:
            places = np.flatnonzero(of == SPLITS.index(split))
            for chunk, start in enumerate(range(0, len(places), _CHUNK_EVENTS)):
                here = places[start : start + _CHUNK_EVENTS]
                writer.write(split, chunk, start, {name: array[here] for name, array in arrays.items()})
        writer.finish(SOURCE, variant, {**made, "own": layout.to_dict()})


def _check_same(folder: Path, made: Mapping[str, Any]) -> None:
    """StoreError unless what is there was made of the same arrays."""
    tidy(folder)
    if Store(folder).manifest.provenance.get("sha256") != made["sha256"]:
        raise StoreError(f"{folder} holds other events: choose another name or variant, or replace them by force")
