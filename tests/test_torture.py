"""The harness that disturbs runs, a short version of it: nothing is lost."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

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


def test_a_run_that_completes_before_the_kill_is_not_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from faults import kills
    from faults.field import Command, Ended, Field

    class Quick(Command):
        def send(self, number: int) -> None:
            pass

        def wait(self) -> Ended:
            return Ended(0, "")

    class QuickField(Field):
        def begin(self, *arguments: str, **_: object) -> Command:
            folder = self.here / arguments[-1].removeprefix("hydra.run.dir=")
            folder.mkdir()
            (folder / "status.json").write_text('{"status": "completed"}')
            Image.new("RGB", (16, 16)).save(folder / "result.png")
            return Quick(0, 0)

    tally = kills.single_runs(QuickField(tmp_path, random.Random(0), float("inf"), 20))
    assert tally.tried == 20
