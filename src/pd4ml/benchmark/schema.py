"""JSON of others, held against the schema of what this package writes."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from pd4ml.errors import DataError, missing_extra, one_line

__all__ = ["check_schema"]


def check_schema(body: Any, room: str, name: str) -> None:
    """DataError, which begins with the place, for what does not follow ``name`` in the package ``room``."""
    try:
        from jsonschema.exceptions import best_match
    except ImportError as error:
        raise missing_extra("a record", "evaluate", error) from error
    problem = best_match(_validator(room, name).iter_errors(body))
    if problem is not None:
        raise DataError(f"{one_line(problem.json_path)}: {one_line(problem.message, 200)}")


@cache
def _validator(room: str, name: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(resources.files(room).joinpath(name).read_text(encoding="utf-8")))
