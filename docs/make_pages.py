"""Write the pages that follow from the code: one per dataset, from its card, and the table of speeds."""

from __future__ import annotations

import json
from pathlib import Path

import pd4ml
from pd4ml.card import Card

__all__ = ["card_page", "pages", "speed_page"]

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
_NOTE = "<!-- written by docs/make_pages.py; do not edit -->"


def card_page(card: Card) -> str:
    """A dataset's page."""
    lines = [_NOTE, "", f"# {card.name}: {card.title}", "", card.description.strip(), ""]
    lines += ["| array | shape | dtype | unit | padding | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    names = [*(f"X[{i}]" for i in range(len(card.inputs))), "y"]
    for place, spec in zip(names, card.arrays, strict=True):
        shape = "N" if not spec.shape else ", ".join([*(["N"] if spec.per_event else []), *map(str, spec.shape)])
        padding = "" if spec.padding is None else f"{spec.padding:g}"
        lines.append(
            f"| `{place}` {spec.name} | ({shape}) | {spec.dtype} | {spec.unit} | {padding} | {spec.description} |"
        )
    lines += ["", f"**Task:** {card.task}" + (f" of {', '.join(card.classes)}" if card.classes else "") + ".", ""]
    lines += ["**Published events:** " + ", ".join(f"{n:,} {s}" for s, n in card.splits.items()) + ".", ""]
    lines += [f"**Graph:** {card.graph}.", "", f"**Generator:** {card.generator}.", ""]
    lines += ["## Variants", "", "| name | setting |", "| --- | --- |"]
    lines += [f"| `{name}` | {variant.description} |" for name, variant in card.variants.items()]
    lines += ["", "## Published files", ""]
    for source in card.sources:
        lines += [f"- {source.name}: {source.note}"]
        lines += [f"  - `{f.name}`, MD5 {f.md5 or 'unknown'}, {', '.join(f.mirrors)}" for f in source.files]
    lines += ["", "## Unknown", "", *(f"- {text}" for text in card.unknown)]
    lines += ["", f"## Licence\n\n{card.licence}", "", "## Cite", "", "```bibtex", card.cite(), "```", ""]
    return "\n".join(lines)


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


def pages() -> dict[Path, str]:
    """All pages and where they belong."""
    own = [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]
    found = {ROOT / "docs" / "datasets" / f"{d.name}.md": card_page(d.card) for d in own}
    if RESULTS.exists():
        found[ROOT / "docs" / "speed.md"] = speed_page(json.loads(RESULTS.read_text()))
    return found


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(ROOT))
