"""Events as a folder of the Hugging Face hub: Parquet in ``data/`` and a card of what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pd4ml.progress import progress
from pd4ml.storage.atomic import new_folder, write_text
from pd4ml.storage.export.columns import arrow
from pd4ml.storage.export.croissant import describe_files, write_croissant
from pd4ml.storage.export.facts import array_facts, card_of, event_facts, origin
from pd4ml.storage.export.parquet import event_bytes, write_parquet

if TYPE_CHECKING:
    from pd4ml.storage.store import Events

__all__ = ["write_huggingface"]

# What the hub itself cuts files to, before compression.
_FILE_BYTES = 500_000_000
_LICENCES = {"CC BY 4.0": "cc-by-4.0", "MIT": "mit"}


def write_huggingface(splits: Mapping[str, Events], folder: Path, file_bytes: int = _FILE_BYTES) -> Path:
    """Write splits as a folder that ``datasets.load_dataset(folder)`` reads and the hub takes as it is.

    Parameters
    ----------
    splits : Mapping[str, Events]
        Events by the name of their split.
    folder : Path
        A new folder.
    file_bytes : int
        Of events in memory that go into one file.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StoreError
        When there is something at ``folder``.
    MissingExtraError
        Without PyArrow; nothing of Hugging Face is needed.
    """
    arrow("writing Parquet")
    with new_folder(folder) as partial, progress(f"writing {folder}", sum(map(len, splits.values()))) as bar:
        (partial / "data").mkdir()
        files: dict[str, list[Path]] = {}
        for split, events in splits.items():
            shards = _shards(events, file_bytes)
            names = [f"{split}-{i:05d}-of-{len(shards):05d}.parquet" for i in range(len(shards))]
            files[split] = [
                write_parquet(shard, partial / "data" / name, bar)
                for shard, name in zip(shards, names, strict=True)
            ]
        write_text(partial / "README.md", _readme(splits))
        write_croissant(describe_files(splits, files, partial), partial)
    return folder


def _shards(events: Events, file_bytes: int) -> list[Events]:
    """The events of one file each."""
    step = max(1, file_bytes // max(1, event_bytes(events)))
    if len(events) <= step:
        return [events]
    return [events[start : start + step] for start in range(0, len(events), step)]


def _readme(splits: Mapping[str, Events]) -> str:
    first = next(iter(splits.values()))
    card, facts = card_of(first), event_facts(first)
    licence: str = facts["licence"]
    unclear = "unknown" if licence.endswith(("unknown", "not stated")) else "other"
    known = next((name for start, name in _LICENCES.items() if licence.startswith(start)), unclear)
    title = f"{card.name}: {card.title}: {origin(facts)}"
    lines = ["---", f"pretty_name: {json.dumps(title)}", f"license: {known}"]
    lines += [f"license_name: {json.dumps(licence)}"] if known == "other" else []
    lines += ["tags:", "- physics", "configs:", "- config_name: default", "  data_files:"]
    lines += [f"  - split: {split}\n    path: data/{split}-*.parquet" for split in splits]
    lines += ["---", "", f"# {card.name}: {card.title}", "", card.description.strip(), ""]
    lines += [
        f"These are {origin(facts)}.",
        "",
        "| array | shape | dtype | unit | what it is |",
        "| --- " * 5 + "|",
    ]
    for name, entry in first.manifest.arrays[first.split].items():
        about = array_facts(first, name)
        shape = ", ".join("any" if n < 0 else str(n) for n in entry.event_shape) or "a number"
        note = "".join(f"; {key} {about[key]}" for key in ("padding", "constant") if key in about)
        what = f"{about.get('description', '')}{note} ({about['role']})".replace("|", "\\|")
        lines.append(f"| `{name}` | {shape} | {entry.dtype} | {about.get('unit', '')} | {what} |")
    lines += ["", *(f"Label {i} is {name}." for i, name in enumerate(card.classes))]
    lines += ["", f"Licence: {licence}.", "", "## Where the events come from", ""]
    lines += ["```json", json.dumps({**facts, "cite": [c.key for c in card.citations]}, indent=1), "```", ""]
    return "\n".join([*lines, "## What to cite", "", "```bibtex", card.cite(), "```", ""])
