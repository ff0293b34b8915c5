"""`pd4ml doctor` says what is broken, whatever it is, and no names."""

from __future__ import annotations

import getpass
import json
import os
import platform
import shutil
import sys
import tempfile
import threading
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import filelock
import pytest
import requests
from typer.testing import CliRunner

from pd4ml import doctor, machine
from pd4ml.cli import app
from pd4ml.dataset import Dataset
from pd4ml.doctor import diagnose, render

SECTIONS = ["versions", "extras", "machine", "network", "folders", "output", "environment"]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PD4ML_OFFLINE", "1")


def broken(*args: object, **options: object) -> NoReturn:
    raise RuntimeError("nothing works\nhere")


def test_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("SECRET_TOKEN", "hidden")
    result = CliRunner().invoke(app, ["doctor", "--json", "--path", str(tmp_path / "none" / "yet")])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert list(found) == SECTIONS
    assert found["versions"]["pd4ml"].startswith(metadata.version("pd4ml-physics"))
    assert platform.python_version() in found["versions"]["Python"]
    assert f"numpy {metadata.version('numpy')}" in found["versions"]["base"]
    assert found["extras"]["parquet"] == f"pyarrow {metadata.version('pyarrow')}"
    assert found["machine"]["cores"].startswith(f"{machine.cores()} for this process, ")
    assert found["network"] == {"offline": "PD4ML_OFFLINE forbids the network"}
    assert "(not there yet), writable, locks work, " in found["folders"]["datasets"]
    assert not (tmp_path / "none").exists()
    assert "__pycache__" in found["folders"]["Numba's cache"] or "NUMBA_CACHE_DIR" in os.environ
    assert found["environment"]["OMP_NUM_THREADS"] == "3"
    assert "SECRET_TOKEN" not in found["environment"]
    text = CliRunner().invoke(app, ["doctor", "--path", str(tmp_path)]).stdout
    assert max(len(line) for line in text.splitlines() if " " in line.strip()) <= 80


def test_names_of_user_machine_and_home_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home" / "oskar"
    (home / "work").mkdir(parents=True)
    (tmp_path / "scratch" / "oskar").mkdir(parents=True)
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(getpass, "getuser", lambda: "oskar")
    monkeypatch.setattr(platform, "node", lambda: "tux07.example.org")
    monkeypatch.setenv("NUMBA_CACHE_DIR", f"{home}/cache")
    monkeypatch.setenv("OMP_PLACES", "tux07.example.org, tux07:4")
    monkeypatch.setenv("PD4ML_ELSEWHERE", f"/data{home}")
    monkeypatch.chdir(home / "work")
    found = diagnose(tmp_path / "scratch" / "oskar")
    assert found["folders"]["working"].startswith("~/work, ")
    assert found["folders"]["datasets"].startswith(f"{tmp_path}/scratch/USER, ")
    assert found["environment"]["NUMBA_CACHE_DIR"] == "~/cache"
    assert found["environment"]["PD4ML_ELSEWHERE"] == f"/data{home.parent}/USER"
    assert found["environment"]["OMP_PLACES"] == "HOST, HOST:4"
    assert not [word for word in ("oskar", "tux07") if word in json.dumps(found)]


def test_what_is_missing_is_said_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    there = metadata.version

    def version(name: str) -> str:
        if name == "pyarrow":
            raise metadata.PackageNotFoundError(name)
        return there(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setitem(sys.modules, "torch", None)
    found = diagnose()
    assert found["extras"]["parquet"] == "missing pyarrow: pip install 'pd4ml-physics[parquet]'"
    assert found["machine"]["GPU"] == "PyTorch is not installed"


def refuse_locks(*args: object, **options: object) -> NoReturn:
    raise OSError(37, "No locks available")


@pytest.mark.parametrize(
    ("owner", "name", "breakage", "section", "said"),
    [
        (machine, "cores", broken, "machine", "fails: RuntimeError: nothing works here"),
        (machine, "memory_bytes", lambda: None, "machine", "unknown"),
        (doctor, "requirements", broken, "extras", "fails: RuntimeError: nothing works here"),
        (doctor, "code_state", broken, "versions", "fails: RuntimeError"),
        (os, "getcwd", broken, "folders", "fails: RuntimeError"),
        (Path, "home", broken, "folders", "fails: RuntimeError"),
        (shutil, "disk_usage", broken, "folders", "locks work, fails: RuntimeError"),
        (filelock.FileLock, "acquire", refuse_locks, "folders", "writable, locks fail (No locks available)"),
        (tempfile, "TemporaryDirectory", refuse_locks, "folders", "not writable (No locks available)"),
        (tempfile, "gettempdir", refuse_locks, "folders", "fails: OSError: [Errno 37] No locks available"),
        (sys, "stdout", None, "output", "fails: AttributeError"),
        (Dataset, "datasets_register", None, "network", "fails: TypeError"),
    ],
)
def test_whatever_is_broken_is_said(
    owner: Any, name: str, breakage: Any, section: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PD4ML_OFFLINE")
    monkeypatch.setattr(requests, "head", broken)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, breakage)
        found = diagnose(Path("/"))
    assert list(found) == SECTIONS
    assert [text for text in found[section].values() if said in text], found[section]
    assert render(found).isascii()


def test_hosts_are_asked_at_once_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never answers does not keep the others, nor the command."""
    forever = threading.Event()

    def head(url: str, timeout: float, auth: Any) -> requests.Response:
        assert "Authorization" not in auth(requests.Request("HEAD", url).prepare()).headers  # of ~/.netrc neither
        if "zenodo" in url:
            forever.wait(30)
        raise requests.ConnectionError("HTTPSConnection(host='x', port=443): Failed to resolve 'x'")

    monkeypatch.delenv("PD4ML_OFFLINE")
    monkeypatch.setattr(requests, "head", head)
    monkeypatch.setattr(doctor, "NETWORK_SECONDS", 0.3)
    monkeypatch.setenv("HTTPS_PROXY", "http://oskar:secret@proxy.example.org:3128")
    found = diagnose()["network"]
    forever.set()
    assert found["zenodo.org"] == "no answer within 0.3 s"
    assert set(found.values()) - {found["zenodo.org"], found["proxies"]} == {"fails: Failed to resolve 'x'"}
    assert "https" in found["proxies"]
    assert "secret" not in json.dumps(found)
