"""One target of atheris: ``python -m hold.fuzz READER FOLDER [options of libFuzzer] CORPUS``.

``FOLDER`` holds a valid file of the reader, and what lies beside it. LibFuzzer ends the process.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pd4ml.storage", "pd4ml.evaluation", "pd4ml.own", "pd4ml.expression"]):
    from hold.data_files import READERS
    from pd4ml.errors import Pd4mlError


def main() -> None:
    """Hand libFuzzer what it is to call."""
    name, base, *options = sys.argv[1:]
    reader, folder = READERS[name], Path(tempfile.mkdtemp(dir=Path(base).parent))
    shutil.copytree(base, folder, dirs_exist_ok=True)
    file = folder / reader.file

    def one(content: bytes) -> None:
        file.write_bytes(content)
        try:
            reader.read(file)
        except Pd4mlError as error:
            if not str(error).isprintable():
                raise

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
