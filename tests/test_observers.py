"""What a run records: the event file read back, metrics.jsonl, and observers that fail."""

from __future__ import annotations

import io
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf
from PIL import Image, ImageSequence
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from nst import images
from nst.config.composition import compose
from nst.config.settings import hparams
from nst.config.validation import check
from nst.errors import InputError
from nst.observers import MLflow, Observer, RunContext, TensorBoard
from nst.runs.folder import RunFolder
from nst.scales import Scale

STEPS, EVERY, GRADIENT_EVERY = 7, 3, 2
PICTURES = [0, 3, 6, 7]  # every third step, and the result
FIELDS = ["step", "scale", "evaluations", "seconds", "total"]
FIELDS += ["raw", "weighted", "layers", "gradient"]


@dataclass(frozen=True)
class Recorded:
    """A run that came to its end, read back."""

    folder: Path
    config: DictConfig
    lines: list[dict[str, Any]]
    events: EventAccumulator
    metrics: Mapping[str, Any]

    def scalars(self, tag: str) -> dict[int, float]:
        """Value by step."""
        return {e.step: float(make_ndarray(e.tensor_proto)) for e in self.events.Tensors(tag)}

    def pictures(self, tag: str) -> dict[int, np.ndarray]:
        """Picture `[H, W, 3]` by step, 0 to 255."""
        files = {e.step: make_ndarray(e.tensor_proto)[2] for e in self.events.Tensors(tag)}
        return {step: np.asarray(Image.open(io.BytesIO(file))) for step, file in files.items()}


class FailsAtStart(Observer):
    def start(self, run: Any) -> None:
        raise RuntimeError("no start")


class FailsAtStep(Observer):
    seen = 0

    def step(self, record: Any) -> None:
        FailsAtStep.seen += 1
        raise KeyError("no step")


class FailsAtFinish(Observer):
    def finish(self, metrics: Any) -> None:
        raise OSError("no finish")


def record(folder: Path, *overrides: str) -> None:
    """Runs a style transfer of 24x32 pixels into a folder."""
    from nst.transfer import transfer

    folder.mkdir(exist_ok=True)
    for seed, (name, shape) in enumerate({"content": (24, 32), "style": (40, 20)}.items()):
        values = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder.parent / f"{name}.png")
    config = compose(
        [
            f"content.image='{folder.parent / 'content.png'}'",
            f"style.image='{folder.parent / 'style.png'}'",
            *("network=bundled", "optimizer=adam", f"steps={STEPS}"),
            *("size=32", "pyramid=sqrt2", "pyramid.min_size=16"),
            f"runtime.gradient_every={GRADIENT_EVERY}",
            *overrides,
        ]
    )
    check(config)
    transfer(config, folder)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("observers") / "run_of_a_test"
    cadence = [
        f"observer.{key}={EVERY}"
        for key in ("snapshots.every", "checkpoints.every", "tensorboard.images_every")
    ]
    record(folder, *cadence)
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})  # 0: keep all of them
    events.Reload()
    run = RunFolder(folder)
    return Recorded(folder, run.config(), run.history(), events, run.metrics)


# --- metrics.jsonl ----------------------------------------------------------------------------


def test_a_line_for_every_step_with_the_fields_of_the_design(recorded: Recorded) -> None:
    assert [line["step"] for line in recorded.lines] == list(range(STEPS + 1))
    terms = {"content", "style", "tv"}
    for line in recorded.lines:
        assert list(line) == FIELDS
        assert set(line["raw"]) == set(line["weighted"]) == terms
        assert set(line["gradient"]) in ({"total"}, {"total", *terms})
        assert all(isinstance(value, float) and value >= 0 for value in line["raw"].values())
    seconds = [line["seconds"] for line in recorded.lines]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


def test_parts_add_up_to_terms_and_terms_to_the_total(recorded: Recorded) -> None:
    loss = recorded.config.loss
    assert loss.content.weight == recorded.config.alpha
    assert loss.style.weight == recorded.config.beta
    for line in recorded.lines:
        for term, node in loss.items():
            layers, weights = node.get("layers") or ["image"], node.get("layer_weights") or [1.0]
            parts = zip(layers, weights, strict=True)
            value = sum(weight * line["layers"][f"{term}/{layer}"] for layer, weight in parts)
            assert line["raw"][term] == pytest.approx(value, rel=1e-5)
            assert line["weighted"][term] == pytest.approx(
                node.weight * line["raw"][term], rel=1e-9
            )
        assert line["total"] == pytest.approx(sum(line["weighted"].values()), rel=1e-5)
        assert len(line["layers"]) == len(loss.content.layers) + len(loss.style.layers) + 1


