"""Dependencies as far as they can be looked at without a network: bounds, pins and licences.

Read are ``pyproject.toml``, ``constraints.txt`` and the metadata of what is installed here. What no file here can
tell is not looked at: known vulnerabilities, versions that were withdrawn, packages that nobody keeps up any more.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from hold.cases import Outcome, Row, Size, collect

__all__ = ["licence_of", "rows"]

ROOT = Path(__file__).parents[1]
_OWN = "pd4ml-physics"
_COPYLEFT = re.compile(r"\b(A?GPL|GNU (?:Affero )?General Public)", re.IGNORECASE)
# The licence of GPL is the user's choice with these extras, which no other part of the package imports unasked.
_MAY_BE_GPL = "generate"
# Licences that metadata leave out, as the files of licences in the wheels have them.
_LOOKED_UP = {"hdf5plugin": "MIT, and of each filter inside it another"}


def rows(folder: Path, size: Size) -> Iterable[Row]:
    """All of them at either size: it takes a second."""
    extras, pins = _asked(), _pins()
    direct = {(extra, str(need)): need for extra, needs in extras.items() for need in needs}
    yield collect(
        "dependencies have a lower bound", [_bounded(extra, need) for (extra, _), need in direct.items()]
    )
    yield collect("dependencies are pinned within their bounds", [_pinned(n, pins) for n in direct.values()])
    yield collect("what is pinned is what is installed", list(_installed(pins)))
    users = [extra for extra in extras if extra not in ("docs", "dev")]
    yield collect("licences of what users install", [one for extra in users for one in _licences(extra, extras)])


def _asked() -> dict[str, list[Requirement]]:
    """What the base install (``""``) and each extra ask for, without extras of our own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {"": project["dependencies"], **project["optional-dependencies"]}
    parsed = {extra: [Requirement(line) for line in lines] for extra, lines in asked.items()}
    return {extra: [need for need in needs if need.name != _OWN] for extra, needs in parsed.items()}


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = (line.partition("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version.strip() for name, _, version in found}


def _bounded(extra: str, need: Requirement) -> Outcome:
    bounded = any(one.operator in (">=", "==", "~=") for one in need.specifier)
    return Outcome(f"{need} of [{extra}] in pyproject.toml", "" if bounded else "has no lower bound")


def _pinned(need: Requirement, pins: dict[str, str]) -> Outcome:
    pin = pins.get(canonicalize_name(need.name))
    if pin is None:
        return Outcome(f"{need.name} in constraints.txt", "is not pinned")
    wrong = (
        "" if need.specifier.contains(pin, prereleases=True) else f"is pinned to {pin}, outside {need.specifier}"
    )
    return Outcome(f"{need.name} in constraints.txt", wrong)


def _installed(pins: dict[str, str]) -> Iterator[Outcome]:
    for name, pin in pins.items():
        if (found := _version(name)) is not None:
            yield Outcome(
                f"pip install {name}=={pin}", "" if Version(found).public == pin else f"{found} is installed"
            )


def _licences(extra: str, extras: dict[str, list[Requirement]]) -> Iterator[Outcome]:
    """Of all that an extra brings, as far as it is installed here."""
    seen, left = set[str](), list(extras[extra])
    while left:
        need = left.pop()
        name = canonicalize_name(need.name)
        if name in seen or _version(name) is None:
            continue
        seen.add(name)
        inside = [Requirement(line) for line in metadata.requires(name) or []]
        asked = [{"extra": one} for one in (*need.extras, "")]
        left += [n for n in inside if n.marker is None or any(n.marker.evaluate(one) for one in asked)]
        licence = licence_of(name)
        wrong = "" if licence else "names no licence"
        if _COPYLEFT.search(licence) and extra != _MAY_BE_GPL:
            wrong = f"is {licence}"
        yield Outcome(f"{name}, which [{extra}] brings", wrong)


def licence_of(name: str) -> str:
    """The licence of an installed distribution, as its metadata say; empty if they do not."""
    told: Any = metadata.metadata(name)
    kinds = [kind for kind in told.get_all("Classifier") or [] if kind.startswith("License ::")]
    said = told.get("License-Expression") or "; ".join(kinds) or (told.get("License") or "").strip()
    return (said.splitlines() or [""])[0] or _LOOKED_UP.get(name, "")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
