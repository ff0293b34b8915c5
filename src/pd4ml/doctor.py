"""What this installation finds around it: versions, cores, memory, network, folders. For reports of bugs.

Whatever is broken is what the report is about, so every check may fail, and says how.
"""

from __future__ import annotations

import getpass
import os
import platform
import re
import shutil
import sys
import tempfile
import textwrap
import threading
import time
import urllib.request
import warnings
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from functools import partial
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from pd4ml import machine
from pd4ml.benchmark.code import code_state
from pd4ml.dataset import Dataset
from pd4ml.errors import one_line
from pd4ml.physics.geant4.data import missing_data
from pd4ml.requirements import install_line, requirements

__all__ = ["diagnose", "render"]

Checks = Mapping[str, Callable[[], str]]

NETWORK_SECONDS = 3.0
# What changes how this package, or something below it, behaves.
_VARIABLES = (
    *("PD4ML_*", "NUMBA_*", "OMP_*", "MKL_*", "OPENBLAS_*", "KMP_*", "CUDA_VISIBLE_DEVICES", "PYTORCH_*"),
    *("*WORLD_SIZE", "*RANK", "SLURM_CPUS_PER_TASK", "SLURM_STEP_NUM_*", "XDG_CACHE_HOME", "TMPDIR"),
    *("PYTHONPATH", "PYTHONIOENCODING", "PYTHONUTF8", "LANG", "LC_ALL", "TERM", "COLUMNS", "NO_COLOR"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "G4*DATA", "GEANT4_DATA_DIR"),
)


def diagnose(path: Path = Path("datasets")) -> dict[str, dict[str, str]]:
    """What is found, by section and name, without names of user, machine or home folder; it never raises.

    ``path`` is the folder that holds the datasets.
    """
    sections: dict[str, Callable[[], Checks]] = {
        "versions": _versions,
        "extras": _extras,
        "machine": _machine,
        "network": _network,
        "folders": partial(_folders, path),
        "output": _output,
        "environment": _environment,
    }
    found: dict[str, dict[str, str]] = {}
    for section, checks in sections.items():
        try:
            found[section] = {name: _private(_guarded(check)) for name, check in checks().items()}
        except Exception as error:  # noqa: BLE001, RUF100  such as metadata that are not there
            found[section] = {section: _private(_failed(error))}
    return found


def render(found: Mapping[str, Mapping[str, str]]) -> str:
    """The findings as ASCII text for a mail or an issue, at most 80 columns wide where words allow it."""
    lines = []
    for section, entries in found.items():
        lines.append(section)
        width = max([len(name) for name in entries] or [0]) + 2
        for name, text in entries.items():
            for n, line in enumerate(text.splitlines() or [""]):
                first = f"  {'' if n else name:<{width}}"
                lines += textwrap.wrap(
                    line,
                    80,
                    initial_indent=first,
                    subsequent_indent=" " * len(first),
                    break_long_words=False,
                    break_on_hyphens=False,
                ) or [first.rstrip()]
    return "\n".join(lines).encode("ascii", "backslashreplace").decode()


