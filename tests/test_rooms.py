"""The house's rooms: each imports only from those before it, says what it offers, is on the map and of a size."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "pd4ml"
MAP = ROOT / "docs" / "architecture.md"

# The data's way, docs/architecture.md. A room imports from itself and from rooms on its left.
ROOMS = (
    *("interrupts", "errors", "text", "arguments", "requirements", "progress", "machine", "compiled", "plugins"),
    *("card", "metrics", "tasks", "storage", "physics", "generation", "graphs", "models"),
    *(
        "expression",
        "parts",
        "sample",
        "dataset",
        "quantity",
        "own",
        "datasets",
        "training",
        "methods",
        "evaluation",
    ),
    *("audit", "benchmark", "collaborate", "contribute", "report", "doctor", "cli"),
)
FILES = sorted(p for p in SOURCE.rglob("*.py") if p.name != "__main__.py")
FOLDERS = ("src", "tests", "benchmarks", "hold", "evidence", "docs")
ALL_FILES = sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))
DATASETS = {p.parent.name for p in SOURCE.glob("datasets/*/card.py")}

# What is longer usually hides two things. Files known to be; one that has become shorter leaves the list.
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 400, 60
LONG_FILES = {"src/pd4ml/dataset.py"}
LONG_FUNCTIONS: set[str] = set()  # "path: name"


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
def test_nobody_else_imports_from_the_room_of_a_dataset(path: Path) -> None:
    """Not even the command line: a dataset is found in the register and speaks through its class."""
    if room_of(path) != "datasets":
        assert not [name for name in imports(path) if name.startswith("pd4ml.datasets.")]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_generic_room_knows_no_dataset_by_name(path: Path) -> None:
    if room_of(path) in ("datasets", "__init__", "cli"):
        return
    text = path.read_text().lower()
    for name in DATASETS | {name.replace("_", "") for name in DATASETS}:
        assert not re.search(f"(?<![a-z]){name}", text), f"{path} knows {name}"  # but it may say unlabelled


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_says_what_it_offers(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    assert ast.get_docstring(tree), f"{path} has no docstring"
    assert "__all__" in names or len(tree.body) == 1, f"{path} has no __all__"


def rooms_on_the_map() -> list[str]:
    """The first column of the map's first table, in its order."""
    table = MAP.read_text().split("| room |")[1].split("\n\n")[0]
    return [name.removesuffix("/").removesuffix(".py") for name in re.findall(r"^\| `([^`]+)` \|", table, re.M)]


def test_the_map_shows_the_house_as_it_stands() -> None:
    """Every room is in the table of docs/architecture.md, in the order of the data's way, and no other is."""
    there = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms_on_the_map() == [room for room in ROOMS if room in there]


def test_no_file_is_long() -> None:
    long = {str(p.relative_to(ROOT)) for p in ALL_FILES if len(p.read_text().splitlines()) > MOST_LINES}
    assert long == LONG_FILES, f"more than {MOST_LINES} lines: take what is a thing of its own into its own file"


def test_no_function_is_long() -> None:
    long = set()
    for path in ALL_FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                doc = node.body[0] if ast.get_docstring(node) else None  # long where it has numpydoc's sections
                lines -= (doc.end_lineno or doc.lineno) - doc.lineno + 1 if doc else 0
                if lines > MOST_LINES_OF_A_FUNCTION:
                    long.add(f"{path.relative_to(ROOT)}: {node.name}")
    assert long == LONG_FUNCTIONS, f"more than {MOST_LINES_OF_A_FUNCTION} lines: name its steps"
