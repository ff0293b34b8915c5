"""The subcommand that hands events to other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pd4ml.arguments import as_name
from pd4ml.cli import complete
from pd4ml.cli.app import DataPath, DatasetName, SourceName, VariantName, app, find

__all__ = ["export_events"]

_FORMATS = ("parquet", "huggingface", "npz", "croissant")


def _formats() -> list[str]:
    return list(_FORMATS)


@app.command("export")
def export_events(
    dataset: DatasetName,
    to: Annotated[Path, typer.Option("--to", help="A new folder.")],
    file_format: Annotated[
        str,
        typer.Option("--format", help="`parquet`, `huggingface`, `npz` or `croissant`.", autocompletion=_formats),
    ] = "parquet",
    path: DataPath = Path("datasets"),
    source: SourceName = "",
    variant: VariantName = "default",
    splits: Annotated[
        str | None,
        typer.Option(
            "--splits",
            metavar="SPLIT,...",
            help="Only these.",
            autocompletion=lambda ctx, incomplete: complete.several(complete.splits(ctx), incomplete),
        ),
    ] = None,
) -> None:
    """Write events as files that other tools read: units, origin, licence and citation are in them.

    `huggingface` is a folder that datasets.load_dataset reads, `npz` the layout of arXiv:2107.00656; `croissant`
    writes no events, but what the card says of the published files.

    Example: pd4ml export TopTagging --format huggingface --to top_jets
    """
    as_name("format", file_format, _FORMATS)
    chosen, source = find(dataset, path, source)
    if file_format == "croissant":
        from pd4ml.storage.export.croissant import describe_card, write_croissant

        print(write_croissant(describe_card(chosen.card), to))
        return
    sample, names = chosen.at(path, source=source, variant=variant), splits.split(",") if splits else None
    if file_format == "npz":
        print(sample.to_npz(to / f"{chosen.name}.npz", splits=names))
    else:
        write = sample.to_parquet if file_format == "parquet" else sample.to_huggingface
        print(write(to, splits=names))
