"""A small valid file of every kind that the package reads, and what reads it: text of all the numbers it holds."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from pd4ml.card import ArraySpec, Card, Citation, Variant
from pd4ml.evaluation.submission import read_submission
from pd4ml.evaluation.truth import Truth
from pd4ml.own.card_file import CardFile
from pd4ml.own.layout import Layout
from pd4ml.storage.columns import open_columns
from pd4ml.storage.export.parquet import read_parquet
from pd4ml.storage.fetch import read_record
from pd4ml.storage.formats import Part, file_format
from pd4ml.storage.memory import read_own
from pd4ml.storage.partial import Partial
from pd4ml.storage.ragged import is_ragged, ragged
from pd4ml.storage.store import Store
from pd4ml.storage.writer import StoreWriter

__all__ = ["CARD", "READERS", "N", "Reader", "digest", "npz_bytes", "store_in", "write_store"]

N = 60
_RNG = np.random.default_rng(5)
POINTS = _RNG.normal(size=(N, 3)).astype(np.float32)
LABEL = (np.arange(N) % 2).astype(np.uint8)
SIZES = np.arange(N) % 4
HITS = ragged(_RNG.normal(size=int(SIZES.sum())).astype(np.float32), np.concatenate([[0], np.cumsum(SIZES)]))
TRUTH = Truth("classification", LABEL, np.arange(N), "split test of Small", "0" * 64, 2, "test", {"train": 99})
CARD = Card(
    name="Small",
    version="1",
    title="numbers for the harness",
    task="classification",
    description="Made for the harness.",
    inputs=(ArraySpec("points", (3,), "float32", "1", "three numbers"),),
    target=ArraySpec("label", (), "uint8", "1", "0 or 1"),
    classes=("zero", "one"),
    splits=MappingProxyType({"train": N}),
    sources=(),
    variants=MappingProxyType({"default": Variant("as is")}),
    licence="MIT",
    citations=(Citation("Small", "@misc{Small}"),),
)
WITH_HITS = Card(**{**CARD.__dict__, "extras": (ArraySpec("hits", (), "float32", "1", "any", ragged=True),)})
COLUMNS = {"points": ["a", "b", "c"], "label": "label"}


@dataclass(frozen=True)
class Reader:
    """What reads a kind of file: its ``file`` in a folder of others, how valid ones are made, what is read.

    ``checked`` are files with check sums: what is read of a damaged one is the same, or it is refused.
    """

    name: str
    file: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    checked: bool = False


@dataclass(frozen=True)
class Case:
    """``make`` writes the file of the reader ``of``; ``read`` is called in its place, where it is given."""

    what: str
    of: str
    make: Callable[[Path], object]
    read: Callable[[Path], object] | None = None
    may_return: bool = False


def digest(arrays: Mapping[str, Any]) -> str:
    """Shapes and a hash of all numbers."""
    found = hashlib.sha256()
    for array in arrays.values():
        for part in ak.to_layout(array).to_packed().to_list() if is_ragged(array) else [np.asarray(array)]:
            found.update(repr(part).encode() if not isinstance(part, np.ndarray) else part.tobytes())
    return f"{[f'{name} {len(array)}' for name, array in sorted(arrays.items())]} {found.hexdigest()}"[-400:]


def npz_bytes(**arrays: Any) -> bytes:
    """An archive that is packed."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def csv_text() -> bytes:
    """Four columns."""
    rows = [f"{a:.6g},{b:.6g},{c:.6g},{y}" for (a, b, c), y in zip(POINTS.tolist(), LABEL.tolist(), strict=True)]
    return "\n".join(["a,b,c,label", *rows, ""]).encode()


def write_hdf5(file: Path) -> None:
    """Plain datasets, a table, lists, packed and not, in a group and outside."""
    with h5py.File(file, "w") as out:
        out["points"], out["group/label"] = POINTS, LABEL
        out.create_dataset("packed", data=POINTS, compression="gzip", chunks=(16, 3), fletcher32=True)
        out["table"] = np.array(list(zip(POINTS[:, 0], LABEL, strict=True)), [("a", "f4"), ("b", "u1")])
        lists = out.create_dataset("hits", (N,), h5py.vlen_dtype("f4"))
        for row, hits in enumerate(HITS.to_list()):
            lists[row] = hits