def test_step_0_is_the_initial_image_before_any_update(recorded: Recorded) -> None:
    first, second = recorded.lines[:2]
    assert first["evaluations"] == 1
    assert first["raw"]["content"] == 0.0 < second["raw"]["content"]  # it starts from the content
    content = images.load(recorded.folder.parent / "content.png").rgb
    snapshot = np.asarray(Image.open(recorded.folder / "snapshots" / "000000.png"))
    expected = images.resize(content, snapshot.shape[:2])
    assert np.array_equal(snapshot, images.to_pil(expected))


def test_scales_run_from_coarse_to_fine(recorded: Recorded) -> None:
    scales = [line["scale"] for line in recorded.lines]
    assert scales == sorted(scales)
    assert set(scales) == {0, 1, 2}
    evaluations = [line["evaluations"] for line in recorded.lines]
    assert evaluations == [1, 2, 3, 4, 5, 6, 7, 7]  # one a step; the result's costs no step


def test_gradients_of_the_terms_are_measured_at_their_cadence(recorded: Recorded) -> None:
    for line in recorded.lines:
        expected = line["step"] % GRADIENT_EVERY == 0
        assert ("style" in line["gradient"]) == expected, line["step"]
        assert line["gradient"]["total"] > 0
    measured = recorded.lines[0]["gradient"]
    assert measured["content"] == 0.0 < measured["tv"] < measured["style"]


# --- the event file ---------------------------------------------------------------------------


def test_the_run_folder_is_the_tensorboard_run_with_one_event_file(recorded: Recorded) -> None:
    assert len(list(recorded.folder.glob("events.out.tfevents.*"))) == 1


def test_every_curve_is_in_the_event_file(recorded: Recorded) -> None:
    for line in recorded.lines:
        curves = {"loss/total": line["total"], "time/evaluations": line["evaluations"]}
        curves |= {f"loss_raw/{term}": value for term, value in line["raw"].items()}
        curves |= {f"loss_weighted/{term}": value for term, value in line["weighted"].items()}
        curves |= {f"layer_{part}": value for part, value in line["layers"].items()}
        curves |= {f"gradient/{term}": value for term, value in line["gradient"].items()}
        for tag, value in curves.items():
            assert recorded.scalars(tag)[line["step"]] == pytest.approx(value, rel=1e-6), tag


def test_step_times_are_those_of_the_clock(recorded: Recorded) -> None:
    times, lines = recorded.scalars("time/step_seconds"), recorded.lines
    assert list(times) == list(range(1, STEPS + 1))  # none before a step is made
    for step, seconds in times.items():
        expected = lines[step]["seconds"] - lines[step - 1]["seconds"]
        assert seconds == pytest.approx(expected, abs=2e-3)  # lines are rounded to milliseconds


def test_the_picture_is_shown_on_its_way(recorded: Recorded) -> None:
    shown = recorded.pictures("result")
    assert list(shown) == PICTURES
    widths = (16, 23, 32)  # of the scales
    for step in PICTURES:
        assert shown[step].shape[1] == widths[recorded.lines[step]["scale"]]
    result = np.asarray(Image.open(recorded.folder / "result.png")).astype(int)
    assert np.abs(shown[STEPS] - result).max() <= 1


@pytest.mark.parametrize("name", ["content", "style"])
def test_content_and_style_are_shown_once_at_the_size_of_the_run(
    name: str, recorded: Recorded
) -> None:
    shown = recorded.pictures(f"source/{name}")
    assert list(shown) == [0]
    source = images.load(recorded.folder.parent / f"{name}.png").rgb
    size = {"content": (24, 32), "style": (32, 16)}[name]  # no larger than the result
    expected = np.asarray(images.to_pil(images.resize(source, size))).astype(int)
    assert np.abs(shown[0] - expected).max() <= 1


def test_the_resolved_configuration_is_shown_as_text(recorded: Recorded) -> None:
    (event,) = recorded.events.Tensors("config")
    text = make_ndarray(event.tensor_proto).item().decode()
    assert text == f"```yaml\n{(recorded.folder / 'config.yaml').read_text('utf-8')}\n```"
    assert recorded.events.SummaryMetadata("config").plugin_data.plugin_name == "text"


def test_hparams_are_typed_and_complete(recorded: Recorded) -> None:
    content = recorded.events.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    info = HParamsPluginData.FromString(content).session_start_info
    kinds = {bool: "bool_value", int: "number_value", float: "number_value", str: "string_value"}
    expected = hparams(recorded.config)
    assert set(info.hparams) == set(expected)
    for name, value in expected.items():
        kind = info.hparams[name].WhichOneof("kind")
        assert kind == kinds[type(value)], name
        assert getattr(info.hparams[name], kind) == value
    name = f"{recorded.folder.name} in {recorded.folder.parent}"
    assert info.group_name == name  # or runs of equal handles, or of equal names, fall into one row


