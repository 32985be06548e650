"""The harness that disturbs runs, a short version of it: nothing is lost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 900  # s, on a machine that is busy with other things


@pytest.mark.parametrize("kind", ["kills", "disks", "fuzz"])
def test_nothing_is_lost(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "torture.py", kind, "--minutes=0.7", "--count=40"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^(\w.*?) +(\d+) +(\d+)$", done.stdout, re.MULTILINE)
    assert len(rows) >= 2
    assert {lost for *_, lost in rows} == {"0"}
    assert sum(int(tried) for _, tried, _ in rows) > 0


def test_a_loss_is_shown_and_is_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import torture
    from faults.field import Field, Tally

    def losing(field: Field) -> Tally:
        tally = Tally("a way")
        for _ in field.rounds():
            tally.tried += 1
            tally.expect((field.here / "result.png").exists(), "no picture")
        return tally

    monkeypatch.setattr(torture, "KINDS", {"way": (losing,)})
    assert torture.main(["--count=3", "--minutes=1"]) == 1
    first, *losses = capsys.readouterr().out.splitlines()
    assert first.split() == ["a", "way", "3", "3"]
    assert losses == [f"  a way {n}: no picture" for n in (1, 2, 3)]
