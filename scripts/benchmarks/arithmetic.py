"""The step against the matrix product, with control, and in other precisions.

The work of a step is counted from the layer shapes (direct convolutions only, forward and backward)
and compared with the rate of TensorFlow's own matrix product; Winograd's convolution, which
multiplies less, can exceed it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.measuring import Work, in_turn, process, tensorflow
from benchmarks.runs import MAIN, spent
from benchmarks.steps import HEIGHT, STYLE, WIDTH, layers, tensorflow_step
from benchmarks.table import Row
from nst.runtime import native_bfloat16

SIDE = 4096  # size of the matrices


def product() -> Work:
    """Returns a large matrix product in TensorFlow."""
    tf = tensorflow()
    multiply = tf.function(lambda a: tf.matmul(a, a)[0, 0])  # returns one number, not 64 MiB
    matrix = tf.random.stateless_normal((SIDE, SIDE), (0, 0))
    return lambda: float(multiply(matrix))


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
