"""Whole runs of the README's main command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.measuring import process, tensorflow
from benchmarks.steps import layers
from benchmarks.table import Row
from nst.config.composition import compose
from nst.features import weights

MAIN = ("style=starry", "alpha=1e3")  # the README's main command


def run(rounds: int) -> Iterator[Row]:
    """Measures the README's main command with the bundled features."""
    whole = spent(*MAIN, "network=bundled")
    yield Row("bundled, default size, in all", whole.seconds, "s", "<= 90")
    yield Row("bundled, first image in the event file", whole.first_image, "s", "<= 15")
    yield Row("bundled, peak memory", whole.memory, "GB")


def vgg19(rounds: int) -> Iterator[Row]:
    """Measures the README's main command with VGG19, and a larger image with L-BFGS."""
    with vgg19_weights() as (kind, network):
        whole = spent(*MAIN, *network)
        yield Row(f"{kind} weights, default size, in all", whole.seconds, "s", "<= 240")
        yield Row(f"{kind} weights, first image in the event file", whole.first_image, "s", "<= 15")
        yield Row(f"{kind} weights, peak memory", whole.memory, "GB", "<= 2")
        large = ("size=960", "pyramid=single", "optimizer=lbfgs", "steps=22")  # fills the history
        whole = spent(*MAIN, *network, *large)
        yield Row("960 px, L-BFGS, peak memory", whole.memory, "GB", "<= 4")


@contextmanager
def vgg19_weights() -> Iterator[tuple[str, tuple[str, str]]]:
    """Gives the kind of VGG19's weights, ImageNet's or random, and the overrides that name them."""
    url = compose(["network=vgg19"]).network.url
    source, kind = weights.keras_home() / "models" / Path(url).name, "ImageNet"
    with TemporaryDirectory() as folder:
        if not source.is_file():
            source, kind = Path(folder, "random.weights.h5"), "random"
            with process() as keras:
                keras.submit(save_vgg19, source).result()
        yield kind, ("network=vgg19", f"network.weights={source}")


def help_page(rounds: int) -> Iterator[Row]:
    """Measures the help page, which must not wait for TensorFlow."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "nst.run", "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    yield Row("python -m nst.run --help", median(seconds), "s", "<= 1")


class Spent(NamedTuple):
    """Time and memory of a run, in seconds and GB, and its metrics."""

    seconds: float
    first_image: float
    memory: float
    metrics: dict[str, Any]


def spent(*overrides: str) -> Spent:
    """Runs the command and measures it."""
    command = [sys.executable, "-m", "nst.run", *overrides, "hydra.run.dir=run"]
    with TemporaryDirectory() as folder, Path(folder, "log").open("w+") as log:
        start = time.time()
        process_id = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log).pid
        _, status, usage = os.wait4(process_id, 0)
        seconds = time.time() - start
        if status:
            log.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{log.read()}")
        with process() as reader:
            first_image = reader.submit(first_image_time, Path(folder, "run")).result() - start
        metrics = json.loads(Path(folder, "run", "metrics.json").read_text("utf-8"))
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    return Spent(seconds, first_image, memory, metrics)


def first_image_time(folder: Path) -> float:
    """Returns when the first image was written to the event file, in seconds since 1970."""
    tensorflow()
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    events = EventFileLoader(str(next(folder.glob("events.out.tfevents.*")))).Load()
    return next(e.wall_time for e in events if any(v.tag == "result" for v in e.summary.value))


def save_vgg19(path: Path) -> None:
    """Writes random weights of VGG19 in Keras' format."""
    tensorflow()
    import keras

    model = keras.applications.VGG19(include_top=False, weights=None)
    for name, kernel, bias, *_ in layers("vgg19"):
        if kernel is not None:
            model.get_layer(name).set_weights([kernel, bias])
    model.save_weights(path)
