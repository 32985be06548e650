"""The blind comparison: its page in a browser, the model of its votes, and what they add."""

from __future__ import annotations

import base64
import csv
import json
import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from nst import sources
from nst.compare.blind.preferences import strengths
from nst.compare.blind.votes import picture_id
from nst.compare.cli import main
from nst.compare.comparison import gather
from nst.compare.correlation import correlation, ranks, spearman
from nst.compare.load import read
from nst.config.composition import compose
from nst.metrics.table import QUESTIONS
from nst.runs.folder import RunFolder

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
MEASURED = [  # content distance, style distance, structure
    (0.1, 0.9, 0.8),
    (0.3, 0.4, 0.9),
    (0.6, 0.2, 0.4),
]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three completed runs of the shipped images that differ in alpha."""
    for index, (content, style, structure) in enumerate(MEASURED):
        folder = tmp_path / "sweep" / f"{index}_alpha={index + 1}"
        folder.mkdir(parents=True)
        run = RunFolder(folder)
        config = compose(["network=bundled", "optimizer=adam", f"alpha={index + 1}"])
        config = sources.resolved(config, sources.gather(config))  # with the hashes of both
        run.write("config.yaml", OmegaConf.to_yaml(config, resolve=True).encode())
        distances = {"content_distance": content, "style_distance": style}
        run.write_json("metrics.json", distances | {"structure": structure})
        values = np.full((48, 64, 3), 60 * (index + 1), np.uint8)
        Image.fromarray(values).save(folder / "result.png")
        run.write_status("completed", reason="all steps done")
    return tmp_path / "sweep"


def blind(sweep: Path) -> str:
    assert main([str(sweep), "--blind"]) == 0
    return (sweep / "comparison" / "blind.html").read_text("utf-8")


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    return dict(json.loads(found[1]))


def votes_file(sweep: Path, winner: int, times: int = 3) -> Path:
    """Votes in which one run beats both others in every question, and the others are equal."""
    ids = [picture["image"] for picture in data_of(blind(sweep))["pictures"].values()]
    assert len(set(ids)) == 3
    runs = gather([sweep]).runs
    names = [picture_id(run) for run in runs]
    votes = []
    for question in QUESTIONS:
        for other in (names[:winner] + names[winner + 1 :]) * times:
            votes.append({"question": question, "left": other, "right": names[winner]})
            votes[-1]["answer"] = "right"
        left, right = names[:winner] + names[winner + 1 :]
        votes.append({"question": question, "left": left, "right": right, "answer": "equal"})
    path = sweep.parent / "votes.json"
    path.write_text(json.dumps({"format": "nst votes 1", "votes": votes}))
    return path


def test_the_page_says_nothing_of_settings_and_needs_no_network(sweep: Path) -> None:
    page = blind(sweep)
    assert not re.search(r"alpha|beta|adam|sweep|https?://|structure", page)
    data = data_of(page)
    assert len(data["pictures"]) == 3
    assert len(data["pairs"]) == 3
    assert len(data["sources"]) == 2
    assert not (sweep / "comparison" / "report.html").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser")
def test_keys_answer_and_the_saved_file_holds_the_answers(sweep: Path, tmp_path: Path) -> None:
    page = blind(sweep)
    press = "".join(
        f'document.dispatchEvent(new KeyboardEvent("keydown", {{ key: "{key}" }}));'
        for key in ("ArrowLeft", "ArrowRight", "Backspace", "=", "ArrowRight", "ArrowRight")
    )
    script = f"{press} const held = document.createElement('pre'); held.id = 'held';"
    script += "held.textContent = btoa(results()); document.body.append(held);"
    driven = page[: page.rindex("</script>")] + script + page[page.rindex("</script>") :]
    (tmp_path / "driven.html").write_text(driven)
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "driven.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    held = re.search(r'<pre id="held">(.*?)</pre>', dom)
    assert held, dom[:500]
    votes = json.loads(base64.b64decode(held[1]))["votes"]
    assert [vote["answer"] for vote in votes] == ["left", "equal", "right", "right"]
    assert [vote["question"] for vote in votes] == [*QUESTIONS, "style"]
    assert {votes[0]["left"], votes[0]["right"]} < set(data_of(page)["pictures"])
    assert votes[0]["left"] == votes[2]["left"]
    assert "4 of 9 answers" in dom


def test_two_items_differ_by_the_logarithm_of_their_wins() -> None:
    three_of_four = [(0, 1, 1.0)] * 3 + [(1, 0, 1.0)]
    first, second = strengths(three_of_four, 2, draws=0)
    assert first.score - second.score == pytest.approx(math.log(3))
    # Information 4 · ¾ · ¼ on the difference, of which each has a half: variance 1 / 3.
    assert first.margin == pytest.approx(1.96 * math.sqrt(1 / 3))
    assert first.count == second.count == 4


def test_draws_leave_items_equal_and_order_of_the_sides_does_not_matter() -> None:
    assert [s.score for s in strengths([(0, 1, 0.5)], 2)] == pytest.approx([0, 0])
    one = strengths([(0, 1, 1.0), (1, 2, 1.0)], 3)
    other = strengths([(1, 0, 0.0), (2, 1, 0.0)], 3)
    assert [s.score for s in one] == pytest.approx([s.score for s in other])
    assert one[0].score > one[1].score > one[2].score
    assert one[1].score == pytest.approx(0)


def test_the_undefeated_have_finite_scores_and_more_votes_narrow_the_interval() -> None:
    few, many = (strengths([(0, 1, 1.0), (1, 0, 0.5)] * n, 2)[0] for n in (3, 300))
    assert 0 < few.score < many.score < 20
    assert many.margin < few.margin
    assert 0 < strengths([(0, 1, 1.0)] * 500, 2)[0].score < 20
    assert strengths([], 2)[0].score == 0


def test_votes_rank_runs_in_table_and_report(sweep: Path, capsys: pytest.CaptureFixture) -> None:
    votes = votes_file(sweep, winner=1)
    capsys.readouterr()
    assert main([str(sweep), "--votes", str(votes), "--by", "votes_hang"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "_alpha=" in line]
    assert "1_alpha=2" in lines[0]
    report = (sweep / "comparison" / "report.html").read_text("utf-8")
    assert "Votes of a blind comparison" in report
    assert "Ranked by votes: to hang (higher is better)" in report
    rows = list(csv.DictReader((sweep / "comparison" / "runs.csv").read_text("utf-8").splitlines()))
    assert float(rows[1]["votes_style"]) > 0 > float(rows[0]["votes_style"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "does not exist"),
        ("[1, 2", "is not what the page of --blind saves"),
        ('{"votes": [{"question": "taste"}]}', "is not what the page"),
        ('{"votes": 3}', "is not what the page"),
    ],
)
def test_a_file_that_holds_no_votes_is_one_line(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture, text: str | None, says: str
) -> None:
    path = tmp_path / "votes.json"
    if text is not None:
        path.write_text(text)
    assert main([str(sweep), "--votes", str(path)]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_votes_about_other_pictures_are_reported(
    sweep: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    votes = votes_file(sweep, winner=0)
    Image.new("RGB", (64, 48), "red").save(next(sweep.glob("0_*")) / "result.png")
    gathered = gather([sweep], votes=[votes])
    assert "votes are about pictures of other runs" in caplog.text
    assert "votes_style" not in gathered.runs[0].metrics


def test_a_blind_comparison_needs_two_pictures(sweep: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([str(next(sweep.glob("0_*"))), "--blind", "--out", str(sweep / "out")]) == 2
    assert "two completed runs" in capsys.readouterr().err


def test_runs_are_ranked_in_the_direction_of_the_metric(sweep: Path) -> None:
    def order(by: str) -> list[float]:
        return [run.metrics[by] for run in gather([sweep], by).ranked]

    assert order("structure") == [0.9, 0.8, 0.4]
    assert order("style_distance") == [0.2, 0.4, 0.9]


def test_an_unknown_metric_is_one_line_with_the_nearest(
    sweep: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([str(sweep), "--by", "style_distanc"]) == 2
    assert "Did you mean 'style_distance'" in capsys.readouterr().err


def test_ranks_of_equal_values_are_shared() -> None:
    assert ranks([10, 20, 10, 5]) == [2.5, 4, 2.5, 1]


def test_rank_correlation_by_hand() -> None:
    assert spearman([[(1, 10), (2, 200), (3, 3000)]]) == pytest.approx(1)
    # Ranks 1 2 3 against 2 1 3: 1 - 6 · (1 + 1 + 0) / (3 · 8).
    assert spearman([[(1, 5), (2, 4), (3, 6)]]) == pytest.approx(0.5)
    assert spearman([[(1, 5), (2, 5), (3, 5)]]) is None
    assert spearman([]) is None
    # Between groups nothing is compared: both agree within, whatever the offset.
    assert spearman([[(1, 91), (2, 92)], [(101, 1), (102, 2)]]) == pytest.approx(1)


def test_agreement_follows_the_directions(sweep: Path) -> None:
    runs = gather([sweep]).runs
    assert correlation(runs, "content_distance", "style_distance") == pytest.approx(-1)
    assert correlation(runs, "content_distance", "structure") == pytest.approx(0.5)
    assert correlation(runs, "content_distance", "grain") is None
    assert main([str(sweep)]) == 0
    report = (sweep / "comparison" / "report.html").read_text("utf-8")
    assert "Agreement of the metrics" in report
    assert "structure (↑ better)" in report


def test_runs_without_the_newer_metrics_still_compare(sweep: Path) -> None:
    run = next(sweep.glob("0_*"))
    RunFolder(run).write_json("metrics.json", {"content_distance": 0.1, "style_distance": 0.9})
    assert "structure" not in read(run, "run").metrics
    assert [r.name for r in gather([sweep], "structure").ranked][-1].startswith("0_")
    assert main([str(sweep)]) == 0
