"""The report: one page that needs nothing else, made from records and, where they are at hand, from their events.

Everything that comes from a record is escaped, and the page's own policy forbids it any script but its own and any
connection.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from pd4ml.arguments import as_path
from pd4ml.benchmark.record import Record
from pd4ml.collaborate.together import Collaboration
from pd4ml.dataset import Dataset
from pd4ml.errors import missing_extra
from pd4ml.progress import progress
from pd4ml.report.asides import of_analysis, of_collaboration
from pd4ml.report.comparison import by_class, compare
from pd4ml.report.coverage import coverage_table, coverages_of
from pd4ml.report.groups import Section, sections
from pd4ml.report.ranking import best
from pd4ml.report.render import PUBLISHED_NOTE, to_latex, to_markdown
from pd4ml.report.rows import ABSENT, Table
from pd4ml.report.runs import Outputs, open_events, read_outputs
from pd4ml.report.shift import descriptions, shift_table, shifts_of
from pd4ml.report.speed import speed_table
from pd4ml.storage.atomic import write_text
from pd4ml.storage.manifest import made
from pd4ml.storage.store import Events
from pd4ml.training.recipe import used_settings

__all__ = ["write_report"]

_TITLE = "Benchmark report"
_ALL_DRAWN, _BEST_DRAWN = 4, 2  # models of a section with pictures of their own: all of four, of more the best


@dataclass
class Part:
    """What the page shows of a section."""

    anchor: str
    section: Section
    title: str
    table: Table
    speed: Table
    of_classes: Table | None = None
    shift: Table | None = None
    variants: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pictures: list[Any] = field(default_factory=list)
    shift_pictures: list[Any] = field(default_factory=list)
    coverage: Table | None = None
    coverage_pictures: list[Any] = field(default_factory=list)
    examples: list[Any] = field(default_factory=list)


def write_report(
    records: Sequence[Record],
    out: str | Path,
    path: str | Path | None = None,
    collaborations: Sequence[Collaboration] = (),
    analyses: Sequence[Path] = (),
) -> None:
    """Write the report of ``records`` to ``out``, whole or not at all.

    ``path`` is the folder that holds the datasets: truth and example events come from there. What is not there,
    or other events than those of the records, leaves its plots out, and the page says so. ``collaborations``
    and ``analyses``, folders of `pd4ml infer` and `pd4ml unfold`, have sections of their own.
    """
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise missing_extra("a report", "plot", error) from error
    out, path = as_path(out, "out"), None if path is None else as_path(path)
    found = sections(records)
    with progress("drawing", len(records), "runs") as bar:
        parts = [_part(f"s{i + 1}", section, path, bar.advance) for i, section in enumerate(found)]
    script, style = (
        resources.files("pd4ml.report").joinpath(f"templates/report.{e}").read_text("utf-8") for e in ("js", "css")
    )
    page = (
        _environment()
        .get_template("report.html")
        .render(
            title=_TITLE,
            parts=parts,
            asides=[
                *(of_collaboration(f"c{i + 1}", each) for i, each in enumerate(collaborations)),
                *(of_analysis(f"a{i + 1}", as_path(each)) for i, each in enumerate(analyses)),
            ],
            records=records,
            newest=max(record.created for record in records),
            script=script,
            style=style,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            published_note=PUBLISHED_NOTE,
            absent=ABSENT,
            to_latex=to_latex,
            to_markdown=to_markdown,
        )
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, page)


def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pd4ml.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (_breakable, _data_uri, _pretty, _provenance, _slug, _subscript)
    environment.filters.update({f.__name__[1:]: f for f in filters}, made=made, used_settings=used_settings)
    return environment


def _part(anchor: str, section: Section, path: Path | None, advance: Any) -> Part:
    from pd4ml.report.pictures import each_model, learning, performance, shift_pictures, training
    from pd4ml.report.style import house_style
    from pd4ml.report.trust import coverage_pictures

    dataset, events, note = open_events(section, path)
    title, literature = ("", ()) if dataset is None else (dataset.card.title, dataset.card.literature)
    part = Part(anchor, section, title, compare(section, literature), speed_table(section))
    part.of_classes = by_class(section, () if dataset is None else dataset.card.classes)
    labelled = {group.label: group.records for group in section.groups}
    shifts, notes = shifts_of(labelled)
    coverages, more = coverages_of(labelled)
    part.notes += [*([note] if note else []), *notes, *more]
    if shifts:
        part.shift, part.variants = shift_table(section.title, shifts), descriptions(shifts.values())
    if coverages:
        part.coverage = coverage_table(section.title, coverages, bins=False)
    with house_style():
        largest = section.largest
        outputs = {} if dataset is None or events is None else _outputs(part, largest, dataset, events)
        part.pictures += performance(anchor, largest, dataset, outputs)
        part.pictures += learning(anchor, section, dataset)
        part.pictures += training(anchor, largest)
        if dataset is not None and events is not None:
            n_models = len(largest.groups)
            drawn = best(largest, n_models if n_models <= _ALL_DRAWN else _BEST_DRAWN)
            if len(drawn.groups) < len(largest.groups):
                part.notes.append(f"Of {n_models} models the best {_BEST_DRAWN} are drawn one by one.")
            each = {group.label: outputs[group.label] for group in drawn.groups if group.label in outputs}
            part.pictures += each_model(anchor, dataset, each)
            part.pictures += _attributions(part, drawn, dataset, events)
            part.examples = _examples(part, dataset, events)
        part.shift_pictures += shift_pictures(anchor, shifts)
        part.coverage_pictures += coverage_pictures(anchor, coverages) if coverages else ()
    advance(len(section.records))
    return part


def _outputs(part: Part, section: Section, dataset: type[Dataset], events: Events) -> dict[str, list[Outputs]]:
    """Predictions with their truth by model; what cannot be had is noted."""
    outputs: dict[str, list[Outputs]] = {}
    for group in section.groups:
        for record in group.records:
            found = read_outputs(record, dataset.card, events)
            if isinstance(found, str):
                part.notes.append(found)
            else:
                outputs.setdefault(group.label, []).append(found)
    return outputs


def _attributions(part: Part, section: Section, dataset: type[Dataset], events: Events) -> list[Any]:
    """What networks look at; nothing where torch is not installed."""
    try:
        from pd4ml.report.attribution import attribution_pictures
    except ImportError:
        return []
    return list(attribution_pictures(part.anchor, section, dataset, events, part.notes))


def _examples(part: Part, dataset: type[Dataset], events: Events) -> list[Any]:
    from pd4ml.report.examples import example_pictures

    return example_pictures(dataset, events, f"{part.anchor}-example")


def _breakable(text: str) -> Any:
    """A long name that may be broken after its dashes."""
    from markupsafe import Markup, escape

    return Markup(re.sub("([_-])", r"\1<wbr>", str(escape(text))))  # noqa: S704, RUF100  escaped


def _subscript(text: str) -> Any:
    """A heading with the index of a Greek letter set low."""
    from markupsafe import Markup, escape

    return Markup(re.sub("(ε)_(.)", r"\1<sub>\2</sub>", str(escape(text))))  # noqa: S704, RUF100  escaped


def _provenance(record: Record) -> list[tuple[str, Any]]:
    """Where a record's numbers come from, without what nobody told."""
    facts = {
        "created": record.created,
        "events": record.events,
        "epochs": record.epochs,
        "code": record.code,
        "versions": record.versions,
        "machine": record.machine,
        "predictions, SHA-256": record.predictions["sha256"],
    }
    return [(name, value) for name, value in facts.items() if value]


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _pretty(value: Any) -> str:
    """A value of a record as text: JSON for what has parts."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _slug(text: str) -> str:
    """A name for a file."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-").lower() or "figure"
