"""Measure time and memory against the project's targets: one run, one table.

A step is one evaluation of the loss and its gradient with respect to the image. Its work is counted
from the layer shapes (direct convolutions only, forward and backward) and compared with the rate of
TensorFlow's own matrix product; Winograd's convolution, which multiplies less, can exceed it.
Compared items are measured alternately, so that a busy machine slows all of them alike. Steps use
random VGG19 weights, which do not affect their time.

    pip install -e '.[benchmark]'                 (PyTorch for comparison; skipped if missing)
    python scripts/benchmark.py                   (about ten minutes on two cores)
    python scripts/benchmark.py --only step,torch --json figures.json
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from pstats import Stats
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import rivals

from nst.config.composition import compose
from nst.config.settings import STYLES
from nst.features import weights
from nst.runtime import configured, import_tensorflow, native_bfloat16

SIDE = 4096  # size of the matrices
SETTINGS = ExitStack()  # TensorFlow's, for the life of this process
HEIGHT, WIDTH = 384, 512  # size of the images in steps, px
CONTENT = "block4_conv2"
STYLE = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1")
LIMITS = {  # of the cost of a step over that with Gram matrices; 1.15 for the others
    **dict.fromkeys(("sliced_wasserstein", "histogram"), 2.5),
    **dict.fromkeys(
        ("nearest_neighbour", "feature_splitting", "relaxed_transport", "mrf", "contextual"), 4.0
    ),
}
RUNS = 200  # of the report
GOOD = (0.1, 0.05, 0.03)  # style distances
MAIN = ("style=starry", "alpha=1e3")  # the README's main command

Work = Callable[[], float]


class Row(NamedTuple):
    """One figure and its target; without a value, ``unit`` says why it was not measured."""

    what: str
    value: float | None
    unit: str = ""
    target: str = ""

    def __str__(self) -> str:
        """Returns the row as a line of the table."""
        if self.value is None:
            return f"{self.what:<48} {self.unit}"
        line = f"{self.what:<48} {self.value:>9.4g} {self.unit:<8}"
        if not self.target:
            return line.rstrip()
        sign, limit = self.target.split()
        good = self.value <= float(limit) if sign == "<=" else self.value >= float(limit)
        return f"{line} {self.target:<8} {'reached' if good else 'MISSED'}"


# Work items. They run in their own processes, so that the libraries do not interfere.


def layers(network: str, last: str = STYLE[-1]) -> list[weights.Layer]:
    """Returns the layers up to one of them; VGG19's are random (He et al. 2015)."""
    if network == "bundled":
        # Without lifts, so that PyTorch makes the same step.
        bundled = weights.load(weights.locate("bundled", None, None, None, 0))
        found = [layer._replace(lift=None) for layer in bundled]
        return found[: [layer.name for layer in found].index(last) + 1]
    rng, depth, found = np.random.default_rng(0), 3, []
    for name, width in weights.layer_channels(network).items():
        if name.endswith("pool"):
            found.append(weights.Layer(name))
        else:
            kernel = rng.normal(0, (2 / 9 / depth) ** 0.5, (3, 3, depth, width))
            found.append(weights.Layer(name, kernel.astype("f"), np.zeros(width, "f")))
            depth = width
        if name == last:
            break
    return found


