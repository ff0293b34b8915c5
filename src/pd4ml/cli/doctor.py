"""Subcommand for reports of bugs: doctor."""

from __future__ import annotations

import json
from pathlib import Path

from pd4ml.cli.app import AsJson, DataPath, app

__all__ = ["doctor"]


@app.command()
def doctor(path: DataPath = Path("datasets"), as_json: AsJson = False) -> None:
    """Say what this installation finds: versions, extras, cores, memory, GPU, network, folders, environment.

    Names of user, machine and home folder are left out, so that it can be pasted into a report of a bug.
    """
    from pd4ml.doctor import diagnose, render

    found = diagnose(path)
    print(json.dumps(found, indent=1) if as_json else render(found))
