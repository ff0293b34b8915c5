"""Tables as plain text: full width where nobody looks, readable on a terminal, never a broken number."""

from __future__ import annotations

import re

import pytest

from helpers.records import example_record
from pd4ml.evaluation import Measurement
from pd4ml.report import to_text as results_text
from pd4ml.report.render import to_text
from pd4ml.report.rows import Cell, Column, Row, Table

NUMBERS = ("0.912 ± 0.005 ± 0.011", "1,230 ± 120", "> 700")
COLUMNS = (*(Column.of(name) for name in ("ACC", "rejection", "limit")), Column.of("source", left=True))
ROWS = tuple(Row(name, (*map(Cell, NUMBERS), Cell(f"a paper about {name}"))) for name in ("net", "larger net"))
TABLE = Table("", COLUMNS, ROWS, note="a note below")


def test_without_a_width_a_row_is_a_line() -> None:
    assert to_text(TABLE) == to_text(TABLE, 200)
    lines = to_text(TABLE).splitlines()
    assert [len(lines), lines[-1]] == [5, "a note below."]
    assert re.split("  +", lines[2]) == ["net", *NUMBERS, "a paper about net"]


@pytest.mark.parametrize("width", range(20, 100, 4))
def test_numbers_and_words_stay_whole_in_any_width(width: int) -> None:
    rows = (*ROWS, Row("third", (Cell("0.5"), Cell("7"), Cell("-"), Cell("one_word_of_thirty_characters_"))))
    text = to_text(Table("", COLUMNS, rows), width)
    for whole in (*NUMBERS, "one_word_of_thirty_characters_", "larger", "about"):
        assert whole in text
    longest = (
        max(len(name) for name in ("larger net", "model")) + 2 + max(map(len, (*NUMBERS, rows[-1].cells[-1].text)))
    )
    assert max(map(len, text.splitlines())) <= max(width, longest)


def test_what_rows_share_is_said_once() -> None:
    lines = to_text(TABLE, 60).splitlines()
    assert lines[:3] == ["ACC        0.912 ± 0.005 ± 0.011", "rejection  1,230 ± 120", "limit      > 700"]
    assert lines[4:7] == [
        "model       source",
        "----------  ------------------------",
        "net         a paper about net",
    ]


def test_columns_go_on_below_beside_the_names_of_their_rows() -> None:
    cells = [[Cell(f"0.{i}{k} ± 0.0{k + 1}") for k in range(6)] for i in range(2)]
    rows = tuple(Row(f"set{i}", (Cell(f"net{i}"), *cells[i])) for i in range(2))
    columns = (Column.of("model", left=True), *(Column.of(f"metric{k}") for k in range(6)))
    blocks = to_text(Table("", columns, rows, first="dataset", n_names=2), 50).split("\n\n")
    assert len(blocks) == 3
    for block in blocks:
        assert re.search(r"^dataset  model +metric\d", block)
        assert [line.split()[:2] for line in block.splitlines()[2:]] == [["set0", "net0"], ["set1", "net1"]]


def test_names_stay_where_all_else_is_shared() -> None:
    rows = tuple(Row(f"training {i}", (Cell("waiting"), Cell("6,000 events"))) for i in range(3))
    columns = (Column.of("state", left=True), Column.of("", left=True))
    lines = to_text(Table("", columns, rows), 20).splitlines()
    assert [line for line in lines if line.startswith("training")] == ["training 0", "training 1", "training 2"]
    assert "state  waiting" in lines


def test_one_training_is_a_list() -> None:
    lines = results_text([example_record()], 80).splitlines()
    assert lines[0] == "dataset       Toy (generated)"
    assert "AUC           0.9681 ± 0.0012" in lines


def test_each_set_of_events_has_a_table_of_its_own_metrics() -> None:
    values = example_record(
        dataset={**example_record().dataset, "name": "Values", "task": "regression", "fingerprint": "1" * 64},
        metrics={"mse": Measurement(1000.0, 52.0)},
    )
    first, second = results_text([example_record(), values]).split("\n\n")
    assert "AUC" in first
    assert "AUC" not in second
    assert "-" not in second.splitlines()[2]


@pytest.mark.parametrize("width", [None, 40])
def test_names_cannot_steer_a_terminal(width: int | None) -> None:
    name = "a\x1b[31m\nb"
    text = to_text(Table(name, (Column.of(name),), (Row(name, (Cell(name),)),), first=name, note=name), width)
    assert "\x1b" not in text


def test_an_empty_table_has_headings() -> None:
    assert to_text(Table("", COLUMNS, ()), 20).startswith("model")