def write_pandas_table(file: Path) -> None:
    """As pandas does it, with the names of columns as a pickled list."""
    kinds = [("index", "i8"), ("values_block_0", "f4", (3,)), ("values_block_1", "u1", (1,))]
    with h5py.File(file, "w") as out:
        rows = list(zip(range(N), POINTS, LABEL[:, None], strict=True))
        table = out.create_dataset("table/table", data=np.array(rows, kinds), chunks=(20,), compression="gzip")
        table.attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(["a", "b", "c"], protocol=0))
        table.attrs["values_block_1_kind"] = np.bytes_(pickle.dumps(["label"], protocol=0))


def write_parquet(file: Path) -> None:
    """Numbers and lists."""
    columns = {name: POINTS[:, i] for i, name in enumerate("abc")}
    table = pa.table({**columns, "label": LABEL, "hits": ak.to_arrow(HITS, extensionarray=False)})
    pq.write_table(table, file, row_group_size=25, write_page_checksum=True)


def write_root(file: Path, kind: str = "mktree") -> None:
    """Numbers and lists in one tree, or in the RNTuple that is to take its place."""
    columns = {"a": POINTS[:, 0], "label": LABEL.astype(np.int32), "hits": HITS}
    with uproot.recreate(file) as out:
        getattr(out, kind)("events", columns).extend(columns)


def read_columns(file: Path) -> str:
    """All columns of all rows."""
    found = open_columns(file)
    pieces = list(found.chunks(list(found.columns), 25))
    rows = sum(len(next(iter(piece.values()))) for piece in pieces)
    return f"{rows} of {found.n_rows}: " + " ".join(digest(piece) for piece in pieces)


def read_format(layout: str, columns: Mapping[str, Any]) -> Callable[[Path], str]:
    """A published file of a layout, as `import` reads it."""

    def read(file: Path) -> str:
        reader, part = file_format(layout), Part(file, CARD, "train", columns)
        reader.check(file)
        found = [digest(arrays) for arrays in reader.chunks(part, 25)]
        return f"{reader.n_events(part)} {found} {digest(reader.read(part, 25))}"

    return read


def read_predictions(file: Path) -> str:
    """What `evaluate` takes."""
    return digest({"output": read_submission(file, TRUTH).output})


def events_of(n: int) -> dict[str, Any]:
    """The first events of the card with hits."""
    return {"points": POINTS[:n], "label": LABEL[:n], "hits": HITS[:n]}


