"""The public face is documented in numpydoc's sections, from which the reference pages are made.

https://numpydoc.readthedocs.io/en/latest/format.html
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pd4ml.dataset import Dataset

MODULES = (
    *("pd4ml", "pd4ml.benchmark", "pd4ml.training", "pd4ml.metrics", "pd4ml.evaluation", "pd4ml.audit"),
    *("pd4ml.models", "pd4ml.graphs", "pd4ml.storage.atomic", "pd4ml.storage.fetch", "pd4ml.storage.formats"),
    *("pd4ml.storage.published", "pd4ml.contribute", "pd4ml.plugins"),
)


def public_names() -> dict[str, Any]:
    """Everything in ``__all__`` of the modules, once each, and the public methods of Dataset."""
    found: dict[str, Any] = {}
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            value = getattr(module, name)
            if callable(value) and not any(value is known for known in found.values()):
                found[f"{module.__name__}.{name}"] = value
    for name, value in vars(Dataset).items():
        if isinstance(value, classmethod) and not name.startswith("_"):
            found[f"pd4ml.Dataset.{name}"] = getattr(Dataset, name)
    return found


def sections(docstring: str) -> dict[str, list[str]]:
    """The lines below each underlined title."""
    lines, found, title = docstring.splitlines(), dict[str, list[str]](), ""
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        if re.fullmatch(r"-{3,}", following) and line and not line.startswith(" "):
            found[title := line] = []
        elif title and not re.fullmatch(r"-{3,}", line):
            found[title].append(line)
    return found


def entries(body: list[str]) -> dict[str, str]:
    """Each parameter's name (several may share a line) and all that is said about it."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in body:
        if line and not line.startswith(" "):
            before, _, kind = line.partition(" : ")
            names = [name.strip() for name in before.split(",")]
            found.update(dict.fromkeys(names, kind + "\n"))
        elif line:
            found.update({name: found[name] + line.strip() for name in names})
    return found


def parameters(value: Any) -> Mapping[str, inspect.Parameter]:
    """What a caller gives; nothing where a class takes its constructor from Python."""
    if inspect.isclass(value) and not getattr(value.__init__, "__module__", "").startswith("pd4ml"):
        return {}
    stars: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return {stars.get(p.kind, "") + name: p for name, p in inspect.signature(value).parameters.items()}


def problems(value: Any) -> Iterator[str]:
    """What is missing in the docstring of a function or class."""
    found, taken = sections(inspect.getdoc(value) or ""), parameters(value)
    said = entries(found.get("Parameters", []))
    for name, parameter in taken.items():
        about = said.get(name)
        if about is None:
            yield f"{name} is not among its Parameters"
        elif not about.partition("\n")[2]:
            yield f"nothing is said about {name}"
        elif "Array" in str(parameter.annotation) and "(" not in about:
            yield f"the shape of {name} is not given"
    for name in said.keys() - taken.keys():
        yield f"{name} is no parameter"
    returned = "None" if inspect.isclass(value) else str(inspect.signature(value).return_annotation)
    if returned not in ("None", "NoReturn") and not found.keys() & {"Returns", "Yields"}:
        yield "it has no Returns"


@pytest.mark.parametrize("name", sorted(public_names()))
def test_public_names_have_sections(name: str) -> None:
    found = list(problems(public_names()[name]))
    assert not found, f"{name}: {'; '.join(found)}"


def bad(x: int, array: NDArray, *others: int, **more: int) -> int:  # type: ignore  # noqa
    """Do something.

    Parameters
    ----------
    x : int
    array : NDArray
        Numbers without a shape.
    *others : int
        Others.
    y : int
        Nothing of the kind.

    Raises
    ------
    ValueError
        Never.
    """


def test_what_is_missing_is_found() -> None:
    assert sorted(problems(bad)) == [
        *("**more is not among its Parameters", "it has no Returns", "nothing is said about x"),
        *("the shape of array is not given", "y is no parameter"),
    ]
    assert sections("One.\n\nTwo\n---\nthree\n") == {"Two": ["three"]}
    assert list(problems(test_what_is_missing_is_found)) == []
    assert list(problems(Path)) == []
