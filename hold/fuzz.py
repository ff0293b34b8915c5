"""What reads something of others, handed to atheris: ``python -m hold.fuzz TARGET FOLDER [options of libFuzzer]``.

``FOLDER`` is empty, or holds a valid file of the target and what lies beside it. LibFuzzer ends the process.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from hold.cases import Outcome

__all__ = ["fuzzed", "there"]

_INSTRUMENTED = ("expression", "storage", "evaluation", "own", "training.recipe")


def there() -> bool:
    """Whether atheris is installed; it has no wheel for every system."""
    return find_spec("atheris") is not None


def fuzzed(target: str, folder: Path, seconds: int, corpus: Path | None = None) -> Outcome:
    """One target in a process of its own, begun with the files of ``corpus``."""
    command = ["-m", "hold.fuzz", target, str(folder), f"-max_total_time={seconds}", "-seed=16", "-timeout=10"]
    command += ["-rss_limit_mb=2500", *([str(corpus)] if corpus else [])]
    with tempfile.TemporaryDirectory() as found:
        ended = subprocess.run(
            [sys.executable, *command, f"-artifact_prefix={found}/"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=600,
        )
        inputs = [file.read_bytes()[:200] for file in Path(found).iterdir()]
    wrong = "" if ended.returncode == 0 else f"{inputs!r}: {' '.join(ended.stderr.split())[-600:]}"
    return Outcome(f"python {' '.join(command)}", wrong)


def _read(target: str, base: Path) -> Callable[[bytes], object]:
    """What is called with each content."""
    from hold.files.valid import READERS
    from hold.records.readers import evaluated, made_recipe

    texts = {"expression": evaluated, "recipe": made_recipe}
    if target in texts:
        return lambda content: texts[target](content.decode("utf-8", "replace"))
    reader, folder = READERS[target], Path(tempfile.mkdtemp(dir=base.parent))
    shutil.copytree(base, folder, dirs_exist_ok=True)

    def read(content: bytes) -> object:
        (folder / reader.file).write_bytes(content)
        return reader.read(folder / reader.file)

    return read


def main() -> None:
    """Hand libFuzzer what it is to call."""
    import atheris

    target, folder, *options = sys.argv[1:]
    with atheris.instrument_imports(include=[f"pd4ml.{name}" for name in _INSTRUMENTED]):
        read = _read(target, Path(folder))
        from pd4ml.errors import Pd4mlError

    def one(content: bytes) -> None:
        try:
            read(content)
        except Pd4mlError as error:
            if not str(error).isprintable():
                raise

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
