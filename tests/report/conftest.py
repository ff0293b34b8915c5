"""One report for all tests of the page: two models, one of them twice, the other with markup wherever it fits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.records import example_record
from helpers.runs import make_events, make_run
from helpers.toy import Toy
from pd4ml.benchmark.record import Record
from pd4ml.card import Measurement, PublishedScore
from pd4ml.report.html import write_report

PUBLISHED = (PublishedScore("FCN, as published", {"auc": Measurement(0.5, None)}, "arXiv:0000.00000"),)
MARKUP = "zz_<script>window.hacked=1</script>\"'><img src=x onerror='window.hacked=1'> $\\frac{ _</svg> ]]>"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_events(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def literature() -> Iterator[None]:
    """Published scores on the card of Toy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Toy, "card", dataclasses.replace(Toy.card, literature=PUBLISHED))
        yield


@pytest.fixture(scope="session")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    folder, plain = tmp_path_factory.mktemp("runs"), example_record()
    marked = make_run(
        folder,
        data,
        MARKUP,
        noise=3,
        machine={"cpu": MARKUP, "cores": 2, "platform": MARKUP},
        versions={**plain.versions, MARKUP: MARKUP},
        model={**plain.model, "name": MARKUP},
    )
    return [marked, *(make_run(folder, data, "a_good", seed, noise=0.5) for seed in (1, 2))]


@pytest.fixture(scope="session")
def page(runs: list[Record], data: Path, literature: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report(runs, out, data)
    return out
