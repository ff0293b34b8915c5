"""What this package is called, its version and what it needs, as its metadata say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import metadata

__all__ = ["DISTRIBUTION", "install_line", "requirements", "version"]

DISTRIBUTION = "pd4ml-physics"
_NAME = re.compile(r"([\w.-]+)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


def version() -> str:
    """The version of this package."""
    return metadata.version(DISTRIBUTION)


def requirements() -> dict[str, tuple[str, ...]]:
    """The distributions that the base install (``""``) needs, and those that each extra for users adds.

    Extras for users are those that ``all`` names.
    """
    extras = {extra for name, extras in _needs("all") if name == DISTRIBUTION for extra in extras}
    return {extra: tuple(_distributions(extra)) for extra in ("", *sorted(extras))}


def install_line(missing: Iterable[str]) -> str:
    """The command that installs ``missing``: of the smallest extra that brings them all, or of they themselves."""
    names = list(missing)
    fitting = [(len(needs), extra) for extra, needs in requirements().items() if {*names} <= {*needs}]
    if not fitting:
        return f"pip install {' '.join(names)}"
    extra = min(fitting)[1]
    return f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"pip install {DISTRIBUTION}"


def _distributions(extra: str) -> Iterator[str]:
    """All that ``extra`` brings, what it takes from other extras included."""
    for name, extras in _needs(extra):
        if name == DISTRIBUTION:
            for other in extras:
                yield from _distributions(other)
        else:
            yield name


def _needs(extra: str) -> Iterator[tuple[str, list[str]]]:
    """Name and extras of what the metadata's lines for ``extra`` ask for."""
    for line in metadata.requires(DISTRIBUTION) or []:
        requirement, _, marker = line.partition(";")
        found, named = _EXTRA.search(marker), _NAME.match(requirement.strip())
        if named and (found[1] if found else "") == extra:
            yield named[1], [name.strip() for name in (named[2] or "").split(",")]
