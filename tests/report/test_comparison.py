from __future__ import annotations

from helpers.records import example_record
from pd4ml.card import Measurement, PublishedScore
from pd4ml.report.comparison import compare
from pd4ml.report.groups import sections
from pd4ml.report.render import to_latex, to_markdown
from pd4ml.report.rows import Cell, Table
from pd4ml.report.speed import speed_table

SCORES = [PublishedScore("FCN", {"auc": Measurement(0.968, 0.001), "accuracy": Measurement(0.9, None)}, "arXiv:1")]


def table(name: str = "fcn") -> Table:
    base = example_record()
    recipe = {**base.recipe, "name": name}
    other = {**base.metrics, "auc": Measurement(0.970123, 0.001234)}
    records = [example_record(recipe=recipe), example_record(recipe=recipe, seed=2, metrics=other)]
    return compare(sections(records)[0], SCORES)


def test_cells_and_what_they_are_sorted_by() -> None:
    content = table()
    trained, _ = content.rows
    headings = [column.heading for column in content.columns]
    assert headings == ["trainings", "events", "ACC", "AUC", "1/ε_B(0.3)", "1/ε_B(0.5)", "log loss"]
    cells = dict(zip(headings, trained.cells, strict=True))
    assert cells["trainings"] == Cell("2", order=2)
    assert cells["AUC"] == Cell("0.9691 ± 0.0012", "0.0014", 0.969123)
    assert cells["1/ε_B(0.3)"].text == "> 700"
    falling = {column.heading: column.falling for column in content.columns}
    assert falling["AUC"]
    assert not falling["log loss"]


def test_published_scores_stand_last_as_published_and_say_so() -> None:
    _, published = table().rows
    assert published.published == "arXiv:1"
    assert published.cells[3] == Cell("0.968", "0.001", 0.968)
    assert published.cells[2] == Cell("0.9", "", 0.9)
    assert published.cells[0] == Cell("-")
    last = to_markdown(table()).splitlines()[-1]
    assert last.startswith("| FCN (published data, published score, arXiv:1) | - | - | 0.9 | 0.968 ± 0.001 |")


def test_a_bias_is_sorted_by_its_size_and_has_its_unit() -> None:
    record = example_record(
        dataset={**example_record().dataset, "task": "regression", "unit": "g/cm2"},
        metrics={"mse": Measurement(1000.0, 52.0), "bias": Measurement(-3.0, 0.5)},
    )
    content = compare(sections([record])[0], ())
    assert [column.heading for column in content.columns[2:]] == ["MSE [(g/cm2)²]", "bias [g/cm2]"]
    assert content.rows[0].cells[3].order == 3.0


def test_latex_is_escaped_and_whole() -> None:
    text = to_latex(table(r"a_b & 50% {x} \input{secret} $y$ ~^#"))
    assert (
        r"a\_b \& 50\% \{x\} \textbackslash{}input\{secret\} \$y\$ \textasciitilde{}\textasciicircum{}\#" in text
    )
    assert r"$0.9691 \pm 0.0012 \pm 0.0014$" in text
    assert r"$> 700$" in text
    assert text.count(r"\begin{") == text.count(r"\end{") == 2
    rows = [line for line in text.splitlines() if " & " in line]
    assert {line.replace(r"\&", "").count("&") for line in rows} == {7}
    assert text.index(r"\midrule", text.index(r"\midrule") + 1) < text.index("published data")
    caption = text.partition(r"\begin{tabular}")[0]
    assert "The one error of a published score is the spread between its trainings." in caption
    assert "asterisk" not in caption


def test_latex_says_what_its_marks_are() -> None:
    few = example_record(metrics={"background_rejection_0.3": Measurement(800.0, 900.0)})
    text = to_latex(compare(sections([few])[0], ()))
    assert r"$800 \pm 900*$" in text
    assert "An asterisk: about four background events or fewer." in text
    assert "published" not in text


def test_markdown_is_escaped() -> None:
    row = to_markdown(table("a|b <script> [x](y)\n|")).splitlines()[2]
    assert row.startswith(r"| a\|b \<script\> \[x\](y) \| | 2 |")


def test_speed_leaves_open_what_nobody_told() -> None:
    told = example_record()
    untold = example_record(
        recipe={**told.recipe, "name": "other tool"},
        model={"name": "x"},
        epochs={},
        timing={},
        machine={},
        seed=None,
    )
    first, second = speed_table(sections([told, untold])[0]).rows
    assert [cell.text for cell in first.cells] == ["1,234", "20", "1 min 23 s", "3,000", "4,000", "some, 2 cores"]
    assert {cell.text for cell in second.cells} == {"-"}
