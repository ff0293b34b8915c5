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
from importlib import resources
from pathlib import Path
from typing import Any

from pd4ml.arguments import as_path
from pd4ml.benchmark.record import Record
from pd4ml.collaborate.together import Collaboration
from pd4ml.errors import missing_extra, readable
from pd4ml.report.asides import of_analysis, of_collaboration
from pd4ml.report.groups import sections
from pd4ml.report.parts import drawn
from pd4ml.report.render import PUBLISHED_NOTE, to_latex, to_markdown
from pd4ml.report.rows import ABSENT
from pd4ml.storage.atomic import write_text
from pd4ml.storage.manifest import made
from pd4ml.training.recipe import used_settings

__all__ = ["write_report"]

_TITLE = "Benchmark report"


def write_report(
    records: Sequence[Record],
    out: str | Path,
    path: str | Path | None = None,
    collaborations: Sequence[Collaboration] = (),
    analyses: Sequence[Path] = (),
    workers: int = 1,
) -> None:
    """Write the report of ``records`` to ``out``, whole or not at all.

    ``path`` is the folder that holds the datasets: truth and example events come from there. What is not there,
    or other events than those of the records, leaves its plots out, and the page says so. ``collaborations``
    and ``analyses``, folders of `pd4ml infer` and `pd4ml unfold`, have sections of their own; of the latter those
    that are not whole are named and left out. ``workers`` processes draw a section each, of datasets that are
    built in, own data or from plugins.
    """
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise missing_extra("a report", "plot", error) from error
    out, path = as_path(out, "out"), None if path is None else as_path(path)
    parts = drawn(sections(records), path, workers)
    script, style = (
        resources.files("pd4ml.report").joinpath(f"templates/report.{e}").read_text("utf-8") for e in ("js", "css")
    )
    names = [(f"a{i + 1}", as_path(each)) for i, each in enumerate(analyses)]
    page = (
        _environment()
        .get_template("report.html")
        .render(
            title=_TITLE,
            parts=parts,
            asides=[
                *(of_collaboration(f"c{i + 1}", each) for i, each in enumerate(collaborations)),
                *readable(lambda named: of_analysis(*named), names),
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