def pictures(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Returns iterate, content and style, each ``[1, H, W, 3]``."""
    return np.random.default_rng(1).random((3, 1, height, width, 3), np.float32)


def wavy(regions: int) -> np.ndarray:
    """Returns the weights of stripes with wavy borders, ``[1, H, W, regions]``."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    across = (columns + 30 * np.sin(rows / 30)) / WIDTH
    stripes = np.clip((across * regions).astype(int), 0, regions - 1)
    return np.eye(regions, dtype=np.float32)[stripes][None]


def tensorflow() -> Any:
    """Returns TensorFlow, configured as for a run."""
    SETTINGS.enter_context(configured(threads=None, deterministic=True))
    return import_tensorflow()


def product() -> Work:
    """Returns a large matrix product in TensorFlow."""
    tf = tensorflow()
    multiply = tf.function(lambda a: tf.matmul(a, a)[0, 0])  # returns one number, not 64 MiB
    matrix = tf.random.stateless_normal((SIDE, SIDE), (0, 0))
    return lambda: float(multiply(matrix))


def tensorflow_step(
    network: str,
    precision: str,
    padding: str = "replicate",
    wide: int | None = None,
    styles: int = 1,
    regions: int = 1,
) -> Work:
    """Returns a step of this project, a function of no arguments.

    ``wide`` sets winograd.WIDE; all styles are the same picture, and regions have wavy borders.
    """
    tf = tensorflow()
    from nst.features import winograd
    from nst.features.encoder import Encoder
    from nst.features.propagation import propagated
    from nst.losses import Content, Gram, References, Style, View, weigh
    from nst.objective import Loss, Objective

    if wide is not None:
        winograd.WIDE = wide
    stack = layers(network)
    terms = {"content": Content([CONTENT]), "style": Gram(STYLE)}
    weights = {name: weigh(term, 1.0, [1.0] * len(term.layers)) for name, term in terms.items()}
    used = (*STYLE, CONTENT)
    norms = {layer.name: tf.ones(len(layer.bias)) for layer in stack if layer.name in used}
    iterate, content, style = map(tf.constant, pictures())
    encoder = Encoder(stack, padding=padding, precision=precision)
    maps = propagated(tf.constant(wavy(regions)), encoder.geometry, STYLE) if regions > 1 else None
    references = References(
        View(content, {}, maps), [Style(View(style, {}, maps)) for _ in range(styles)]
    )
    objective = Objective(Loss(encoder, terms, weights, norms), references)
    return lambda: float(objective(iterate).total)


def loss_step(network: str, name: str, long_side: int) -> Work:
    """Returns a step with one style term beside the content's, as ``conf/loss`` has it."""
    tf = tensorflow()
    from nst.features.encoder import Encoder
    from nst.losses import References, Style, View
    from nst.objective import Loss, Objective, used_layers
    from nst.studio import terms_of

    terms, weights = terms_of(compose([f"loss=[content,{name}]"]).loss)
    encoder = Encoder(layers(network, "block5_conv3"))
    pixels = pictures(long_side * HEIGHT // WIDTH, long_side)
    iterate, content, style = map(tf.constant, pixels)
    norms = encoder.norms([content, style], used_layers(terms))
    references = References(View(content, {}), [Style(View(style, {}))])
    objective = Objective(Loss(encoder, terms, weights, norms), references)
    return lambda: float(objective.refreshed(iterate, (0, 1))(iterate).total)


def peak_memory() -> float:
    """Returns the largest memory that this process has had, GB."""
    from nst.runtime import peak_memory

    return peak_memory() / 1e9


def torch_step(network: str, layout: str) -> Work:
    """Returns the same step in PyTorch."""
    import torch
    from torch.nn import functional

    def tensor(array: np.ndarray, axes: tuple[int, ...]) -> torch.Tensor:
        copy = np.ascontiguousarray(array.transpose(axes))
        return torch.from_numpy(copy).to(memory_format=getattr(torch, layout))

    def features(image: torch.Tensor) -> dict[str, torch.Tensor]:
        x, found = image.flip(1) * 255 - mean, {}
        for name, kernel, bias, *_ in stack:
            if kernel is None:
                x = functional.max_pool2d(x, 2, ceil_mode=True)
            else:
                x = functional.relu(functional.conv2d(x, kernel, bias, padding=1))
            found[name] = x
        return found

    def gram(x: torch.Tensor) -> torch.Tensor:
        rows = x.flatten(2)[0]
        return rows @ rows.T / rows.shape[1]

    def work() -> float:
        found = features(iterate)
        loss = functional.mse_loss(found[CONTENT], target)
        loss = loss + sum(functional.mse_loss(gram(found[k]), grams[k]) for k in STYLE)
        torch.autograd.grad(loss, iterate)
        return float(loss.detach())

    torch.set_num_threads(os.cpu_count() or 1)
    mean = torch.tensor([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)
    stack = [
        layer if layer.kernel is None
        else (layer.name, tensor(layer.kernel, (3, 2, 0, 1)), torch.tensor(layer.bias), None)
        for layer in layers(network)
    ]  # fmt: skip
    iterate, content, style = (tensor(picture, (0, 3, 1, 2)) for picture in pictures())
    target = features(content)[CONTENT]
    grams = {name: gram(x) for name, x in features(style).items() if name in STYLE}
    iterate.requires_grad_()
    return work


@cache
def _made(make: Callable[..., Work], *arguments: str) -> Work:
    return make(*arguments)


def timed(make: Callable[..., Work], *arguments: str) -> tuple[float, float]:
    """Runs a work item, made by the first call in a process; returns seconds and its value."""
    work = _made(make, *arguments)
    start = time.perf_counter()
    value = work()
    return time.perf_counter() - start, value


def process() -> ProcessPoolExecutor:
    """Returns a fresh process to call functions in."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def in_turn(rounds: int, works: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[float, float]]:
    """Returns median seconds and value of each work item: a process, a maker and its arguments."""

    def measure() -> list[tuple[float, float]]:
        return [where.submit(timed, *what).result() for where, *what in works.values()]

    values = [value for _, value in measure()]  # traces, allocates
    seconds = zip(*[[seconds for seconds, _ in measure()] for _ in range(rounds)], strict=True)
    return dict(zip(works, zip(map(median, seconds), values, strict=True), strict=True))


# Sections of the table.


def gflop(network: str) -> float:
    """Counts a step's work: two operations per weight and position, forward and backward."""
    height, width, count = HEIGHT, WIDTH, 0
    for _, kernel, *_ in layers(network):
        if kernel is None:
            height, width = -(-height // 2), -(-width // 2)
        else:
            count += 2 * 2 * kernel.size * height * width
    return count / 1e9


def matmul(rounds: int) -> Iterator[Row]:
    """Measures TensorFlow's matrix product, the yardstick for steps."""
    with process() as ours:
        seconds, _ = in_turn(rounds, {"product": (ours, product)})["product"]
    yield Row(f"TensorFlow, {SIDE} x {SIDE} float32", 2e-9 * SIDE**3 / seconds, "GFLOP/s")


def step(rounds: int) -> Iterator[Row]:
    """Compares the gradient step with the matrix product."""
    for network in ("vgg19", "bundled"):
        with process() as ours:
            step = (ours, tensorflow_step, network, "float32")
            times = in_turn(rounds, {"product": (ours, product), "step": step})
        seconds, yardstick = times["step"][0], 2e-9 * SIDE**3 / times["product"][0]
        yield Row(f"{network}, {WIDTH} x {HEIGHT}, to {STYLE[-1]}", seconds, "s")
        yield Row(f"{network}, convolutions by definition", gflop(network), "GFLOP")
        yield Row(f"{network}, rate", gflop(network) / seconds, "GFLOP/s")
        share = 100 * gflop(network) / seconds / yardstick
        target = ">= 75" if network == "vgg19" else ""
        yield Row(f"{network}, rate / matrix product's", share, "%", target)


def control(rounds: int) -> Iterator[Row]:
    """Compares the step with two styles, and with four regions, with the plain one."""
    for network in ("vgg19", "bundled"):
        with process() as ours:
            step = (ours, tensorflow_step, network, "float32", "replicate", None)
            works = {"plain": (*step, 1, 1), "styles": (*step, 2, 1), "regions": (*step, 1, 4)}
            times = {name: seconds for name, (seconds, _) in in_turn(rounds, works).items()}
        plain = times["plain"]
        yield Row(f"{network}, two styles / one", times["styles"] / plain, "", "<= 1.05")
        yield Row(f"{network}, four regions / none", times["regions"] / plain, "", "<= 1.15")


def torch(rounds: int) -> Iterator[Row]:
    """Compares the step, with zero padding, with PyTorch's in the faster of its two layouts."""
    if importlib.util.find_spec("torch") is None:
        yield Row("PyTorch", None, "not measured: pip install -e '.[benchmark]'")
        return
    for network in ("vgg19", "bundled"):
        with process() as ours, process() as theirs:
            works = {"TensorFlow": (ours, tensorflow_step, network, "float32", "zeros")}
            for layout in ("contiguous_format", "channels_last"):
                works[f"PyTorch {layout}"] = (theirs, torch_step, network, layout)
            times = in_turn(rounds, works)
        (seconds, loss), *others = times.values()
        for name, (taken, _) in times.items():
            yield Row(f"{network}, {name}", taken, "s")
        ratio = min(taken for taken, _ in others) / seconds
        target = ">= 1.3" if network == "vgg19" else ""
        yield Row(f"{network}, PyTorch's time / TensorFlow's", ratio, "", target)
        apart = max(abs(other / loss - 1) for _, other in others)
        yield Row(f"{network}, relative difference of the losses", apart, "", "<= 1e-3")


def precision(rounds: int) -> Iterator[Row]:
    """Compares the step with Winograd's convolution, with TensorFlow's, and in bfloat16."""
    native = native_bfloat16()
    with process() as one, process() as other:
        works = {
            "float32": (one, tensorflow_step, "vgg19", "float32"),
            "theirs": (other, tensorflow_step, "vgg19", "float32", "replicate", sys.maxsize),
        }
        if native:
            works["bfloat16"] = (one, tensorflow_step, "vgg19", "bfloat16")
        times = {name: seconds for name, (seconds, _) in in_turn(rounds, works).items()}
    float32 = times["float32"]
    yield Row("vgg19, TensorFlow's convolution / Winograd's", times["theirs"] / float32)
    if not native:
        yield Row("bfloat16", None, "not measured: this processor does not multiply it")
        return
    yield Row("vgg19, bfloat16", times["bfloat16"], "s")
    yield Row("vgg19, float32 / bfloat16", float32 / times["bfloat16"], "", ">= 1.5")
    exact, rounded = (
        spent(*MAIN, "network=bundled", f"runtime.precision={name}").metrics
        for name in ("float32", "bfloat16")
    )
    for what in ("content_distance", "style_distance"):
        apart = 100 * abs(rounded[what] / exact[what] - 1)
        yield Row(f"bundled, {what}, bfloat16 against float32", apart, "% apart", "<= 5")


def losses(rounds: int, long_side: int) -> Iterator[Row]:
    """Compares the step of each style term, its draws and matches included, with that of Gram."""
    for network in ("bundled", "vgg19"):
        with process() as grams:
            gram = (grams, loss_step, network, "style", long_side)
            for name in STYLES[1:]:
                with process() as ours:
                    works = {"gram": gram, "term": (ours, loss_step, network, name, long_side)}
                    times = in_turn(rounds, works)
                    memory = ours.submit(peak_memory).result()
                ratio, limit = times["term"][0] / times["gram"][0], LIMITS.get(name, 1.15)
                what = f"{network}, {long_side} px, {name}"
                yield Row(f"{what}, step / Gram's", ratio, "", f"<= {limit}")
                yield Row(f"{what}, peak memory", memory, "GB", "<= 3")


def run(rounds: int) -> Iterator[Row]:
    """Measures the README's main command with the bundled features."""
    whole = spent(*MAIN, "network=bundled")
    yield Row("bundled, default size, in all", whole.seconds, "s", "<= 90")
    yield Row("bundled, first image in the event file", whole.first_image, "s", "<= 15")
    yield Row("bundled, peak memory", whole.memory, "GB")


def vgg19(rounds: int) -> Iterator[Row]:
    """Measures the README's main command with VGG19, and a larger image with L-BFGS."""
    url = compose(["network=vgg19"]).network.url
    source, kind = weights.keras_home() / "models" / Path(url).name, "ImageNet"
    with TemporaryDirectory() as folder:
        if not source.is_file():
            source, kind = Path(folder, "random.weights.h5"), "random"
            with process() as keras:
                keras.submit(save_vgg19, source).result()
        network = ("network=vgg19", f"network.weights={source}")
        whole = spent(*MAIN, *network)
        yield Row(f"{kind} weights, default size, in all", whole.seconds, "s", "<= 240")
        yield Row(f"{kind} weights, first image in the event file", whole.first_image, "s", "<= 15")
        yield Row(f"{kind} weights, peak memory", whole.memory, "GB", "<= 2")
        large = ("size=960", "pyramid=single", "optimizer=lbfgs", "steps=22")  # fills the history
        whole = spent(*MAIN, *network, *large)
        yield Row("960 px, L-BFGS, peak memory", whole.memory, "GB", "<= 4")


def sweep(rounds: int) -> Iterator[Row]:
    """Measures the overhead of eight runs in one process: imports, checks, setup and report."""
    command = [sys.executable, "-m", "nst.run", "-m", *MAIN, "network=bundled", "init=blend"]
    command += ["seed=range(8)", "hydra.sweep.dir=sweep"]
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        ends = [json.loads(p.read_text("utf-8")) for p in Path(folder).glob("sweep/*/metrics.json")]
    yield Row("bundled, default size, 8 runs in all", seconds, "s")
    steps = sum(end["seconds"] for end in ends)
    yield Row("bundled, 8 runs in all / their steps", seconds / steps, "", "<= 1.1")


def report(rounds: int) -> Iterator[Row]:
    """Measures the report of a sweep with 200 runs: its size, and how long Chromium takes."""
    command = [sys.executable, "-m", "nst.run", "-m", *MAIN, "network=bundled", "size=256"]
    command += ["steps=60", "observer.snapshots.every=5", "seed=range(4)", "hydra.sweep.dir=sweep"]
    with TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        painted = [path.parent for path in sorted(folder.glob("sweep/*/result.png"))]
        for number in range(RUNS):
            copy = folder / "many" / f"{number}"
            source, large = painted[number % len(painted)], ("checkpoints", "events*")
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns(*large))
            config = (copy / "config.yaml").read_text("utf-8")
            config = config.replace("alpha: 1000.0", f"alpha: {1000 + number}.0")
            (copy / "config.yaml").write_text(config, "utf-8")
        compare = [sys.executable, "-m", "nst.compare", str(folder / "many")]
        subprocess.run(compare, check=True, capture_output=True)
        page = folder / "many" / "comparison" / "report.html"
        yield Row(f"report of {RUNS} runs", page.stat().st_size / 1e6, "MB", "<= 40")
        yield Row("until it is shown, less an empty page's", shown(page, rounds), "s", "<= 3")


def shown(page: Path, rounds: int) -> float:
    """Returns how many seconds Chromium takes longer to show a page than an empty one."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("report: it takes chromium or google-chrome")
    options = ["--headless", "--no-sandbox", f"--screenshot={page.with_suffix('.png')}"]

    def opened(address: str) -> float:
        start = time.perf_counter()
        subprocess.run([browser, *options, address], check=True, capture_output=True)
        return time.perf_counter() - start

    return median(opened(page.as_uri()) - opened("about:blank") for _ in range(rounds))


def quality(rounds: int, options: argparse.Namespace) -> Iterator[Row]:
    """Compares the time until pictures are good with that of what other people run."""
    found: dict[str, list[list[rivals.Place]]] = {}
    with process() as judge:
        for name, method in rivals.METHODS.items():
            if method is rivals.torch_lbfgs and importlib.util.find_spec("torch") is None:
                yield Row(name, None, "not measured: pip install -e '.[benchmark]'")
                continue
            found[name] = [places(method, pair, options, judge) for pair in rivals.PAIRS]
            kept, matched = (median(run[-1][which] for run in found[name]) for which in (1, 2))
            yield Row(f"{name}, content distance at the end", kept)
            yield Row(f"{name}, style distance at the end", matched)
    for style in GOOD:
        times = {
            name: [rivals.reached(run, style, options.content) for run in runs]
            for name, runs in found.items()
        }
        for name, seconds in times.items():
            yield until(f"style {style:g}, {name}", seconds, options.seconds)
        ours, predecessor, *others = map(median, times.values())
        if ours < math.inf:
            for what, other, target in (
                ("predecessor's", predecessor, ">= 50"),
                ("best of the others'", min(others), ">= 5"),
            ):
                unit = "or more" if other == math.inf else ""
                ratio = min(other, options.seconds) / ours
                yield Row(f"style {style:g}, {what} time / ours", ratio, unit, target)
    if options.chart is not None:
        options.chart.write_bytes(rivals.chart(found, options.content))


def places(
    method: Callable[..., rivals.Taken],
    pair: tuple[str, str],
    options: argparse.Namespace,
    judge: ProcessPoolExecutor,
) -> list[rivals.Place]:
    """Runs a method in a process of its own; judges its pictures in another."""
    network = rivals.Network(("network=bundled",), weights.locate("bundled", None, None, None, 0))
    second = options.judge and weights.locate("vgg16", options.judge, None, None, 0)
    with process() as own:
        taken = own.submit(method, pair, options.size, options.seconds, network).result()
    return judge.submit(rivals.judged, taken, pair, options.size, second).result()


def until(what: str, seconds: Sequence[float], limit: float) -> Row:
    """Returns the median time of several pairs; of those in time, where not all are."""
    if (middle := median(seconds)) == math.inf:
        return Row(what, None, f"not reached within {limit:g} s")
    late = sum(time == math.inf for time in seconds)
    return Row(what, middle, f"s, {late} of {len(seconds)} never" if late else "s")


def help_page(rounds: int) -> Iterator[Row]:
    """Measures the help page, which must not wait for TensorFlow."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "nst.run", "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    yield Row("python -m nst.run --help", median(seconds), "s", "<= 1")


PARTS = {  # functions of a default run, by file and name; their times include what they call
    "imports": [("_bootstrap>", "_find_and_load")],
    "  of TensorFlow and Keras": [("runtime/tensorflow.py", "import_tensorflow")],
    "composing and checking the configuration": [("config/composition.py", "compose")],
    "images": [("sources/inputs.py", "gather")],
    "weights and norms of the network": [("studio.py", "_encoder"), ("studio.py", "_norms")],
    "targets of all scales": [("objective/scales.py", "__call__")],
    "steps": [("optimizers/lbfgs.py", "step"), ("optimizers/lbfgs.py", "finish")],
    "  their evaluations": [("objective/whole.py", "__call__")],
    "norms of each term's gradient": [("objective/whole.py", "gradient_norms")],
    "scalars of the records": [("loop.py", "_read")],
    "tracing, part of the four above": [("polymorphic_function.py", "get_concrete_function")],
    "observers": [("observers/base.py", "_notify")],
    "  TensorBoard": [("observers/tensorboard.py", name) for name in ("start", "step", "finish")],
    "  snapshots and checkpoints": [("observers/files.py", "step")],
    "evaluation of the result": [("evaluation.py", "evaluate")],
    "file of the result": [("images/saving.py", "encode")],
}


def where(rounds: int) -> Iterator[Row]:
    """Says where the time of the README's main command goes, from start to exit."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cProfile", "-o", "profile", "-m", "nst.run", *MAIN]
        start = time.perf_counter()
        more = ["network=bundled", "hydra.run.dir=run"]
        subprocess.run([*command, *more], cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        stats: Any = Stats(str(Path(folder, "profile")))
    for what, functions in PARTS.items():
        spent = sum(
            cumulative
            for (file, _, name), (_, _, _, cumulative, _) in stats.stats.items()
            for wanted, function in functions
            if name == function and file.endswith(wanted)
        )
        yield Row(what, spent, "s") if spent else Row(what, None, "not found: renamed?")
    yield Row("from start to exit, with the profiler's own time", seconds, "s")


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


SECTIONS = {
    "matmul": matmul,
    "step": step,
    "control": control,
    "torch": torch,
    "precision": precision,
    "losses": losses,
    "run": run,
    "vgg19": vgg19,
    "sweep": sweep,
    "report": report,
    "quality": quality,
    "where": where,
    "help": help_page,
}
SLOW = ("quality",)  # only where asked for


def main() -> None:
    """Prints the table row by row."""
    parser = argparse.ArgumentParser(description="Measure time and memory.")
    names = ",".join(SECTIONS)
    usual = ",".join(name for name in SECTIONS if name not in SLOW)
    parser.add_argument("--only", default=usual, help=f"comma-separated sections ({names})")
    parser.add_argument("--rounds", type=int, default=5, help="number of measurements (5)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures here")
    parser.add_argument("--size", type=int, default=512, help="of losses and quality, px (512)")
    parser.add_argument("--seconds", type=float, default=40, help="of a run in quality (40)")
    parser.add_argument("--content", type=float, default=0.6, help="most content distance (0.6)")
    parser.add_argument("--judge", metavar="PATH", help="weights of VGG16, which then judges")
    parser.add_argument("--chart", type=Path, metavar="PATH", help="write quality's curves here")
    options = parser.parse_args()
    measures = {
        **SECTIONS,
        "losses": partial(losses, long_side=options.size),
        "quality": partial(quality, options=options),
    }
    sections = options.only.split(",")
    if unknown := set(sections) - set(SECTIONS):
        parser.error(f"--only: no section {', '.join(unknown)}; valid: {names}")
    table = []
    for name in sections:
        for row in measures[name](options.rounds):
            table.append({"section": name, **row._asdict()})
            print(f"{name:<9} {row}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), "utf-8")


if __name__ == "__main__":
    main()
