"""The subcommand unfold: what was there before the detector."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pd4ml.cli import complete
from pd4ml.cli.app import AsJson, DataPath, DatasetName, app, find, width

__all__ = ["unfold"]


def _several(texts: list[str]) -> list[str]:
    return [name for text in texts for name in text.split(",") if name]


@app.command()
def unfold(
    dataset: DatasetName,
    data: Annotated[
        str,
        typer.Option("--data", help="The variant that stands for the data.", autocompletion=complete.variants),
    ],
    observables: Annotated[
        list[str], typer.Option("--observables", help="Which; repeatable, or with commas between.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder for numbers and plots.")],
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="ibu (the default), omnifold, spinup or all; repeatable."),
    ] = None,
    iterations: Annotated[int, typer.Option(help="Of ibu and omnifold; few keep the prior.")] = 4,
    bootstrap: Annotated[int, typer.Option(help="Replicas of omnifold; ibu has 200.")] = 20,
    members: Annotated[int, typer.Option(help="Of spinup's ensemble, each on a replica of its own.")] = 5,
    seed: Annotated[int, typer.Option(help="Of replicas, halves and networks.")] = 1,
    simulation: Annotated[
        str,
        typer.Option("--simulation", help="The variant that is the simulation.", autocompletion=complete.variants),
    ] = "default",
    run: Annotated[
        Path | None,
        typer.Option("--run", help="A trained regression: its prediction is the detector level of its target."),
    ] = None,
    path: DataPath = Path("datasets"),
    as_json: AsJson = False,
) -> None:
    """Unfold one generated variant with the simulation of another, and hold the result against the truth.

    Tests go along: closure, stress with another truth, the bottom line. Errors come from replicas of data and
    simulation.

    Examples: pd4ml unfold TopTagging --data tune_a14 --observables mass,multiplicity --method all --out unfolded ;
    pd4ml unfold Airshower --data proton --observables xmax --run runs/NAME --out xmax
    """
    from pd4ml.benchmark.run import load_run
    from pd4ml.benchmark.unfold import unfold as compute
    from pd4ml.methods.unfold.measure import METHODS, Options
    from pd4ml.report.render import to_text
    from pd4ml.report.unfolding import unfolding_table

    found, _ = find(dataset, path)
    chosen = _several(method or ["ibu"])
    body = compute(
        found,
        path,
        data=data,
        observables=_several(observables),
        methods=tuple(METHODS) if "all" in chosen else tuple(dict.fromkeys(chosen)),
        simulation=simulation,
        run=None if run is None else load_run(run),
        options=Options(iterations, bootstrap, members, seed),
        out=out,
        add=_draw,
    )
    print(json.dumps(body, indent=1) if as_json else to_text(unfolding_table(body), width()))


def _draw(body: dict[str, Any], folder: Path) -> None:
    """Plots into ``folder``."""
    from pd4ml.report.unfolding import draw_unfolding
    from pd4ml.storage.atomic import write_bytes

    try:
        pictures = draw_unfolding(body)
    except ImportError:
        pictures = {}
        print("no plots: matplotlib is not installed (extra `plot`)", file=sys.stderr)
    for name, picture in pictures.items():
        write_bytes(folder / f"{name}.png", picture.png)
        write_bytes(folder / f"{name}.pdf", picture.pdf)
