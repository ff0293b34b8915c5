"""A target of atheris: ``python -m hold.records_fuzz expression|recipe [options of libFuzzer]``."""

from __future__ import annotations

import importlib
import sys

atheris = importlib.import_module("atheris")  # it says nothing of its types

with atheris.instrument_imports(include=["pd4ml.expression", "pd4ml.storage.small", "pd4ml.training.recipe"]):
    from hold.records_readers import evaluated, made_recipe
    from pd4ml.errors import Pd4mlError


def main() -> None:
    """Hand libFuzzer what it is to call."""
    name, *options = sys.argv[1:]
    read = {"expression": evaluated, "recipe": made_recipe}[name]

    def one(content: bytes) -> None:
        try:
            read(content.decode("utf-8", "replace"))
        except Pd4mlError as error:
            if not str(error).isprintable():
                raise

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
