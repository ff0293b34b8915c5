"""What the report shows beside trainings: collaborations, inferences and unfoldings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pd4ml.benchmark.infer import INFERENCE_NAME, read_inference
from pd4ml.benchmark.unfold import UNFOLDING_NAME, read_unfolding
from pd4ml.collaborate.together import Collaboration
from pd4ml.errors import DataError
from pd4ml.report.beside import with_texts
from pd4ml.report.collaboration import collaboration_picture, collaboration_table
from pd4ml.report.inference import inference_picture, inference_table
from pd4ml.report.rows import Table
from pd4ml.report.unfolding import draw_unfolding, unfolding_table

__all__ = ["Aside", "analyses_in", "of_analysis", "of_collaboration"]


@dataclass(frozen=True)
class Aside:
    """A section of the page: what was asked, a table, pictures."""

    anchor: str
    name: str
    settings: list[tuple[str, Any]]
    table: Table
    pictures: list[Any]


def analyses_in(folder: Path) -> list[Path]:
    """``folder`` if `pd4ml infer` or `pd4ml unfold` made it, or those in it."""
    names = (INFERENCE_NAME, UNFOLDING_NAME)
    return sorted({file.parent for name in names for file in (*folder.glob(name), *folder.glob(f"*/{name}"))})


def of_analysis(anchor: str, folder: Path) -> Aside:
    """An inference or an unfolding; DataError for anything else."""
    kinds = {INFERENCE_NAME: (read_inference, _inference), UNFOLDING_NAME: (read_unfolding, _unfolding)}
    for name, (read, show) in kinds.items():
        if (folder / name).exists():
            body = with_texts(read(folder))
            try:
                return show(anchor, body)
            except (ValueError, KeyError, TypeError, IndexError, AttributeError):
                raise DataError(f"{folder / name} is not whole: make it again") from None
    raise DataError(f"{folder} has neither {INFERENCE_NAME} nor {UNFOLDING_NAME}")


def of_collaboration(anchor: str, found: Collaboration) -> Aside:
    """What came of groups that learnt together."""
    settings = found.settings
    learners = {name: f"{facts['source']} {facts['variant']}" for name, facts in settings["learners"].items()}
    strategy = ", ".join(f"{name} {value}" for name, value in settings["strategy"].items())
    facts = [("recipe", settings["recipe"]["name"]), ("strategy", strategy), ("rounds", settings["rounds"])]
    facts += [("epochs of a proposal", settings["epochs"]), ("seed", settings["seed"]), ("learners", learners)]
    picture = collaboration_picture(found, f"{anchor}-rounds")
    return Aside(anchor, f"{settings['dataset']}, together", facts, collaboration_table(found), [picture])


def _inference(anchor: str, body: Mapping[str, Any]) -> Aside:
    asked, events = body["asked"], body["dataset"]
    facts = [("events", f"{events['source']} {events['variant']}"), ("fingerprint", events["fingerprint"])]
    facts += [("recipe", asked["recipe"]["name"]), ("seed", asked["seed"]), ("made", body["created"])]
    name = f"{events['name']}, {body['parameter']}"
    return Aside(anchor, name, facts, inference_table(body), [inference_picture(body, f"{anchor}-widths")])


def _unfolding(anchor: str, body: Mapping[str, Any]) -> Aside:
    facts: list[tuple[str, Any]] = [
        (level, f"{body[level]['variant']}, {body[level]['events']:,} events, {body[level]['fingerprint']}")
        for level in ("data", "simulation")
    ]
    facts += [("options", body["options"]), ("made", body["created"])]
    pictures = list(draw_unfolding(body, f"{anchor}-").values())
    return Aside(anchor, f"{body['dataset']}, unfolded", facts, unfolding_table(body), pictures)
