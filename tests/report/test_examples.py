from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from helpers.runs import make_events
from pd4ml.cli import app


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_events(tmp_path_factory.mktemp("data"))


def plot(data: Path, *args: object) -> Result:
    return CliRunner().invoke(app, ["plot", "Toy", "--path", str(data), *map(str, args)])


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_the_suffix_is_the_format(suffix: str, magic: bytes, data: Path, tmp_path: Path) -> None:
    file = tmp_path / f"a.{suffix}"
    result = plot(data, "--out", file)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(file)
    assert file.read_bytes().startswith(magic)


def test_examples_and_distributions_are_drawn_the_same_each_time(data: Path, tmp_path: Path) -> None:
    texts = []
    for name in ("a.svg", "b.SVG"):
        assert plot(data, "--out", tmp_path / name, "--events", 2).exit_code == 0
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    assert texts[0].count(">zero<") == texts[0].count(">one<") == 2
    for part in ("points [1]", "zero, train", "one, test", "Toy, generated events, variant default"):
        assert part in texts[0]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--out", "a.gif"), "ends in .pdf, .png, .svg"),
        (("--events", 0, "--out", "a.png"), "at least 1 event"),
        (("--source", "elsewhere"), "unknown source 'elsewhere'"),
        (("--variant", "far"), "no generated Toy of variant 'far'"),
    ],
)
def test_mistakes_are_said_in_a_line(args: tuple[object, ...], said: str, data: Path) -> None:
    result = plot(data, *args)
    assert result.exit_code == 2
    assert said in result.stderr