def write_store(file: Path, *, finish: bool = True) -> None:
    """The dataset folder in which ``file`` lies, whole or half of it."""
    folder = store_in(file)
    plan = {"seed": 1}
    with StoreWriter(folder, WITH_HITS, {"train": N}, plan) as writer:
        for chunk, start in enumerate(range(0, N if finish else N // 2, 20)):
            arrays = {n: a[start : start + 20] for n, a in events_of(N).items()}
            writer.write("train", chunk, start, arrays)
        if finish:
            writer.finish("generated", "default", {"seed": 1})


def store_in(file: Path) -> Path:
    """The folder of the store of which ``file`` is a part."""
    return next(parent for parent in file.parents if parent.name.startswith("small"))


def go_on(file: Path) -> str:
    """Finish the half that lies there; the events are those of an undisturbed run."""
    folder = store_in(file).with_name("small")
    with StoreWriter(folder, WITH_HITS, {"train": N}, {"seed": 1}) as writer:
        for chunk, start in enumerate(range(0, N, 20)):
            if ("train", chunk) not in writer.done:
                writer.write("train", chunk, start, {n: a[start : start + 20] for n, a in events_of(N).items()})
        writer.finish("generated", "default", {"seed": 1})
    Store(folder).verify()
    return digest(Store(folder).events("train").take(slice(None)))


def read_card(file: Path) -> str:
    """A card, and the values of its expressions."""
    card, columns = CardFile.read(file), {"a": POINTS[:, 0], "b": POINTS[:, 1], "c": POINTS[:, 2], "label": LABEL}
    select = card.expression("select")
    values = [expression(columns) for each in card.inputs.values() for expression in each.columns.values()]
    values += [] if card.target is None else [card.target(columns)]
    return f"{card.name} {None if select is None else select.mask(columns, N).sum()} {len(values)}"


def read_store(file: Path) -> str:
    """Everything, its hashes held against the manifest."""
    store = Store(store_in(file))
    store.verify()
    events = store.events("train")
    events.verify()
    return f"{store.manifest!r} {digest(events.take(slice(None)))}"


def read_manifest(file: Path) -> str:
    """As `read_store`, and what is shown of it; a changed text of the manifest is no damage of the events."""
    store = Store(store_in(file))
    for split in store.manifest.arrays:
        events = store.events(split)
        events.verify()
        _ = (repr(events), events._repr_html_(), events.X, events.y)
        events.take(slice(0, 5))
    if "own" in store.manifest.provenance:
        _ = Layout.from_dict(store.manifest.provenance["own"]).card.describe()
    return repr(store)


CARD_TEXT = b"""name = "Mine"
task = "classification"
select = "a > 0 and abs(b) < 2"
[inputs]
points = ["a", "b", "c"]
ratio = { columns = { r = "a / (b + 1)" }, unit = "1" }
[target]
value = "label == 1"
[split]
test = 0.2
seed = 3
[graph]
kind = "knn"
k = 4
"""


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(content)


def _npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _scores_csv() -> bytes:
    return "\n".join(["event_id,score", *(f"{i},{0.01 + i / 100:.6f}" for i in range(N)), ""]).encode()


_SCORES = np.linspace(0.011, 0.987, N)
_PUBLISHED = npz_bytes(X_train_0=POINTS, y_train=LABEL)
_OWN = npz_bytes(points=POINTS, label=LABEL, hits=np.asarray(ak.flatten(HITS)), **{
    "hits.offsets": np.concatenate([[0], np.cumsum(SIZES)])
})  # fmt: skip
_TABLE = pa.table({"event_id": np.arange(N), "score": _SCORES})
_ORIGIN = json.dumps({"url": "http://localhost/x", "validator": "1", "total": 99}).encode()


def _half(file: Path) -> None:
    write_store(Path(str(file).replace("small.partial", "small")), finish=False)


def _whole_and_read(file: Path) -> None:
    write_store(file)
    read_store(file)


def _download(file: Path) -> None:
    file.with_name("x.part").write_bytes(b"1")
    file.write_bytes(_ORIGIN)


_PACKED = gzip.compress(csv_text(), mtime=0)
READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader("columns of CSV", "x.csv", _bytes(csv_text()), read_columns),
        Reader("columns of packed CSV", "x.csv.gz", _bytes(_PACKED), read_columns, True),
        Reader("columns of NPZ", "x.npz", _bytes(_OWN), read_columns),
        Reader("columns of HDF5", "x.h5", write_hdf5, read_columns),
        Reader("columns of Parquet", "x.parquet", write_parquet, read_columns),
        Reader("columns of ROOT", "x.root", write_root, read_columns),
        Reader("columns of RNTuple", "x.root", lambda f: write_root(f, "mkrntuple"), read_columns),
        Reader("published NPZ", "x.npz", _bytes(_PUBLISHED), read_format("npz", {}), True),
        Reader("published HDF5", "x.h5", write_pandas_table, read_format("pandas_table", COLUMNS)),
        Reader("published Parquet", "x.parquet", write_parquet, read_format("parquet_table", COLUMNS)),
        Reader("predictions in CSV", "x.csv", _bytes(_scores_csv()), read_predictions),
        Reader("predictions in NPY", "x.npy", _bytes(_npy(_SCORES)), read_predictions),
        Reader("predictions in NPZ", "x.npz", _bytes(npz_bytes(score=_SCORES)), read_predictions, True),
        Reader("predictions in Parquet", "x.parquet", lambda f: pq.write_table(_TABLE, f), read_predictions),
        Reader("own events in NPZ", "x.npz", _bytes(_OWN), lambda f: digest(dict(read_own(WITH_HITS, f).items()))),
        Reader("exported Parquet", "x.parquet", write_parquet, lambda f: digest(read_parquet(f)[0])),
        Reader("numbers of a dataset", "small/train/points.npy", write_store, read_store, True),
        Reader("offsets of a dataset", "small/train/hits.offsets.npy", write_store, read_store, True),
        Reader("manifest of a dataset", "small/manifest.json", write_store, read_manifest),
        Reader("what was verified", "small/.verified.json", _whole_and_read, read_store, True),
        Reader("journal", "small.partial/journal.jsonl", _half, go_on, True),
        Reader("plan", "small.partial/plan.json", _half, go_on, True),
        Reader("half an array", "small.partial/train/points.npy", _half, go_on, True),
        Reader("a piece", "small.partial/train/pieces/hits.0.npy", _half, go_on, True),
        Reader("card of own data", "x.toml", _bytes(CARD_TEXT), read_card),
        Reader(
            "where a download comes from", "x.part.json", _download, lambda f: Partial(f.with_name("x")).origin()
        ),
        Reader(
            "what a download was",
            "x.json",
            _bytes(b'{"size": 1, "md5": "0"}'),
            lambda f: read_record(f.with_name("x")),
        ),
    )
}
"""By name."""
