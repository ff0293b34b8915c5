"""Predictions of any tool: what is read, and what is refused and why."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.toy import Toy
from pd4ml.card import Task
from pd4ml.errors import DataError, MissingExtraError, Pd4mlError, StoreError
from pd4ml.evaluation import metrics
from pd4ml.evaluation.submission import read_submission
from pd4ml.evaluation.truth import Truth, dataset_truth, file_truth

N = 400


def truth_of(values: np.ndarray, n_classes: int = 2) -> Truth:
    task: Task = "classification" if n_classes else "regression"
    ids = np.arange(len(values))
    return Truth(task, values, ids, "split test of Toy", "0" * 64, n_classes, "test", {"train": 1600})


RNG = np.random.default_rng(1)
LABELS = RNG.integers(0, 2, N)
LOGITS = RNG.normal(LABELS * 2.0 - 1, 1)
SCORES = 1 / (1 + np.exp(-LOGITS))
BINARY = truth_of(LABELS)
REGRESSION = truth_of(RNG.normal(700, 50, N), 0)


def csv(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=True, **arrays)
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def written(path: Path, name: str, content: bytes) -> Path:
    file = path / name
    file.write_bytes(content)
    return file


def submitted(path: Path, name: str, content: bytes, truth: Truth = BINARY) -> np.ndarray:
    return read_submission(written(path, name, content), truth).output


SHUFFLED = RNG.permutation(N)
PAIRS = np.empty(N, [("event_id", "i8"), ("score", "f4")])
PAIRS["event_id"], PAIRS["score"] = SHUFFLED, SCORES[SHUFFLED]
FORMS = {
    "rows.csv": csv("event_id,score", *(f"{i},{float(SCORES[i])!r}" for i in SHUFFLED)),
    "windows.csv": b"\xef\xbb\xbf"
    + "\r\n".join(["Event_ID;name; Score ;", *(f"{i};x;{float(SCORES[i])!r};" for i in SHUFFLED), ""]).encode(),
    "logits.csv": csv("logit", *(repr(float(x)) for x in LOGITS)),
    "plain.txt": csv(*(repr(float(x)) for x in SCORES), "", ""),
    "tabs.tsv": csv("score\tevent_id", *(f"{float(SCORES[i])!r}\t{i}" for i in SHUFFLED)),
    "order.npy": npy(SCORES),
    "column.npy": npy(SCORES[:, None]),
    "float32.npy": npy(SCORES.astype(np.float32)),
    "softmax.npy": npy(np.stack([1 - SCORES, SCORES], axis=1)),
    "pairs.npy": npy(PAIRS),
    "ids.npz": npz(event_id=SHUFFLED.astype(np.uint16), score=SCORES[SHUFFLED]),
    "logits.npz": npz(logit=LOGITS, score=np.zeros(N), split="test"),
    "plain.npz": npz(arr_0=SCORES),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_that_are_read(tmp_path: Path, name: str) -> None:
    np.testing.assert_allclose(submitted(tmp_path, name, FORMS[name]), LOGITS, rtol=2e-5, atol=1e-6)


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    file = tmp_path / "scores.parquet"
    parquet.write_table(pa.table({"event_id": SHUFFLED, "score": SCORES[SHUFFLED], "model": ["a"] * N}), file)
    np.testing.assert_allclose(read_submission(file, BINARY).output, LOGITS, rtol=1e-5)
    with_null = pa.array([None, *SCORES[1:]])
    parquet.write_table(pa.table({"score": with_null}), file)
    with pytest.raises(DataError, match="1 predictions are NaN"):
        read_submission(file, BINARY)
    file.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"damaged or no \.parquet file"):
        read_submission(file, BINARY)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pd4ml-physics\[parquet\]'"):
        submitted(tmp_path, "scores.parquet", b"PAR1")


def test_classes(tmp_path: Path) -> None:
    labels = np.arange(N) % 3
    logits = RNG.normal(size=(N, 3)) + 2 * np.eye(3)[labels]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = truth_of(labels, 3)
    header = "score_0,score_1,score_2"
    rows = [",".join(map(repr, row)) for row in p.tolist()]
    for name, content in (("p.npy", npy(p)), ("p.csv", csv(header, *rows)), ("l.npz", npz(logit=logits))):
        output = submitted(tmp_path, name, content, truth)
        measured = metrics("classification", output, labels)
        assert measured["auc_macro"].value == pytest.approx(
            metrics("classification", logits, labels)["auc_macro"].value
        )
    for content, message in (
        (npy(p[:, :2]), r"needs predictions \(N, 3\), found \(400, 2\)"),
        (npy(p * 0.9), "must sum to 1"),
        (npy(p.astype(np.float16)), "half precision"),
    ):
        with pytest.raises(DataError, match=message):
            submitted(tmp_path, "p.npy", content, truth)
    with pytest.raises(DataError, match="found score_0, score_2"):
        submitted(tmp_path, "p.csv", csv("score_0,score_2", "0.5,0.5"), truth)


def test_regression(tmp_path: Path) -> None:
    value = REGRESSION.values + RNG.normal(0, 10, N)
    np.testing.assert_allclose(submitted(tmp_path, "v.npz", npz(value=value), REGRESSION), value, rtol=1e-6)
    np.testing.assert_allclose(submitted(tmp_path, "v.npy", npy(value), REGRESSION), value, rtol=1e-6)
    with pytest.raises(DataError, match="is a regression, which needs a column value; found score"):
        submitted(tmp_path, "v.npz", npz(score=value), REGRESSION)
    with pytest.raises(DataError, match="every prediction fits into float16"):
        submitted(tmp_path, "v.npy", npy(value.astype(np.float16).astype(float)), REGRESSION)


def test_spreads_come_along(tmp_path: Path) -> None:
    value = REGRESSION.values + np.linspace(-1, 1, len(REGRESSION))
    ids, spread = np.arange(len(value))[::-1], np.linspace(1, 2, len(value))
    columns = {
        "event_id": ids,
        "value": value[ids],
        "sigma": spread[ids],
        "lower": value[ids] - 1,
        "upper": value[ids] + 2,
    }
    file = written(tmp_path, "p.npz", npz(**columns))
    found = read_submission(file, REGRESSION, {"spread": "sigma"})
    assert found.spread is not None
    np.testing.assert_allclose(found.spread, spread, rtol=1e-6)
    assert list(found.spreads) == ["spread", "lower", "upper"]
    measured = REGRESSION.metrics(found)
    assert {"nll", "crps", "coverage", "half_width"} <= set(measured)
    assert measured["half_width"].value == pytest.approx(1.5, rel=1e-4)
    file = written(tmp_path, "q.npz", npz(**{**columns, "lower": value[ids] + 3}))
    with pytest.raises(DataError, match=r"q\.npz: lower must not be above upper"):
        read_submission(file, REGRESSION)
    # Of a classifier they are columns like any other.
    assert submitted(tmp_path, "s.npz", npz(logit=LOGITS, spread=-LOGITS)).shape == LOGITS.shape


def with_values(places: Any, values: Any) -> np.ndarray:
    scores = SCORES.copy()
    scores[places] = values
    return scores


IDS = np.arange(N)
REFUSED = {
    "missing": (
        npz(event_id=IDS[:-3], score=SCORES[:-3]),
        "3 of the 400 events of split test of Toy have no pred",
    ),
    "short": (npz(score=SCORES[:-3]), "397 predictions for the 400 events"),
    "twice": (npz(event_id=np.append(IDS[:-1], 7), score=SCORES), "1 event ids are there more than once.* 7"),
    "unknown": (npz(event_id=IDS + 2, score=SCORES), "2 event ids are not those of split test.* 400"),
    "negative": (npz(event_id=IDS - 1, score=SCORES), "1 event ids are not those .* -1"),
    "huge id": (npz(event_id=np.append(IDS[:-1], 2**63).astype(np.uint64), score=SCORES), "do not fit into int64"),
    "float id": (npz(event_id=IDS + 0.5, score=SCORES), "event_id must be whole numbers"),
    "wrong split": (npz(score=np.tile(SCORES, 4)), "so many events has split train: is this the wrong split"),
    "said split": (npz(score=SCORES, split="train"), "predictions of split 'train', expected 'test'"),
    "nan": (npz(score=with_values([5, 7], np.nan)), "2 predictions are NaN or infinite, the first in place 5"),
    "inf": (npz(logit=with_values(3, -np.inf)), "1 predictions are NaN or infinite"),
    "float16": (npz(score=SCORES.astype(np.float16)), "half precision"),
    "hidden float16": (npz(score=SCORES.astype(np.float16).astype(np.float32)), "fits into float16"),
    "bfloat16": (
        npz(logit=(LOGITS.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)),
        "fits into bfloat16",
    ),
    "rounded": (npz(score=np.round(SCORES, 1)), "rounded to multiples of 0.1, so that 100% of them are tied"),
    "saturated": (npz(score=with_values(IDS[:60], 1.0)), "15% of the predictions are 1, rounded or saturated"),
    "labels": (npz(score=LABELS), "only 0 and 1: these are labels"),
    "boolean": (npz(score=LABELS == 1), "only 0 and 1: these are labels"),
    "logits": (npz(score=LOGITS), "scores are outside 0 to 1.* name them `logit`"),
    "percent": (npz(score=100 * SCORES), "scores are outside 0 to 1"),
    "text": (npz(score=SCORES.astype("U")), "must be numbers, found <U"),
    "complex": (npz(score=SCORES.astype(complex)), "must be numbers"),
    "objects": (npz(score=np.array([None] * N)), "Python objects, which are never unpickled"),
    "cube": (npz(score=SCORES.reshape(4, 10, 10)), r"needs predictions \(N,\) or \(N, 2\), found \(4, 10, 10\)"),
    "nothing": (npz(score=SCORES[:0]), "needs predictions"),
    "lengths": (npz(event_id=IDS, score=SCORES[1:]), "arrays .* of one length"),
    "no column": (npz(foo=SCORES, other=SCORES), "needs a column logit or score; found foo, other"),
    "regression": (npz(value=SCORES), "is a classification, which needs a column logit or score"),
    "no zip": (b"PK\x03\x04", "damaged"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(tmp_path: Path, case: str) -> None:
    content, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as caught:
        submitted(tmp_path, "p.npz", content)
    assert "\n" not in str(caught.value)


def test_a_header_that_promises_too_much(tmp_path: Path) -> None:
    lying = npy(SCORES).replace(b"'shape': (400,), }     ", b"'shape': (400000000,), }")
    assert lying != npy(SCORES)
    for damaged in (lying, npy(SCORES)[:-8], b"", npy(SCORES)[:20], npy(np.array([None] * N))):
        with pytest.raises(DataError, match=r"p\.npy"):
            submitted(tmp_path, "p.npy", damaged)


WEIRD = {
    "no header": (csv("0,0.5", "1,0.7"), "its first line must name the columns"),
    "decimal comma": (csv("event_id;score", "0;0,5"), "line 2: expected a number, found '0,5'"),
    "cells": (csv("event_id,score", "0,0.5", "1"), "line 3: expected 2 cells, found 1"),
    "empty cell": (csv("event_id,score", "0,"), "line 2: expected a number, found ''"),
    "float id": (csv("event_id,score", "0.0,0.5"), "line 2: expected a whole number, found '0.0'"),
    "big id": (csv("event_id,score", "99999999999999999999,0.5"), "line 2: expected a whole number"),
    "two": (csv("score,Score", "0.1,0.2"), "two columns 'score'"),
    "nul": (b"score\n0.5\x00\n", "expected a number|NUL"),
    "binary": (bytes(range(128, 256)), "damaged or no .csv file"),
    "quote": (b'score\n"0.5\n', "damaged or no .csv file"),
    "empty": (b"", "found none"),
    "long": (b"score\n" + b"1" * 300_000, "line 2: longer than"),
    "header only": (b"event_id,score\n", "needs predictions"),
    "utf-16": ("score\n0.5\n".encode("utf-16"), "damaged or no .csv file"),
}


@pytest.mark.parametrize("case", WEIRD)
def test_weird_csv(tmp_path: Path, case: str) -> None:
    content, message = WEIRD[case]
    with pytest.raises(DataError, match=message) as caught:
        submitted(tmp_path, "p.csv", content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300), suffix=st.sampled_from([".csv", ".npy", ".npz", ".parquet"]))
def test_noise_gives_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str) -> None:
    file = tmp_path_factory.getbasetemp() / f"noise{suffix}"
    file.write_bytes(content)
    with pytest.raises(Pd4mlError) as caught:
        read_submission(file, BINARY)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_submission(tmp_path / "p.csv", BINARY)
    with pytest.raises(DataError, match=r"ends in \.csv, \.npy, \.npz or \.parquet"):
        submitted(tmp_path, "p.pkl", b"")


def test_exact_ones_and_zeros_rank_beyond_all_others(tmp_path: Path) -> None:
    scores = with_values([0, 1, 2, 3], [0, 1e-40, 1, np.nextafter(1, 0)])
    output = submitted(tmp_path, "p.npz", npz(score=scores))
    assert output[0] < output[1] == output[output > output[0]].min()
    assert output[2] > output[3] == output[output < output[2]].max()
    assert np.isfinite(output).all()


def test_truth_of_a_dataset(tmp_path: Path) -> None:
    store = Toy.generate(tmp_path, 200)
    truth = dataset_truth(Toy, "test", tmp_path, source="generated")
    assert (len(truth), truth.n_classes, dict(truth.other_splits)) == (40, 2, {"train": 160})
    with pytest.raises(DataError, match=r"160 predictions .* split train: is this the wrong split"):
        submitted(tmp_path, "p.npz", npz(logit=RNG.normal(size=160)), truth)
    with pytest.raises(DataError, match="predictions of fingerprint"):
        submitted(tmp_path, "p.npz", npz(logit=RNG.normal(size=40), fingerprint="f" * 64), truth)
    file = store.folder / store.manifest.arrays["test"]["label"].file
    labels = np.load(file)
    np.save(file, 1 - labels)
    with pytest.raises(StoreError, match="another SHA-256 than its manifest says"):
        dataset_truth(Toy, "test", tmp_path, source="generated")


def test_truth_of_a_file(tmp_path: Path) -> None:
    ids = RNG.permutation(10 * N)[:N]
    file = written(
        tmp_path, "t.csv", csv("event_id,label", *(f"{i},{y}" for i, y in zip(ids, LABELS, strict=True)))
    )
    truth = file_truth(file)
    assert (truth.task, truth.n_classes) == ("classification", 2)
    assert file_truth(file, truth.sha256.upper()).sha256 == truth.sha256
    with pytest.raises(DataError, match="it is another truth"):
        file_truth(file, "0" * 64)
    content = npz(event_id=ids[::-1], logit=LOGITS[::-1])
    np.testing.assert_allclose(submitted(tmp_path, "p.npz", content, truth), LOGITS, rtol=1e-6)
    assert file_truth(written(tmp_path, "t.npy", npy(LABELS.astype(np.uint8)))).task == "classification"
    assert file_truth(written(tmp_path, "t.npz", npz(target=LABELS))).task == "regression"
    assert file_truth(written(tmp_path, "t.npy", npy(REGRESSION.values))).task == "regression"
    for name, content, message in (
        ("t.csv", csv("label", "0", "2"), "labels must be whole numbers from 0"),
        ("t.csv", csv("label,y", "0,1", "1,0"), "one column of labels"),
        ("t.csv", csv("event_id,label", "1,0", "1,1"), "each once"),
        ("t.npy", npy(np.array([0, 1, np.nan])), "finite numbers"),
    ):
        with pytest.raises(DataError, match=message):
            file_truth(written(tmp_path, name, content))


@pytest.mark.parametrize("rows", ["0.1" * 30_000 + "\n", '"' + '\n","' * 30_000 + '"\n'])
def test_rows_that_would_fill_the_memory(tmp_path: Path, rows: str) -> None:
    for content in (rows, "score\n0.1\n" + rows):
        with pytest.raises(DataError, match=r"line \d+: longer than 65,536 characters"):
            submitted(tmp_path, "p.csv", content.encode())


def test_a_table_of_one_number_that_would_fill_the_memory(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"score": np.full(1 << 20, 0.5)})
    with pa.parquet.ParquetWriter(tmp_path / "p.parquet", table.schema) as writer:
        for _ in range(33):
            writer.write_table(table)
    with pytest.raises(DataError, match="would fill the memory"):
        read_submission(tmp_path / "p.parquet", BINARY)
