"""What a card must say: texts, citations, arrays, splits, published files."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from pd4ml.card import Card
from pd4ml.contribute.subject import Checker, Said, Subject, failed, passed, skipped, warned

__all__ = ["CARD_CHECKS"]

_SPLITS = ({"train", "test"}, {"train", "valid", "test"})


def texts(subject: Subject) -> Said:
    """Title, description, licence; graph and generator in words where there are such."""
    card = subject.dataset.card
    wanted = ["name", "version", "title", "description", "licence"]
    wanted += ["generator"] if subject.dataset._has_simulator() else []
    if missing := [name for name in wanted if not getattr(card, name).strip()]:
        return failed(f"the card does not say its {', '.join(missing)}")
    if not card.graph:
        return warned("the card does not say how events become graphs")
    return passed(f"licence: {card.licence}")


def citations(subject: Subject) -> Said:
    """BibTeX that has the keys it is said to have."""
    card = subject.dataset.card
    if not card.citations:
        return failed("nothing to cite: a card names at least one Citation")
    for citation in card.citations:
        if not re.match(rf"\s*@\w+\s*\{{\s*{re.escape(citation.key)}\s*[,}}]", citation.bibtex):
            return failed(f"the BibTeX of {citation.key} does not begin with @kind{{{citation.key},")
        if citation.bibtex.count("{") != citation.bibtex.count("}"):
            return failed(f"the BibTeX of {citation.key} has braces that are not closed")
    return passed(", ".join(citation.key for citation in card.citations))


def arrays(subject: Subject) -> Said:
    """Names, units, meanings and dtypes of all arrays."""
    card = subject.dataset.card
    if problem := next(_problems(card), None):
        return failed(problem)
    bytes_ = sum(spec.event_bytes for spec in card.arrays)
    return passed(f"{len(card.inputs)} inputs, {len(card.extras)} extras, a target; {bytes_:,} bytes an event")


def _problems(card: Card) -> Iterator[str]:
    names = [spec.name for spec in card.arrays]
    yield from (f"two arrays are called {name}" for name in names if names.count(name) > 1)
    for spec in card.arrays:
        if not spec.unit.strip():
            yield f"{spec.name} has no unit; 1 is that of pure numbers"
        if not spec.description.strip():
            yield f"the card does not say what {spec.name} is"
        if np.dtype(spec.dtype).kind not in "fiu":
            yield f"{spec.name} is {spec.dtype}, expected floating point or whole numbers"
    if not card.inputs:
        yield "there are no inputs"
    if (card.task in ("classification", "segmentation")) != (len(card.classes) >= 2):
        yield f"the task is {card.task}, and classes are {card.classes or 'not named'}"
    if card.group and card.group not in {spec.name for spec in card.extras}:
        yield f"group {card.group} is none of the extras"
    if card.weight and card.weight not in names:
        yield f"weight {card.weight} is none of the arrays"


def splits(subject: Subject) -> Said:
    """Train and test, and perhaps valid, none of them empty."""
    found = subject.dataset.card.splits
    told = ", ".join(f"{name} {n:,}" for name, n in found.items())
    if set(found) not in _SPLITS or min(found.values()) < 1:
        return failed(f"expected the splits train and test, and perhaps valid, with events in each, found {told}")
    return passed(told)


def unknown(subject: Subject) -> Said:
    """Published events nearly always leave something open."""
    card = subject.dataset.card
    if not card.sources:
        return skipped("no published events, of which something might be unknown")
    if not card.unknown:
        return warned("nothing is said to be unknown of the published events")
    return passed(f"{len(card.unknown)} things are said to be unknown")


def published_files(subject: Subject) -> Said:
    """Mirrors and hashes; the files themselves, where published events are checked."""
    files = [file for source in subject.dataset.card.sources for file in source.files]
    if not files:
        return skipped("no published files")
    for file in files:
        if not file.mirrors or not all(url.startswith("https://") for url in file.mirrors):
            return failed(
                f"{file.name}: mirrors must begin with https://, found {', '.join(file.mirrors) or 'none'}"
            )
        for hash_, digits in ((file.md5, 32), (file.sha256, 64)):
            if hash_ is not None and not re.fullmatch(rf"[0-9a-f]{{{digits}}}", hash_):
                return failed(f"{file.name}: expected a hash of {digits} hexadecimal digits, found {hash_!r}")
    open_ = [file.name for file in files if file.md5 is None and file.sha256 is None]
    if subject.source == "published":
        paths = subject.dataset.download(subject.path)
        found = f"{', '.join(path.name for path in paths)} as on the card"
    else:
        found = f"{len(files)} files with mirrors and hashes; --source published verifies them"
    if open_:
        return warned(f"no hash is known of {', '.join(open_)}")
    return passed(found)


CARD_CHECKS: dict[str, Checker] = {
    "card: texts": texts,
    "card: citations": citations,
    "card: arrays": arrays,
    "card: splits": splits,
    "card: unknown": unknown,
    "card: published files": published_files,
}
