"""What is not the same on every system: names that only some of them have, the encoding of files."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pd4ml
from helpers.toy import Toy

SOURCE = Path(pd4ml.__file__).parent
# Python on Windows has none of these.
UNIX = {
    "os": ("sysconf", "getloadavg", "sched_getaffinity", "uname", "getuid", "fork", "killpg", "getpgid", "fchmod"),
    "signal": ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGALRM", "alarm"),
}
MODES = ("r", "w", "a", "x")
# What others import is theirs: it comes first, the names go, and then everything of ours is imported and used.
SCRIPT = """
import importlib, os, pkgutil, signal, sys
import filelock, h5py, jsonschema, lightning.pytorch, loky, matplotlib, numba, numpy.testing, requests
import sklearn, torch, typer
for module, names in UNIX.items():
    for name in names:
        if hasattr(sys.modules[module], name):
            delattr(sys.modules[module], name)
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
import pd4ml
for module in pkgutil.walk_packages(pd4ml.__path__, "pd4ml."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from pd4ml.machine import cores, machine, memory_bytes
from pd4ml.compiled import _private_folder
from helpers.toy import Toy
print(cores(), memory_bytes(), machine()["platform"], _private_folder().is_dir())
X, y = Toy.load("train", sys.argv[1], source="generated")
print(len(y), len(Toy.load_data("train", sys.argv[1], source="generated", graph=True)[1]))
"""


def test_names_that_windows_has_not_are_not_needed(tmp_path: Path) -> None:
    Toy.generate(tmp_path, 200)
    path = os.pathsep.join([str(Path(__file__).parent), str(SOURCE.parent)])
    done = subprocess.run(
        [sys.executable, "-c", f"UNIX = {UNIX!r}\n{SCRIPT}", str(tmp_path)],
        # The last: geant4-pybind looks for its data nowhere else, and downloads none.
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path), "GEANT4_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["160", "160"]


def test_text_files_say_their_encoding() -> None:
    """Elsewhere than in UTF-8 the system's own would be taken, such as ASCII on a batch node."""
    silent = []
    for path in SOURCE.rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and not any(word.arg == "encoding" for word in call.keywords):
                mode = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
                if (call.func.attr, mode) == ("read_text", None) or (call.func.attr == "open" and mode in MODES):
                    silent.append(f"{path}:{call.lineno}")
    assert not silent