def test_final_metrics_are_curves_of_one_point(recorded: Recorded) -> None:
    for name in ("content_distance", "style_distance", "seconds", "evaluations", "steps"):
        value = recorded.metrics[name]
        assert recorded.scalars(f"final/{name}") == {STEPS: pytest.approx(value, rel=1e-6)}


def test_every_style_and_map_is_shown_at_the_size_of_the_run(
    tmp_path: Path,
) -> None:
    styles = [np.full((16, 20, 3), 0.2, np.float32), np.full((24, 16, 3), 0.8, np.float32)]
    context = RunContext(
        folder=RunFolder(tmp_path),
        config="alpha: 1",
        hparams={},
        content=styles[0],
        styles=styles,
        maps={"content_regions": np.ones((64, 80, 3), np.float32)},
        scales=[Scale(16, 20, 1)],
        first_step=0,
        state=dict,
        encode=images.encode_png,
    )
    observer = TensorBoard(scalars_every=1, images_every=1)
    observer.start(context)
    observer.finish({})
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    tags = [tag for tag in events.Tags()["tensors"] if tag.startswith("source/")]
    names = ("content", "content_regions", "style_1", "style_2")
    assert sorted(tags) == [f"source/{name}" for name in names]
    width, height, _ = events.Tensors("source/content_regions")[0].tensor_proto.string_val
    assert (width, height) == (b"20", b"16")


# --- plain files ------------------------------------------------------------------------------


def test_snapshots_are_pictures_that_carry_their_configuration(recorded: Recorded) -> None:
    files = sorted((recorded.folder / "snapshots").iterdir())
    assert [file.name for file in files] == [f"{step:06d}.png" for step in PICTURES]
    for file in files:
        assert images.read_text(file)["config"] == OmegaConf.to_yaml(recorded.config)
    assert np.array_equal(Image.open(files[-1]), Image.open(recorded.folder / "result.png"))


def test_the_checkpoint_is_that_of_the_last_multiple(recorded: Recorded) -> None:
    state = RunFolder(recorded.folder).load_checkpoint()
    assert state is not None
    assert int(state["step"]) == 6
    assert float(state["seconds"]) > 0
    assert {file.name for file in (recorded.folder / "checkpoints").iterdir()} == {"latest.npz"}


def test_slow_steps_are_saved_by_time(tmp_path: Path) -> None:
    """At 8,000 px the 25 steps between checkpoints take a quarter of an hour."""
    record(tmp_path / "run", "observer.checkpoints.every=1000", "observer.checkpoints.seconds=1e-6")
    state = RunFolder(tmp_path / "run").load_checkpoint()
    assert state is not None
    assert int(state["step"]) == STEPS


def test_metrics_json_tells_the_end(recorded: Recorded) -> None:
    metrics, last = recorded.metrics, recorded.lines[-1]
    for key in ("total", "raw", "weighted", "evaluations"):
        assert metrics[key] == last[key]
    assert metrics["steps"] == STEPS
    assert metrics["peak_memory_bytes"] > 50e6
    assert metrics["content_distance"] > 0
    assert metrics["style_distance"] > 0


