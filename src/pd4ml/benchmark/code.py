"""Which code a number comes from: the commit of a checkout, else the package's version."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from pd4ml.requirements import version

__all__ = ["code_state"]

_PACKAGE = Path(__file__).parents[1]


@cache
def code_state() -> dict[str, Any]:
    """``version``; in a git checkout also ``commit`` and whether files of the package were ``modified``.

    A package that was installed into a folder that happens to lie in somebody's repository has no commit.
    """
    state: dict[str, Any] = {"version": version()}
    tracked = _git("ls-files", "--error-unmatch", "__init__.py")
    commit = _git("rev-parse", "HEAD")
    if tracked and commit:
        state["commit"] = commit.strip()
        state["modified"] = bool(_git("status", "--porcelain", "--", "."))
    return state


def _git(*arguments: str) -> str:
    """What git prints about the package's folder; nothing where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=_PACKAGE, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
