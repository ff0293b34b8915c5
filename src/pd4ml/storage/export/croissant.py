"""Croissant, metadata that search engines and loaders read: of a card's published files and of exported ones.

The format: http://mlcommons.org/croissant/1.1 (arXiv:2403.19546).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pd4ml.card import Card, PublishedFile
from pd4ml.storage.atomic import write_text
from pd4ml.storage.export.facts import array_facts, card_of, event_facts, licence_of, origin, spec_facts
from pd4ml.storage.hashing import sha256_of

if TYPE_CHECKING:
    from pd4ml.storage.store import Events

__all__ = ["CROISSANT_NAME", "describe_card", "describe_files", "write_croissant"]

CROISSANT_NAME = "croissant.json"

_LICENCES = {"CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/"}
_PARQUET = "application/x-parquet"  # the name that mlcroissant reads
_MEDIA_TYPES = {"npz": "application/zip", "pandas_table": "application/x-hdf5", "parquet_table": _PARQUET}
# The terms of the specification, all of them: validators compare.
_TERMS = """
arrayShape citeAs column containedIn equivalentProperty extract field fileObject fileProperty fileSet format
includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace
samplingRate separator source subField transform
"""
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS.split()},
}


def describe_card(card: Card) -> dict[str, Any]:
    """What a card says of its published files, as JSON-LD.

    The format asks for a hash of each file: the description names those of which none was published. Each array of
    an .npz archive is a record set, since it is a file of its own; the description has those of other layouts.

    Parameters
    ----------
    card : Card
        Of any dataset.

    Returns
    -------
    dict
        JSON-LD.
    """
    files = [file for source in card.sources for file in source.files]
    known = [file for file in files if file.mirrors and (file.md5 or file.sha256)]
    archives = {split: file for file in reversed(known) if file.layout == "npz" for split in file.splits}
    distribution, sets = [_published_file(file) for file in known], []
    for split, file in archives.items():
        members = _members(card, split, file)
        distribution += members
        for spec, member in zip(card.published.arrays, members, strict=True):
            name, about = f"{split}/{spec.name}", f"{card.splits[split]:,} published events, {spec.name} alone"
            source = {"fileObject": {"@id": member["@id"]}, "extract": {"fileProperty": "content"}}
            field = _field(f"{name}/value", _meaning(spec_facts(spec)), spec.dtype, spec.event_shape, source)
            sets.append(_record_set(name, about, [field]))
    nowhere = [f"{file.name} ({', '.join(file.mirrors)})" for file in files if file not in known]
    notes = ["Published files without a published hash: " + "; ".join(nowhere) + "."] if nowhere else []
    notes += [] if sets else ["Arrays: " + "; ".join(map(str, card.published.arrays)) + "."]
    return _dataset(card.published, licence_of(card, "published"), notes, distribution, sets)


def describe_files(
    splits: Mapping[str, Events], files: Mapping[str, Sequence[Path]], folder: Path
) -> dict[str, Any]:
    """Exported Parquet files and the events in them, as JSON-LD that loads them.

    Parameters
    ----------
    splits : Mapping[str, Events]
        Events by the name of their split.
    files : Mapping[str, Sequence[Path]]
        The files of each, whole, in ``folder``.
    folder : Path
        Where the JSON-LD is to lie: paths in it start there.

    Returns
    -------
    dict
        JSON-LD.
    """
    distribution, sets = [], []
    for split, events in splits.items():
        names = [path.relative_to(folder).as_posix() for path in files[split]]
        source = {"fileObject": {"@id": names[0]}}
        distribution += [
            _file_object(name, name, _PARQUET, sha256=sha256_of(path))
            for name, path in zip(names, files[split], strict=True)
        ]
        if len(names) > 1:
            source = {"fileSet": {"@id": f"{split}-files"}}
            distribution.append(_file_set(f"{split}-files", f"{names[0].rpartition('-00000-')[0]}-*.parquet"))
        entries = events.manifest.arrays[split]
        fields = [
            _field(
                *(f"{split}/{name}", _meaning(array_facts(events, name)), entry.dtype),
                *(entry.event_shape, {**source, "extract": {"column": name}}),
            )
            for name, entry in entries.items()
        ]
        sets.append(_record_set(split, f"{len(events):,} events", fields))
    first = next(iter(splits.values()))
    card, facts = card_of(first), event_facts(first)
    card = replace(card, title=f"{card.title}: {origin(facts)}", version=facts["card_version"])
    notes = [f"Here: {origin(facts)}, fingerprint {facts['fingerprint']}."]
    return _dataset(card, facts["licence"], notes, distribution, sets)


def write_croissant(jsonld: Mapping[str, Any], folder: Path) -> Path:
    """Write JSON-LD as ``croissant.json``.

    Parameters
    ----------
    jsonld : Mapping
        Of `describe_card` or `describe_files`.
    folder : Path
        Made if it is not there.

    Returns
    -------
    Path
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CROISSANT_NAME
    write_text(path, json.dumps(jsonld, indent=1, ensure_ascii=False) + "\n")
    return path