def test_without_observers_no_more_than_the_end_is_kept(tmp_path: Path) -> None:
    record(tmp_path / "run", "observer=[]", "pyramid=single", "size=16", "steps=2")
    kept = {"config.yaml", "environment.json", "metrics.json", "result.png", "status.json"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == kept


def test_a_coarser_cadence_thins_the_lines_but_keeps_the_end(tmp_path: Path) -> None:
    every = ("observer.metrics.every=2", "observer.tensorboard.scalars_every=2")
    choice = "observer=[metrics,tensorboard]"
    record(tmp_path / "run", choice, *every, "pyramid=single", "size=16", "steps=5")
    assert [line["step"] for line in RunFolder(tmp_path / "run").history()] == [0, 2, 4, 5]
    events = EventAccumulator(str(tmp_path / "run"), size_guidance={"tensors": 0})
    events.Reload()
    assert [event.step for event in events.Tensors("loss/total")] == [0, 2, 4, 5]


# --- observers that fail ----------------------------------------------------------------------


def test_a_failing_observer_is_left_out_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failing = [FailsAtStart, FailsAtStep, FailsAtFinish]
    FailsAtStep.seen = 0
    names = [kind.__name__ for kind in failing]
    (tmp_path / "observer").mkdir()
    for name in names:
        target = f"# @package observer\n{name}:\n  _target_: {__name__}.{name}\n"
        (tmp_path / "observer" / f"{name}.yaml").write_text(target)
    own = [f"hydra.searchpath=['file://{tmp_path}']", f"observer=[{','.join(names)},metrics]"]
    with caplog.at_level(logging.ERROR):
        record(tmp_path / "run", *own, "pyramid=single", "steps=3")

    run = RunFolder(tmp_path / "run")
    assert FailsAtStep.seen == 1, "an observer that failed was asked again"
    assert run.status["status"] == "completed"
    assert run.status["observers"] == [
        "observer FailsAtStart failed in start: RuntimeError: no start",
        "observer FailsAtStep failed in step: KeyError: 'no step'",
        "observer FailsAtFinish failed in finish: OSError: no finish",
    ]
    assert len(run.history()) == 4, "the other observers go on"
    assert Image.open(run.path / "result.png").size == (32, 24)
    logged = {str(entry.exc_info[1]) for entry in caplog.records if entry.exc_info}
    assert logged == {"no start", "'no step'", "no finish"}


def test_the_status_is_json_that_any_parser_reads(recorded: Recorded) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    for name in ("status.json", "metrics.json", "environment.json"):
        json.loads((recorded.folder / name).read_text("utf-8"), parse_constant=refuse)


# --- the time-lapse ---------------------------------------------------------------------------


def test_the_time_lapse_has_evenly_spaced_frames_and_ends_with_the_result(tmp_path: Path) -> None:
    chosen = ["observer=+timelapse", "observer.timelapse.frames=4", "observer.snapshots.every=1"]
    record(tmp_path / "run", *chosen, "pyramid.min_size=20")
    folder = tmp_path / "run"
    assert len(list(folder.glob("snapshots/*.png"))) == STEPS + 1
    result = np.asarray(Image.open(folder / "result.png").convert("L"), float)
    for kind in ("webp", "gif"):
        with Image.open(folder / f"timelapse.{kind}") as film:
            frames = [frame.copy() for frame in ImageSequence.Iterator(film)]
        assert len(frames) in (3, 4), "encoders join frames that look alike"
        total = sum(frame.info["duration"] for frame in frames)  # ms
        assert total == pytest.approx(5000 * 4 / 3, rel=0.01)
        last = np.asarray(frames[-1].convert("L"), float)  # WebP and MP4 halve the colours of noise
        assert last.shape == (24, 32)
        assert np.abs(last - result).mean() < 12, kind
    video = shutil.which("ffmpeg") is not None
    assert (folder / "timelapse.mp4").is_file() is video
    log = RunFolder(folder).status["observers"]
    assert log == []


def test_a_time_lapse_writes_its_own_frames_and_says_where_ffmpeg_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nst.observers.timelapse.shutil.which", lambda name: None)
    record(tmp_path / "run", "observer=[timelapse]", "observer.timelapse.frames=3")
    names = sorted(path.stem for path in (tmp_path / "run" / "snapshots").iterdir())
    assert names == ["000000", "000003", "000006", "000007"]
    assert "timelapse.mp4 is not written: ffmpeg is not installed" in caplog.text
    assert not (tmp_path / "run" / "timelapse.mp4").exists()


# --- MLflow -----------------------------------------------------------------------------------


def test_a_run_is_in_mlflow_with_its_settings_curves_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = pytest.importorskip("mlflow.tracking", reason="needs mlflow").MlflowClient
    monkeypatch.chdir(tmp_path)
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    chosen = ["observer=+mlflow", f"observer.mlflow.uri='{store}'", "observer.mlflow.every=3"]
    record(tmp_path / "run", *chosen, "alpha=70")
    run = RunFolder(tmp_path / "run")
    assert run.status["observers"] == []
    stored = client(tracking_uri=store)
    experiment = stored.get_experiment_by_name("nst")
    (found,) = stored.search_runs([experiment.experiment_id])
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert found.data.params["alpha"] == "70.0"
    assert found.data.metrics["style_distance"] == pytest.approx(run.metrics["style_distance"])
    curve = {
        point.step: point.value
        for point in stored.get_metric_history(found.info.run_id, "loss/total")
    }
    assert curve == pytest.approx(
        {line["step"]: line["total"] for line in run.history() if line["step"] in PICTURES}
    )
    names = {file.path for file in stored.list_artifacts(found.info.run_id)}
    assert names == {"result.png", "config.yaml", "metrics.json", "metrics.jsonl"}


def test_jobs_that_find_no_experiment_at_the_same_moment_share_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = pytest.importorskip("mlflow.tracking", reason="needs mlflow").MlflowClient
    monkeypatch.chdir(tmp_path)
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client(tracking_uri=store).create_experiment("nst")  # by the other job
    look, before = client.get_experiment_by_name, iter([None])
    monkeypatch.setattr(
        client, "get_experiment_by_name", lambda self, name: next(before, look(self, name))
    )
    record(tmp_path / "run", "observer=+mlflow", f"observer.mlflow.uri='{store}'")
    assert RunFolder(tmp_path / "run").status["observers"] == []


def test_mlflow_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst.observers.mlflow.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'nst\[mlflow\]'"):
        MLflow(None, "nst", 1)