def _guarded(check: Callable[[], str]) -> str:
    """What a check says, or how it failed."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001, RUF100  nobody knows what a broken installation raises
        return _failed(error)


def _failed(error: Exception) -> str:
    return f"fails: {type(error).__name__}: {one_line(str(error), 200)}"


def _private(text: str) -> str:
    """``text`` without the names of home folder, user and machine."""
    home, user, host = (_or_nothing(ask) for ask in (lambda: str(Path.home()), getpass.getuser, platform.node))
    if len(home) > 1:
        text = re.sub(rf"(?<![\w.-]){re.escape(home)}(?![\w.-])", "~", text)
    if user:
        text = re.sub(rf"(?<=[/\\]){re.escape(user)}(?![\w.-])", "USER", text)
    for name in (host, host.partition(".")[0]) if host else ():
        text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "HOST", text)
    return text


def _or_nothing(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except Exception:  # noqa: BLE001, RUF100  there is no such user, as in many containers
        return ""


def _versions() -> Checks:
    def package() -> str:
        state = code_state()
        commit = f", commit {state['commit'][:12]}" if "commit" in state else ""
        return f"{state['version']}{commit}{', modified' if state.get('modified') else ''}"

    def python() -> str:
        libc = " ".join(platform.libc_ver()).strip()
        parts = (platform.python_version(), platform.python_implementation(), platform.system(), libc)
        return " ".join(part for part in parts if part)

    return {"pd4ml": package, "Python": python, "base": lambda: _installed(requirements()[""])}


def _extras() -> Checks:
    return {extra: partial(_installed, needs) for extra, needs in requirements().items() if extra}


def _installed(needs: tuple[str, ...]) -> str:
    """The versions of ``needs``, and the line that installs what is missing."""
    there, missing = [], []
    for name in needs:
        try:
            there.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    lines = [", ".join(there)] if there else []
    return "\n".join(lines + ([f"missing {', '.join(missing)}: {install_line(missing)}"] if missing else []))


def _machine() -> Checks:
    def memory() -> str:
        n_bytes = machine.memory_bytes()
        return "unknown" if n_bytes is None else f"{n_bytes / 1e9:.1f} GB for this process"

    return {
        "processor": lambda: "{cpu}, {platform}".format(**machine.machine()),
        "cores": lambda: f"{machine.cores()} for this process, {machine.free_cores():.1f} of them free",
        "memory": memory,
        "GPU": _gpu,
    }


def _gpu() -> str:
    """The GPUs that PyTorch sees, and what it complains about: an old driver is a warning there, no error."""
    try:
        import torch
    except ModuleNotFoundError:
        return "PyTorch is not installed"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        names += ["Metal (mps)"] if torch.backends.mps.is_available() else []
    told = [f"{', '.join(names) or 'none that PyTorch sees'} (PyTorch {torch.__version__})"]
    return "\n".join(told + [f"warning: {one_line(str(warning.message))}" for warning in said])


def _network() -> Checks:
    """The hosts of published files, all asked at once."""
    if os.environ.get("PD4ML_OFFLINE", "0") not in ("", "0"):
        return {"offline": lambda: "PD4ML_OFFLINE forbids the network"}
    sources = [source for dataset in Dataset.datasets_register for source in dataset.card.sources]
    urls = [url for source in sources for file in source.files for url in file.mirrors]
    hosts = dict.fromkeys(host for url in urls if (host := urlsplit(url).hostname))
    answers: dict[str, str] = {}

    def ask(host: str) -> None:
        answers[host] = _guarded(partial(_answer, host))

    def answer(host: str) -> str:
        return answers.get(host, f"no answer within {NETWORK_SECONDS:g} s")

    # Daemons, not a pool: Python would wait for its threads, and a name server may keep one for minutes.
    threads = [threading.Thread(target=ask, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    end = time.monotonic() + NETWORK_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    proxies = ", ".join(sorted(urllib.request.getproxies())) or "none"  # their addresses may hold passwords
    return {"proxies": lambda: proxies, **{host: partial(answer, host) for host in hosts}}


def _answer(host: str) -> str:
    import requests

    start = time.monotonic()
    try:
        # Without an `auth` of its own Requests sends what ~/.netrc has for the host.
        response = requests.head(f"https://{host}/", timeout=NETWORK_SECONDS, auth=lambda request: request)
    except requests.RequestException as error:
        reason = getattr(error.args[0], "reason", error) if error.args else error  # urllib3's, which is shorter
        return f"fails: {one_line(str(reason).rpartition('): ')[2])}"
    return f"answers (status {response.status_code}) after {time.monotonic() - start:.1f} s"


def _folders(path: Path) -> Checks:
    def compiled() -> str:
        """Where Numba keeps what it compiled, as it says itself."""
        from pd4ml.training import tree_kernel

        kernel = next(value for value in vars(tree_kernel).values() if hasattr(value, "stats"))
        return _folder(Path(kernel.stats.cache_path))

    def geant4() -> str:
        missing = missing_data()
        return f"missing {', '.join(missing)}" if missing else "all there"

    return {
        "working": lambda: _folder(Path.cwd()),
        "datasets": lambda: _folder(path),
        "home": lambda: _folder(Path.home()),
        "temporary": lambda: _folder(Path(tempfile.gettempdir())),
        "Numba's cache": compiled,
        "Geant4's data": geant4,
    }


def _folder(folder: Path) -> str:
    """Whether files can be written and locked there, and the room that is left."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    told = [f"{folder}" if folder.is_dir() else f"{folder} (not there yet)"]
    try:
        with tempfile.TemporaryDirectory(prefix=".pd4ml-doctor-", dir=there) as trial:
            Path(trial, "file").write_bytes(b"x")
            told.append("writable")
            told.append(_guarded(lambda: _lock(Path(trial, "lock"))))
    except OSError as error:
        told.append(f"not writable ({error.strerror or error})")
    told.append(_guarded(lambda: f"{shutil.disk_usage(there).free / 1e9:.1f} GB free"))
    return ", ".join(told)


def _lock(file: Path) -> str:
    """Take a lock, which some network file systems refuse."""
    from filelock import FileLock

    try:
        with FileLock(file, timeout=1.0):
            return "locks work"
    except (OSError, NotImplementedError) as error:
        return f"locks fail ({getattr(error, 'strerror', None) or error})"


def _output() -> Checks:
    return {
        "encoding": lambda: str(sys.stdout.encoding),
        "terminal": lambda: "yes" if sys.stdout.isatty() else "no",
    }


def _environment() -> Checks:
    names = sorted(name for name in os.environ if any(fnmatch(name, known) for known in _VARIABLES))
    return {name: partial(one_line, os.environ[name]) for name in names}
