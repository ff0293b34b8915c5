"""The results of the plan ``standard``: the records of a dataset in one file, their table and learning curves."""

from __future__ import annotations

import json
from pathlib import Path

import pd4ml
from pd4ml.benchmark.record import Record, find_records, read_record
from pd4ml.report import render
from pd4ml.report.comparison import compare
from pd4ml.report.groups import Section, sections

__all__ = ["standard_results", "take_standard"]

DOCS = Path(__file__).parent
FOLDER = DOCS / "results" / "standard"


def take_standard(runs: Path) -> None:
    """Keep the records of the finished runs below ``runs`` in place of their datasets' own, and draw them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for section in sections(read_record(file) for file in find_records(runs)):
        name = section.dataset["name"]
        kept = [record.to_dict() for record in section.records]
        (FOLDER / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
        _draw(section, pd4ml.Dataset.datasets_register.find(name))


def standard_results(dataset: type[pd4ml.Dataset]) -> str:
    """Table and learning curves of a dataset as Markdown; empty where nothing was taken."""
    file = FOLDER / f"{dataset.name}.json"
    if not file.exists():
        return ""
    records = [Record.from_dict(body) for body in json.loads(file.read_text())]
    (section,) = sections(records)
    first = records[0]
    where = f"{first.machine['cpu']}, {first.machine['cores']} cores"
    return (
        f"{render.to_markdown(compare(section, dataset.card.literature))}\n"
        f"First error: bootstrap over the {first.events['test']:,} test events; second: spread of the trainings "
        f"({where}). Published scores are of other events and longer trainings.\n\n"
        f"![AUC or MSE against the number of training events](figures/learning_{dataset.name}.png)\n"
    )


def _draw(section: Section, dataset: type[pd4ml.Dataset]) -> None:
    from pd4ml.report.pictures import learning
    from pd4ml.report.style import house_style

    with house_style():
        for picture in learning("standard", section, dataset):
            (DOCS / "figures" / f"learning_{dataset.name}.png").write_bytes(picture.png)
