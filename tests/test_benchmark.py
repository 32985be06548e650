"""The benchmark's command, and what its rows rely on."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import nst

SOURCE = Path(nst.__file__).parent
SCRIPTS = SOURCE.parent / "scripts"


def test_the_command_measures_the_rows_that_are_asked_for(tmp_path) -> None:
    command = [sys.executable, SCRIPTS / "benchmark.py", "--only=help", "--rounds=1"]
    table = tmp_path / "figures.json"
    done = subprocess.run([*command, f"--json={table}"], capture_output=True, text=True, check=True)
    (row,) = json.loads(table.read_text("utf-8"))
    assert row["section"] == "help"
    assert 0 < row["value"] < 60
    assert done.stdout.startswith("help      python -m nst.run --help")


def test_every_part_of_a_profile_is_a_function_that_exists(monkeypatch) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)
    from benchmarks import where

    ours = [place for places in where.PARTS.values() for place in places if "/" in place[0]]
    assert len(ours) > 10
    for file, function in ours:
        tree = ast.parse((SOURCE / file.removeprefix("nst/")).read_text("utf-8"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in defined, file