def _dataset(
    card: Card,
    licence: str,
    notes: Iterable[str],
    distribution: Sequence[Mapping[str, Any]],
    sets: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    url = next((url for url in _LICENCES if licence.startswith(url)), "")
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": card.name,
        "alternateName": card.title,
        "description": "\n\n".join([" ".join(card.description.split()), *notes]),
        "license": _LICENCES.get(url, licence),
        "citeAs": card.cite(),
        **_home(card),
        "version": card.version,
        "distribution": list(distribution),
        "recordSet": list(sets),
    }


def _home(card: Card) -> dict[str, str]:
    """A page about the dataset: of what it cites, the first that has a DOI, else an arXiv number."""
    for field, address in (("doi", "https://doi.org/"), ("eprint", "https://arxiv.org/abs/")):
        for citation in card.citations:
            _, found, rest = citation.bibtex.partition(f'{field} = "')
            if found:
                return {"url": address + rest.partition('"')[0]}
    return {}


def _published_file(file: PublishedFile) -> dict[str, Any]:
    hashes = {kind: value for kind, value in (("sha256", file.sha256), ("md5", file.md5)) if value}
    kind, value = next(iter(hashes.items()))
    media_type = _MEDIA_TYPES.get(file.layout, "application/octet-stream")
    return _file_object(file.name, file.mirrors[0], media_type, **{kind: value})


def _members(card: Card, split: str, file: PublishedFile) -> list[dict[str, Any]]:
    """The arrays of a split in an archive, which is a ZIP of .npy files."""
    keys = [*(f"X_{split}_{i}" for i in range(len(card.inputs))), f"y_{split}"]
    inside = {"containedIn": {"@id": file.name}}
    return [_file_object(f"{key}.npy", f"{key}.npy", "application/octet-stream") | inside for key in keys]


def _file_object(name: str, url: str, media_type: str, **digest: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": Path(name).name,
        "contentUrl": url,
        "encodingFormat": media_type,
        **digest,
    }


def _file_set(name: str, pattern: str) -> dict[str, Any]:
    return {"@type": "cr:FileSet", "@id": name, "name": name, "encodingFormat": _PARQUET, "includes": pattern}


def _record_set(split: str, description: str, fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": description,
        "field": list(fields),
    }


def _meaning(facts: Mapping[str, str]) -> str:
    """An array in a line: what it is, its unit, its padding."""
    text = facts.get("description", "no description")
    for key in ("unit", "padding", "constant"):
        text += f"; {key}: {facts[key]}" if key in facts else ""
    return text


def _field(
    name: str,
    description: str,
    dtype: str,
    shape: Sequence[int],
    source: Mapping[str, Any],
) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": name,
        "name": name.split("/")[1],
        "description": description,
        "dataType": _data_type(np.dtype(dtype)),
        "source": dict(source),
    }
    if len(shape):
        field |= {"isArray": True, "arrayShape": ",".join(str(n) for n in shape)}
    return field


def _data_type(dtype: np.dtype[Any]) -> str:
    """The name of Croissant, which gives every dtype of NumPy one."""
    if dtype.kind == "b":
        return "sc:Boolean"
    kind = {"f": "Float", "i": "Int", "u": "UInt"}[dtype.kind]
    return f"cr:{kind}{8 * dtype.itemsize}"
