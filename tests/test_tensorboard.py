"""The starter of TensorBoard: a real server, asked as the browser asks it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from nst.config.composition import compose
from nst.tensorboard import main, serve
from nst.transfer import transfer

OWN = ("127.0.0.1", "127.0.0.2")  # addresses of this machine that differ
STEPS = 14  # and a picture each: TensorBoard by itself would keep ten
RUNS = {
    "monday/0_alpha=1_optimizer=adam": ("alpha=1", "optimizer=adam"),
    "monday/1_alpha=2_optimizer=lbfgs": ("alpha=2", "optimizer=lbfgs"),
    "tuesday/0_alpha=1_optimizer=adam": ("alpha=1", "optimizer=adam", "seed=1"),
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three runs, and one that a kill cut short."""
    folder = tmp_path_factory.mktemp("board")
    for seed, name in enumerate(("content", "style")):
        values = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / f"{name}.png")
    fixed = [
        f"content.image='{folder / 'content.png'}'",
        f"style.image='{folder / 'style.png'}'",
        *("network=bundled", "size=16", "pyramid=single", f"steps={STEPS}"),
        *("observer=[metrics,tensorboard]", "observer.tensorboard.images_every=1"),
    ]
    for name, overrides in RUNS.items():
        run = folder / "outputs" / name
        run.mkdir(parents=True)
        transfer(compose([*fixed, *overrides]), run)
    cut = shutil.copytree(run, folder / "outputs" / "tuesday" / "1_cut")
    (event,) = cut.glob("events.*")
    event.write_bytes(event.read_bytes()[:-1500])
    return folder / "outputs"


