"""Write what follows from code and records: pages of datasets, models, methods, results; the README's tables.

`python docs/make_pages.py --records demo/runs` first takes the records of new runs into ``docs/results``;
``--standard RUNS`` does so with those of the plan ``standard``.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

import pd4ml
from catalogue import datasets_page, methods_page, model_pages, results_page
from pd4ml.benchmark.record import Record, find_records, read_record
from pd4ml.report import render
from pd4ml.report.shift import SHIFT_NAME, read_shift, shift_table
from pd4ml.report.shown import REJECTION_NOTE
from pd4ml.report.table import to_markdown
from standard_results import standard_results, take_standard

__all__ = ["card_page", "pages", "speed_page"]

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
HELD = ROOT / "hold" / "results.json"
COMPARISON = ROOT / "benchmarks" / "shared_models.json"
RECORDS = ROOT / "docs" / "results"
SHIFT = RECORDS / "shift" / "shift.json"  # of the run whose shifts the README shows
SHIFTED = ("TopTagging", "gbdt")
_NOTE = "<!-- written by docs/make_pages.py; do not edit -->"


def card_page(dataset: type[pd4ml.Dataset]) -> str:
    """A dataset's page."""
    card, room = dataset.card, dataset.__module__.split(".")[2]
    lines = [_NOTE, "", f"# {card.name}: {card.title}", "", card.description.strip(), ""]
    lines += ["| array | shape | dtype | unit | padding | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    names = [*(f"X[{i}]" for i in range(len(card.inputs))), *(["generated"] * len(card.extras)), "y"]
    for place, spec in zip(names, card.arrays, strict=True):
        shape = "N" if not spec.shape else ", ".join([*(["N"] if spec.per_event else []), *map(str, spec.shape)])
        padding = "" if spec.padding is None else f"{spec.padding:g}"
        lines.append(
            f"| `{place}` {spec.name} | ({shape}) | {spec.dtype} | {spec.unit} | {padding} | {spec.description} |"
        )
    lines += ["", f"**Task:** {card.task}" + (f" of {', '.join(card.classes)}" if card.classes else "") + ".", ""]
    what = "Published events" if card.sources else "Events proposed (none were published)"
    lines += [f"**{what}:** " + ", ".join(f"{n:,} {s}" for s, n in card.splits.items()) + ".", ""]
    lines += [f"**Graph:** {card.graph}.", "", f"**Generator:** {card.generator}.", ""]
    lines += [
        f"How they are generated, and how they differ: [README](../../src/pd4ml/datasets/{room}/README.md).",
        "",
    ]
    if results := results_table(card.name):
        lines += ["## Results on generated events", "", results]
    lines += [*variant_table(dataset), "", *setting_table(dataset)]
    lines += ["", "## Published files", "", *([] if card.sources else ["None were published."])]
    for source in card.sources:
        lines += [f"- {source.name}: {source.note}"]
        lines += [f"  - `{f.name}`, MD5 {f.md5 or 'unknown'}, {', '.join(f.mirrors)}" for f in source.files]
    lines += ["", "## Unknown", "", *(f"- {text}" for text in card.unknown)]
    lines += ["", f"## Licence\n\n{card.licence}", "", "## Cite", "", "```bibtex", card.cite(), "```", ""]
    return "\n".join(lines)


def variant_table(dataset: type[pd4ml.Dataset]) -> list[str]:
    """The variants, and which of them have the events of the default one, seen otherwise."""
    simulator = dataset.simulator()
    lines = ["## Variants", "", "| name | setting | same events as default |", "| --- | --- | --- |"]
    for name, variant in dataset.card.variants.items():
        same = "yes" if simulator.same_events(variant.config) else "no"
        lines.append(f"| `{name}` | {variant.description} | {'' if name == 'default' else same} |")
    if simulator.truth:
        arrays = ", ".join(f"`{name}`" for name in simulator.truth)
        lines += ["", f"Same events: for the same seed and number of events, {arrays} are equal, row by row."]
    return lines


def setting_table(dataset: type[pd4ml.Dataset]) -> list[str]:
    """The simulator's settings, with which other variants can be made."""
    simulator = dataset.simulator()
    columns = ("name", "default", "range", "unit", "meaning", "drawn for every")
    lines = ["## Settings", "", f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
    for s in simulator.settings:
        span = f"{s.low:g} to {s.high:g}" if s.kind in ("number", "whole") else ", ".join(map(str, s.options))
        default = ", ".join(f"{k} {v:g}" for k, v in s.default.items()) if s.kind == "weights" else s.default
        events = 1 if s.name in simulator.per_event else simulator.draw_events
        drawn = ("event" if events == 1 else f"{events} events") if s.is_number and not s.shared else ""
        row = (f"`{s.name}`", str(default), span or "True, False", s.unit, s.what, drawn)
        lines.append(f"| {' | '.join(row)} |")
    return lines


def speed_page(results: dict[str, object]) -> str:
    """The table of what ``make bench`` measured."""
    lines = [_NOTE, "", "# Speed", "", f"Measured by `make bench` on {results['machine']}.", ""]
    lines += ["Both sides of a row run in turn in one run; the ratio is the median over pairs.", ""]
    lines += ["| what | ours | against | theirs | ratio | wanted |", "| --- | --- | --- | --- | --- | --- |"]
    rows = results["rows"]
    assert isinstance(rows, list)
    for row in rows:
        ours, other = f"{row['ours']:.3g} {row['unit']}", f"{row['other']:.3g} {row['unit']}"
        lines.append(
            f"| {row['name']} | {ours} | {row['other_name']} | {other} | {row['ratio']:.3g} | {row['target']} |"
        )
    return "\n".join([*lines, ""])


def _hold_parts() -> set[str]:
    return {file.stem for file in HELD.parent.glob("*.py") if "\ndef rows(" in file.read_text(encoding="utf-8")}


def hold_page(results: dict[str, Any]) -> str:
    """The tables of what ``make hold`` tried."""
    parts = results["parts"]
    rows = [row for part in parts.values() for row in part["rows"]]
    cases, held = (sum(row[key] for row in rows) for key in ("cases", "held"))
    minutes = sum(part["seconds"] for part in parts.values()) / 60
    lines = [_NOTE, "", "# What holds", "", "What is promised stands in `SECURITY.md`; here it is tried.", ""]
    lines += [
        f"{held:,} of {cases:,} cases ended as promised. Tried by `make hold` in {minutes:.0f} minutes on "
        f"{results['machine']}, Python {results['python']}; tests run the same parts with fewer cases.",
        *(
            [f"Not yet run at length: {', '.join(missing)}."]
            if (missing := sorted(_hold_parts() - set(parts)))
            else []
        ),
        "",
    ]
    for name, part in parts.items():
        lines += [f"## {name.replace('_', ' ').capitalize()}", ""]
        lines += ["| what was tried | cases | held | measured | limit |", "| --- | --- | --- | --- | --- |"]
        for row in part["rows"]:
            measured, limit = (
                f"{row[key]:.3g} {row['unit']}" if row[key] is not None else "" for key in ("value", "limit")
            )
            lines.append(f"| {row['name']} | {row['cases']:,} | {row['held']:,} | {measured} | {limit} |")
        failed = [text for row in part["rows"] for text in row["failed"]]
        lines += ["", *(["What did not hold:", "", *(f"- {text}" for text in failed), ""] if failed else [])]
    return "\n".join(lines)


def models_page() -> str:
    """The page of models with the table of what ``make compare`` measured."""
    text = (ROOT / "docs" / "models.md").read_text()
    if not COMPARISON.exists():
        return text
    return _between(text, "comparison", comparison_table(json.loads(COMPARISON.read_text())))


def comparison_table(results: dict[str, Any]) -> str:
    """One line for each dataset and recipe, in the order in which they were trained."""
    machine = results["machine"]
    lines = [
        f"Wall time wanted: {results['seconds']:g} s ({machine['cpu']}, {machine['cores']} cores, each training on"
        f" {results['threads']}).",
        "",
        "| dataset | recipe | parameters | trainings | epochs | seconds | AUC or MSE | accuracy or resolution |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in results["rows"]:
        groups.setdefault((row["dataset"], row["recipe"]), []).append(row)
    for (dataset, recipe), rows in groups.items():
        if "metrics" not in rows[0]:
            epoch = f"an epoch takes {rows[0]['seconds_of_an_epoch']:.0f} s: left out"
            lines.append(f"| {dataset} | {recipe} | | 0 | | | {epoch} | |")
            continue
        names = ("mse", "resolution") if rows[0]["task"] == "regression" else ("auc", "accuracy")
        seconds = statistics.mean(row["seconds"] for row in rows)
        shown = [
            *(dataset, recipe, f"{rows[0]['parameters']:,}", str(len(rows)), str(rows[0]["epochs"]["trained"])),
            *(f"{seconds:.0f}", *(_mean_and_spread([row["metrics"][name] for row in rows]) for name in names)),
        ]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join([*lines, ""])


def _mean_and_spread(metrics: list[dict[str, float]]) -> str:
    """Mean ± mean error of single trainings, and ± spread of several."""
    values = [metric["value"] for metric in metrics]
    mean, error = statistics.mean(values), statistics.mean(metric["error"] for metric in metrics)
    decimals = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 4
    parts = [mean, error, *([statistics.stdev(values)] if len(values) > 1 else [])]
    return " ± ".join(f"{part:.{decimals}f}" for part in parts)


def readme() -> str:
    """The README with the table of the datasets and that of the demo's records."""
    text = _between((ROOT / "README.md").read_text(), "datasets", dataset_table())
    text = _between(text, "demo", results_table("TopTagging"))
    return _between(text, "shift", shift_markdown()) if SHIFT.exists() else text


def shift_markdown() -> str:
    """What every variation does to the run that was chosen for it."""
    return render.to_markdown(shift_table("shift", {"gbdt": read_shift(SHIFT)}))


def dataset_table() -> str:
    """One line a dataset."""
    lines = ["| dataset | task | what |", "| --- | --- | --- |"]
    lines += [f"| [{d.name}](docs/datasets/{d.name}.md) | {d.task} | {d.card.title} |" for d in _own()]
    return "\n".join([*lines, ""])


def results_table(dataset: str) -> str:
    """The records of a dataset that are kept here, and what its numbers mean."""
    records = kept_records(dataset)
    if not records:
        return ""
    first = records[0]
    where = f"{first.machine['cpu']}, {first.machine['cores']} cores"
    meaning = f"{REJECTION_NOTE} "
    return (
        f"{to_markdown(records)}\n{meaning if first.dataset['task'] == 'classification' else ''}Errors are "
        f"bootstrap errors of the {first.events['test']:,} test events, one training each ({where}).\n"
    )


def kept_records(dataset: str = "*") -> list[Record]:
    """The records that are kept here."""
    return [read_record(file) for file in sorted(RECORDS.glob(f"{dataset}-*.json"))]


def _between(text: str, name: str, content: str) -> str:
    """``text`` with ``content`` between the markers of ``name``."""
    pattern = rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)"
    return re.sub(pattern, lambda m: m[1] + content + m[2], text, flags=re.DOTALL)


def _own() -> list[type[pd4ml.Dataset]]:
    return [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]


def take_records(runs: Path) -> None:
    """Keep the records of finished runs, one file for each dataset and recipe, in place of these datasets' own."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    new = [(file, read_record(file)) for file in find_records(runs)]
    for name in {record.dataset["name"] for _, record in new}:
        for kept in RECORDS.glob(f"{name}-*.json"):
            kept.unlink()
    for file, record in new:
        shutil.copy(file, RECORDS / f"{record.dataset['name']}-{record.recipe['name']}.json")
        if (record.dataset["name"], record.recipe["name"]) == SHIFTED and (file.parent / SHIFT_NAME).exists():
            SHIFT.parent.mkdir(exist_ok=True)
            shutil.copy(file.parent / SHIFT_NAME, SHIFT)


def pages() -> dict[Path, str]:
    """All pages and where they belong."""
    docs, compared = ROOT / "docs", json.loads(COMPARISON.read_text())["rows"] if COMPARISON.exists() else []
    found = {docs / "datasets" / f"{d.name}.md": card_page(d) for d in _own()}
    listed = {f"models/{name}.md": text for name, text in model_pages(kept_records(), compared).items()}
    listed |= {"datasets.md": datasets_page(_own()), "methods.md": methods_page()}
    results = {d.name: (standard_results(d), results_table(d.name)) for d in _own()}
    listed["results.md"] = results_page(results)
    found |= {docs / name: f"{_NOTE}\n\n{text}" for name, text in listed.items()}
    if RESULTS.exists():
        found[docs / "speed.md"] = speed_page(json.loads(RESULTS.read_text()))
    if HELD.exists():
        found[docs / "explanations" / "hold.md"] = hold_page(json.loads(HELD.read_text()))
    found[docs / "models.md"] = models_page()
    found[ROOT / "README.md"] = readme()
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--records"]:
        take_records(Path(sys.argv[2]))
    if sys.argv[1:2] == ["--standard"]:
        take_standard(Path(sys.argv[2]))
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(ROOT))
