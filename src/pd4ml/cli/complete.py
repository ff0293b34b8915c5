"""What the shell offers at a press of Tab: names of datasets, variants, recipes, plans, sources, splits, devices.

A function gives all there is; the shell's part of Typer keeps what begins as the word does. None loads PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import typer

import pd4ml
from pd4ml.errors import Pd4mlError
from pd4ml.storage.small import read_json

__all__ = ["Offer", "datasets", "devices", "plans", "recipes", "several", "sources", "splits", "variants"]

Offer = tuple[str, str]  # what is offered, and what it is


def sources() -> list[Offer]:
    """The sources of events."""
    return [
        ("generated", "made here with pd4ml generate"),
        ("published", "files that were published"),
        ("imported", "a part of the published events, under a name of its own"),
        ("own", "your own data"),
    ]


def devices() -> list[Offer]:
    """What can be trained on."""
    return [("auto", "a GPU where there is one"), ("cpu", "the processor"), ("cuda", "a GPU")]


def datasets() -> list[Offer]:
    """The datasets and their titles, own data in the usual folder among them."""
    register = pd4ml.Dataset.datasets_register
    own: list[type[pd4ml.Dataset]] = []
    with suppress(Pd4mlError, OSError):
        own = register.own(Path("datasets"))
    return [(dataset.name, dataset.card.title) for dataset in [*register, *own]]


def recipes(ctx: typer.Context) -> list[str]:
    """The recipes for the dataset that the line names, or all."""
    from pd4ml.training.recipe import available_recipes

    return list(available_recipes(_dataset(ctx)))


def plans() -> list[str]:
    """The plans of the package."""
    from pd4ml.benchmark.plan import available_plans

    return list(available_plans())


def variants(ctx: typer.Context) -> list[Offer]:
    """The variants of the dataset that the line names: those of its card, and others that were generated."""
    dataset = _dataset(ctx)
    if dataset is None:
        return []
    known = {name: variant.description for name, variant in dataset.card.variants.items()}
    there = Path(ctx.params.get("path") or "datasets", dataset.name).glob("generated-*/manifest.json")
    own = sorted(folder.parent.name.removeprefix("generated-") for folder in there)
    return list((dict.fromkeys(own, "generated here") | known).items())


def splits(ctx: typer.Context) -> list[str]:
    """The splits of the dataset that the line names."""
    dataset = _dataset(ctx)
    return [] if dataset is None else list(dataset.card.splits)


def several(offers: Iterable[Offer | str], incomplete: str) -> list[Offer]:
    """``offers`` for a word that may hold several with commas between."""
    before, comma, _ = incomplete.rpartition(",")
    pairs = ((offer, "") if isinstance(offer, str) else offer for offer in offers)
    return [(f"{before}{comma}{name}", what) for name, what in pairs]


def _dataset(ctx: typer.Context) -> type[pd4ml.Dataset] | None:
    """The dataset that the line names, or that its run was trained on."""
    # An option that waits for its value keeps the parser from giving the first argument its name.
    named = ctx.params.get("dataset") or ctx.params.get("run") or next(iter(ctx.args), "")
    with suppress(Pd4mlError, OSError, ValueError, KeyError, TypeError):
        record = Path(named, "record.json")
        if record.is_file():
            named = read_json(record)["dataset"]["name"]
        return pd4ml.Dataset.datasets_register.find(str(named), Path(ctx.params.get("path") or "datasets"))
    return None