def fingerprint(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass(frozen=True)
class Board:
    """A server at work."""

    address: str

    def ask(self, path: str, **body: Any) -> Any:
        """Gets what a page gets, or posts as a page does."""
        data = json.dumps(body).encode() if body else None
        kind = {"Content-Type": "application/json"}
        with urlopen(Request(f"{self.address}data/{path}", data, kind), timeout=60) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def board(outputs: Path) -> Iterator[Board]:
    """Starts the real command, and ends it with Ctrl-C, after which no run may have changed."""
    before = fingerprint(outputs)
    command = [sys.executable, "-m", "nst.tensorboard", str(outputs), "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    ignoring = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a script
    try:
        server = subprocess.Popen(command, text=True, env=os.environ, **pipes)
    finally:
        signal.signal(signal.SIGINT, ignoring)
    with server:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.fullmatch(rf"TensorBoard shows {outputs} at (http://\S+) .*\n", line)
        assert found, line
        try:
            shown = Board(found[1])
            while len(shown.ask("runs")) < len(RUNS) + 1:
                pass  # it reads the files in the background
            yield shown
        finally:
            server.send_signal(signal.SIGINT)
            _, errors = server.communicate(timeout=60)
    assert server.returncode == 0
    assert errors == "", "nothing but the address on the terminal"
    assert fingerprint(outputs) == before


def settled(board: Board) -> list[dict[str, Any]]:
    """Waits until every row of the table has its metrics, and returns the rows."""
    columns = {"colParams": [{"hparam": "alpha", "includeInResult": True}, METRIC]}
    paging = {"startIndex": 0, "sliceSize": 100, "allowedStatuses": ["STATUS_UNKNOWN"]}
    while True:
        answer = board.ask("plugin/hparams/session_groups", **columns, **paging)
        rows = [row for row in answer["sessionGroups"] if "1_cut" not in row["name"]]
        if len(rows) == len(RUNS) and all(row["metricValues"] for row in rows):
            return rows


METRIC = {"metric": {"tag": "final/content_distance", "group": ""}, "order": "ORDER_ASC"}


def test_runs_are_named_by_what_differs(board: Board) -> None:
    assert set(board.ask("runs")) == {*RUNS, "tuesday/1_cut"}


def test_a_text_says_what_every_kind_of_curve_is(board: Board) -> None:
    settled(board)
    texts = board.ask("plugin/text/tags")
    run = next(iter(RUNS))
    assert sorted(texts[run]) == ["about", "config"]
    (event,) = board.ask(f"plugin/text/text?tag=about&run={quote(run)}")
    assert "<table>" in event["text"]
    tags = board.ask("plugin/scalars/tags")[run]
    kinds = {re.sub("_(content|style|tv)$", "_TERM", tag.split("/")[0]) for tag in tags}
    assert [kind for kind in kinds if f"<code>{kind}/" not in event["text"]] == []


def test_every_picture_is_shown(board: Board) -> None:
    settled(board)
    for run in RUNS:
        shown = board.ask(f"plugin/images/images?tag=result&sample=0&run={quote(run)}")
        assert [picture["step"] for picture in shown] == list(range(STEPS + 1))


def test_raw_losses_of_all_runs_stand_side_by_side(board: Board) -> None:
    settled(board)
    (category,) = board.ask("plugin/custom_scalars/layout")["category"]
    assert [chart["title"].split(",")[0] for chart in category["chart"]] == [
        "content",
        "style",
        "tv",
    ]
    for chart, term in zip(category["chart"], ("content", "style", "tv"), strict=True):
        (pattern,) = chart["multiline"]["tag"]
        for run in RUNS:
            path = f"plugin/custom_scalars/scalars?tag={quote(pattern)}&run={quote(run)}"
            curves = board.ask(path)["tag_to_events"]
            assert list(curves) == [f"loss_raw/{term}"]
            assert len(curves[f"loss_raw/{term}"]) == STEPS + 1


def test_swept_settings_and_final_metrics_open_the_table(board: Board) -> None:
    settled(board)
    experiment = board.ask("plugin/hparams/experiment", experimentName="")
    differing = [info for info in experiment["hparamInfos"] if info["differs"]]
    assert {info["name"]: info["type"] for info in differing} == {
        "alpha": "DATA_TYPE_FLOAT64",
        "optimizer": "DATA_TYPE_STRING",
        "seed": "DATA_TYPE_FLOAT64",
    }
    assert experiment["hparamInfos"][: len(differing)] == differing, "they come first"
    metrics = [info["name"]["tag"] for info in experiment["metricInfos"]]
    shown = ("content_distance", "evaluations", "seconds", "steps", "style_distance")
    assert metrics[:5] == [f"final/{name}" for name in shown], "which the page opens with"


def test_the_table_has_a_row_a_run_and_sorts(board: Board, outputs: Path) -> None:
    rows = settled(board)
    values = [row["metricValues"][0]["value"] for row in rows]
    assert values == sorted(values)
    assert len({row["name"] for row in rows}) == len(RUNS), "two runs of one name are two rows"
    for row in rows:
        name, _, parent = row["name"].partition(" in ")
        alpha = 2.0 if name.startswith("1") else 1.0
        assert row["hparams"]["alpha"] == alpha
        metrics = json.loads((Path(parent) / name / "metrics.json").read_text("utf-8"))
        assert row["metricValues"][0]["value"] == pytest.approx(metrics["content_distance"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["outpust"], "outpust does not exist. Did you mean 'outputs'?"),
        (["empty"], "empty holds no run that TensorBoard can show"),
        (
            ["piped"],
            "piped/events.out.tfevents.1 is a pipe, which would be read for ever",
        ),
        (["file.txt"], "file.txt is a file"),
        (["outputs", "--port", "70000"], "--port=70000: a port is a number from 1 to 65535"),
        (["outputs", "--port", "x"], "argument --port: invalid int value: 'x'"),
        (
            ["outputs", "--host", "x", "--bind_all"],
            "argument --bind_all: not allowed with argument",
        ),
        (["outputs", "--host", "no.such.host.invalid"], "--host=no.such.host.invalid: N"),
        (["outputs", "--host", ""], "--host is empty: name an address"),
        ([""], "argument FOLDER: the path is empty; . is the current folder"),
        (["outputs", "--prot", "1"], "unrecognized arguments: --prot 1"),
    ],
)
def test_wrong_input_ends_in_one_line(
    arguments: list[str], words: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "empty").mkdir()
    (tmp_path / "piped").mkdir()
    os.mkfifo(tmp_path / "piped" / "events.out.tfevents.1")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "events.out.tfevents.0").write_bytes(b"")
    (tmp_path / "file.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"nst: {words}")
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_link_out_of_the_folder_is_named_and_no_file_shown_that_a_folder_names(
    outputs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "inside").symlink_to(folder)
    (folder / "outside").symlink_to(outputs)
    (folder / "events.out.tfevents.0").touch()
    (folder / "projector_config.pbtxt").write_text('embeddings {metadata_path: "/etc/passwd"}')
    address = serve(folder, 0)
    assert str(folder / "outside") in caplog.text
    assert str(folder / "inside") not in caplog.text
    assert "projector" not in Board(address).ask("plugins_listing")


def test_a_taken_port_is_named(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main([str(outputs), "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"nst: --port={port}: ")
    assert "already in use" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("asked", "reached"),
    [({}, ("127.0.0.1",)), ({"host": "127.0.0.2"}, ("127.0.0.2",)), ({"bind_all": True}, OWN)],
)
def test_it_serves_where_it_is_asked_to(
    asked: dict[str, Any], reached: tuple[str, ...], outputs: Path
) -> None:
    address = serve(outputs, 0, **asked)
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    assert tuple(name for name in OWN if reachable(name, port)) == reached


def reachable(name: str, port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((name, port)) == 0
