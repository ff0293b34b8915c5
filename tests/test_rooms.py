"""The house's rooms: each imports only from those before it, and says what it offers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "pd4ml"

# The data's way, docs/architecture.md. A room imports from itself and from rooms on its left.
ROOMS = (
    *("errors", "progress", "card", "metrics", "tasks", "storage", "physics", "generation", "graphs", "models"),
    *("sample", "dataset", "datasets", "training", "methods", "collaborate", "evaluation", "audit", "benchmark"),
    *("report", "cli"),
)
FILES = sorted(p for p in SOURCE.rglob("*.py") if p.name != "__main__.py")


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[str]:
    """Modules of this package that ``path`` imports, in functions and under TYPE_CHECKING too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append(node.module or "")
            if node.module == "pd4ml":
                found += [f"pd4ml.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            pytest.fail(f"{path}: relative import")
    return [name for name in found if name.startswith("pd4ml.")]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_from_rooms_before_it(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "cli"):
        return
    for name in imports(path):
        other = name.split(".")[1]
        assert other in ROOMS, f"{path}: {other} has no place in the order of rooms"
        assert ROOMS.index(other) <= ROOMS.index(room), f"{path} imports {name}"
        if room == other == "datasets":
            here, there = path.relative_to(SOURCE).parts[1], name.split(".")[2]
            assert here in (there, "__init__.py"), f"{path} imports from another dataset's room"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_generic_room_knows_no_dataset_by_name(path: Path) -> None:
    if room_of(path) in ("datasets", "__init__", "cli"):
        return
    text = path.read_text().lower()
    for name in ("toptagging", "top_tagging", "airshower", "spinodal", "eosl", "belle"):
        assert not re.search(f"(?<![a-z]){name}", text), f"{path} knows {name}"  # but it may say unlabelled


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_says_what_it_offers(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    assert ast.get_docstring(tree), f"{path} has no docstring"
    assert "__all__" in names or len(tree.body) == 1, f"{path} has no __all__"
