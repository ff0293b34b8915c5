"""What is written for people: the README with its sections, the page, nothing left of a template."""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

from pd4ml.contribute.subject import Checker, Said, Subject, failed, passed, skipped, warned
from pd4ml.dataset import Dataset

__all__ = ["PAGE_CHECKS", "PLACEHOLDER"]

# What templates of `pd4ml new` leave for their author.
PLACEHOLDER = "REPLACE"
# What a README must have a section on, and by which words in a heading it is known.
_SECTIONS = {
    "how events are made": r"generated|made|measured",
    "evidence": r"evidence|checks?",
    "what is inferred or differs": r"differs?|inferred|agree|unknown",
}


def readme(subject: Subject) -> Said:
    """The sections that a reader looks for."""
    folder = _room(subject.dataset)
    if folder is None:
        return skipped("the dataset is a single file; its docstring and the card say all")
    file = folder / "README.md"
    if not file.exists():
        installed = Path(sysconfig.get_path("purelib")) in folder.parents
        return warned("an installed package without README.md") if installed else failed(f"there is no {file}")
    headings = re.findall(r"^#{2,}\s+(.*)$", file.read_text(encoding="utf-8"), re.M)
    wanted = dict(_SECTIONS)
    if not subject.dataset.card.sources:
        del wanted["what is inferred or differs"]
    for what, words in wanted.items():
        if not any(re.search(rf"\b({words})\b", heading, re.I) for heading in headings):
            return failed(f"README.md has no section on {what}; its sections: {', '.join(headings) or 'none'}")
    return passed(f"README.md: {', '.join(headings)}")


def placeholders(subject: Subject) -> Said:
    """Nothing is left that a template wants replaced."""
    folder = _room(subject.dataset)
    module = sys.modules[subject.dataset.__module__].__file__
    files = [Path(module)] if folder is None and module else sorted((folder or Path()).rglob("*"))
    texts = {file.name: file for file in files if file.suffix in (".py", ".md", ".toml")}
    if left := [name for name, file in texts.items() if PLACEHOLDER in file.read_text(encoding="utf-8")]:
        return warned(f"{', '.join(left)} still say what is to be replaced; look for {PLACEHOLDER}")
    return passed("nothing of a template is left to be replaced")


def page(subject: Subject) -> Said:
    """The card as text; inside the project the page that is made from it."""
    lines = subject.dataset.card.describe().splitlines()
    folder = _room(subject.dataset)
    checkout = None if folder is None or len(folder.parents) < 4 else folder.parents[3]
    if checkout is None or not (checkout / "docs" / "make_pages.py").exists():
        return passed(f"`pd4ml info {subject.dataset.name}` prints {len(lines)} lines")
    file = checkout / "docs" / "datasets" / f"{subject.dataset.name}.md"
    if not file.exists():
        return failed(f"there is no {file.relative_to(checkout)}: python docs/make_pages.py writes it")
    return passed(str(file.relative_to(checkout)))


def _room(dataset: type[Dataset]) -> Path | None:
    """The folder of a dataset's package; None where it is a single file."""
    module = sys.modules[dataset.__module__]
    return Path(module.__file__).parent if hasattr(module, "__path__") and module.__file__ else None


PAGE_CHECKS: dict[str, Checker] = {
    "pages: README": readme,
    "pages: template": placeholders,
    "pages: card": page,
}
