"""Rows in another order than the events: ids under other names, and columns of the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.kinds import ToyNodes
from helpers.submitted import (
    LABELS,
    LOGIT,
    ORDER,
    RNG,
    SCORE,
    WRITERS,
    N,
    pd,
    read,
    same,
    shuffled,
    to_csv,
    to_parquet,
)
from pd4ml.errors import DataError
from pd4ml.evaluation.truth import Truth, dataset_truth, file_truth

OWN_IDS = RNG.permutation(10 * N)[:N] + 5
OWN = Truth("classification", LABELS, OWN_IDS, "t.csv", "0" * 64, 2)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ["id", "index", "eventid", "Event-ID", "EVENT", "idx", " Id "])
def test_ids_under_a_known_name_put_the_rows_in_order(
    name: str, writer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ids in (ORDER, ORDER.astype(float), ORDER.astype(np.uint16)):
        same(read(WRITERS[writer](shuffled(**{name: ids}), tmp_path)))
        assert f"column {name.strip()!r} is read as event_id" in capsys.readouterr().err


def test_the_index_of_pandas_puts_the_rows_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"score": SCORE, "name": "jet"}).iloc[ORDER]
    frame.to_csv(tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text().startswith(",score,name\n")
    same(read(tmp_path / "p.csv"))
    assert "p.csv: the unnamed first column is read as event_id" in capsys.readouterr().err
    same(read(to_parquet(frame, tmp_path)))
    assert "column '__index_level_0__' is read as event_id" in capsys.readouterr().err
    pd.read_csv(tmp_path / "p.csv").to_csv(tmp_path / "again.csv", index=False)
    same(read(tmp_path / "again.csv"))
    assert "column 'Unnamed: 0' is read as event_id" in capsys.readouterr().err


@pytest.mark.parametrize("writer", WRITERS)
def test_rows_in_order_need_no_ids(writer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"index": np.arange(N), "score": SCORE, "foo": np.arange(N) + 1, "mass": 7 * ORDER})
    same(read(WRITERS[writer](frame, tmp_path)))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("ids", [ORDER, ORDER + 1, np.arange(N)[::-1]], ids=["places", "from 1", "backwards"])
def test_ids_under_an_unknown_name_are_refused_by_name(ids: np.ndarray, writer: str, tmp_path: Path) -> None:
    file = WRITERS[writer](shuffled(foo=ids), tmp_path)
    with pytest.raises(
        DataError, match="column 'foo' looks like ids of the events in another order: name it event_id"
    ):
        read(file)
    if ids is ORDER:
        same(read(file, columns="event_id=foo"))


IDS: dict[str, tuple[dict[str, Any], str]] = {
    "doubled": (
        {"id": np.r_[ORDER[:-1], ORDER[0]]},
        "column 'id' is read as event_id: 1 event ids are .* more than once",
    ),
    "other events": (
        {"index": ORDER + N},
        "column 'index' is read as event_id: 200 event ids are not those of split test",
    ),
    "from 1": ({"id": np.arange(N) + 1}, "1 event ids are not those of split test of Toy, for example 200"),
    "fractions": ({"idx": ORDER + 0.5}, "whole number"),
    "missing": ({"idx": np.r_[np.nan, ORDER[1:]]}, "whole number"),
    "two": ({"id": ORDER, "index": ORDER[::-1]}, "several columns .* id, index; say which"),
    "two, one unknown": ({"id": ORDER, "foo": ORDER[::-1]}, "several columns .* id, foo; say which"),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("case", IDS)
def test_ids_that_are_refused(case: str, writer: str, tmp_path: Path) -> None:
    columns, message = IDS[case]
    with pytest.raises(DataError, match=message) as caught:
        read(WRITERS[writer](shuffled(**columns), tmp_path))
    assert "\n" not in str(caught.value)


def test_ids_that_are_there_twice_are_no_doubt(tmp_path: Path) -> None:
    frame = shuffled(id=ORDER, foo=ORDER, bar=np.arange(N))
    same(read(to_csv(frame, tmp_path)))
    same(read(to_csv(frame.assign(event_id=ORDER, id=RNG.permutation(N)), tmp_path)))  # event_id is explicit


def test_columns_of_one_name(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = "\n".join(f"{s!r},{i},{i}" for s, i in zip(SCORE[ORDER].tolist(), ORDER, strict=True))
    (tmp_path / "p.csv").write_text(f"score,id,id\n{rows}")
    same(read(tmp_path / "p.csv"))
    parquet.write_table(pa.table([SCORE[ORDER], ORDER, ORDER], ["score", "id", "id"]), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="has two columns 'id'"):
        read(tmp_path / "p.parquet")


def test_text_in_other_columns_breaks_nothing(tmp_path: Path) -> None:
    names = [f"jet {i}" for i in ORDER]
    mixed = np.where(np.arange(N) < 9, ORDER.astype(str), "x")
    frame = pd.DataFrame({"id": names, "score": SCORE, "label": "top", "run": mixed, "": ""})
    for write in (to_csv, to_parquet):
        same(read(write(frame, tmp_path)))
    late = to_csv(shuffled(id=np.where(np.arange(N) < 9, ORDER.astype(str), "")), tmp_path)
    with pytest.raises(DataError, match="line 11: expected a whole number, found ''"):
        read(late)


@pytest.mark.parametrize("n", [2, 3, 20])
def test_few_events(n: int, tmp_path: Path) -> None:
    truth = Truth("classification", np.arange(n) % 2, np.arange(n), "few", "0" * 64, 2)
    score = np.linspace(0.1, 0.9, n)
    np.savez(tmp_path / "p.npz", id=np.arange(n)[::-1], score=score[::-1])
    np.testing.assert_allclose(read(tmp_path / "p.npz", truth), np.log(score / (1 - score)), rtol=1e-5)


def test_ids_of_a_truth_of_its_own(tmp_path: Path) -> None:
    same(read(to_csv(shuffled(id=OWN_IDS[ORDER]), tmp_path), OWN))
    in_order = pd.DataFrame({"score": SCORE, "id": OWN_IDS, "index": np.arange(N)})
    same(read(to_csv(in_order, tmp_path), OWN))
    for column in ({"foo": OWN_IDS[ORDER]}, {"foo": ORDER}):
        with pytest.raises(DataError, match="'foo' looks like ids"):
            read(to_csv(shuffled(**column), tmp_path), OWN)
    with pytest.raises(DataError, match=r"'index' is read as event_id: .* not those of t\.csv"):
        read(to_csv(shuffled(index=ORDER), tmp_path), OWN)


def test_a_truth_may_have_ids_under_another_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pd.DataFrame({"label": LABELS}).iloc[ORDER].to_csv(tmp_path / "t.csv")
    truth = file_truth(tmp_path / "t.csv")
    assert "t.csv: the unnamed first column is read as event_id" in capsys.readouterr().err
    np.testing.assert_array_equal(truth.event_id, ORDER)
    pd.DataFrame({"score": SCORE}).to_csv(tmp_path / "p.csv")  # in the order of events, not of the truth
    np.testing.assert_allclose(read(tmp_path / "p.csv", truth), LOGIT[ORDER], rtol=1e-4, atol=1e-5)
    pd.DataFrame({"label": LABELS[ORDER], "foo": ORDER}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="'foo' looks like ids"):
        file_truth(tmp_path / "t.csv")
    np.testing.assert_array_equal(file_truth(tmp_path / "t.csv", None, {"event_id": "foo"}).event_id, ORDER)
    pd.DataFrame({"label": LABELS, "id": 0 * ORDER}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="event_id must be whole numbers, each once"):
        file_truth(tmp_path / "t.csv")


def test_events_of_nodes_under_another_name(tmp_path: Path) -> None:
    ToyNodes.generate(tmp_path, 100)
    truth = dataset_truth(ToyNodes, "test", tmp_path, source="generated")
    assert truth.node is not None
    logit = RNG.normal(size=(len(truth), 3)).astype(np.float32)
    order = RNG.permutation(len(truth))
    arrays: dict[str, Any] = {"logit": logit[order], "node": truth.node[order]}
    file = tmp_path / "p.npz"
    np.savez(file, event=truth.event_id[order], **arrays)
    np.testing.assert_array_equal(read(file, truth), logit)
    cases: list[tuple[dict[str, Any], str]] = [
        ({**arrays, "foo": truth.event_id[order]}, "'foo' looks like ids of the events"),
        (arrays, "node is not that of"),
        ({"logit": logit[order], "event": truth.event_id[order]}, "name them with event_id and node"),
        (
            {**arrays, "event": truth.event_id[order], "label": truth.values},
            "column 'label' is not the truth",
        ),
    ]
    for arrays_of_case, message in cases:
        np.savez(file, **arrays_of_case)
        with pytest.raises(DataError, match=message):
            read(file, truth)


TRUTHS: dict[str, dict[str, Any]] = {
    "label": {"label": LABELS},
    "y": {"y": 2 * LABELS - 1},
    "y_true": {"y_true": LABELS.astype(float)},
    "weaver": {"label_QCD": 1 - LABELS, "label_Top": LABELS},
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("case", TRUTHS)
def test_columns_of_the_truth_must_agree(case: str, writer: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"score": SCORE, **TRUTHS[case]})
    same(read(WRITERS[writer](frame, tmp_path)))
    same(read(WRITERS[writer](frame.iloc[ORDER].reset_index().rename(columns={"index": "event_id"}), tmp_path)))
    with pytest.raises(DataError, match="in another order or of another split"):
        read(WRITERS[writer](frame.iloc[ORDER].reset_index(drop=True), tmp_path))
    swapped = frame.assign(
        **{name: 1 - values if case != "y" else -values for name, values in TRUTHS[case].items()}
    )
    with pytest.raises(DataError, match="classes 0 and 1 are the other way round"):
        read(WRITERS[writer](swapped, tmp_path))


def test_columns_of_a_regression(tmp_path: Path) -> None:
    value = RNG.normal(700, 50, N)
    truth = Truth("regression", value, np.arange(N), "split test of Toy", "0" * 64)
    predicted = value + RNG.normal(0, 5, N)
    frame = pd.DataFrame({"pred": predicted, "target": value.astype(np.float32), "y": LOGIT, "class": LABELS})
    np.testing.assert_allclose(read(to_csv(frame, tmp_path), truth), predicted, rtol=1e-6)
    with pytest.raises(DataError, match="column 'target' is not the truth"):
        read(to_csv(frame.iloc[ORDER].reset_index(drop=True), tmp_path), truth)
    same_order = frame.iloc[ORDER].rename_axis("id")
    np.testing.assert_allclose(read(to_csv(same_order, tmp_path), truth), predicted, rtol=1e-6)
