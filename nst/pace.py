"""How long a run will take and what it will need: some steps are timed before the work."""

from __future__ import annotations

import time
from collections.abc import Sequence

import tensorflow as tf
from hydra.utils import instantiate

from nst import images
from nst.canvas import batch
from nst.forecast import HALO, Plan
from nst.scales import Scale, plan
from nst.sources import planned
from nst.studio import Studio

SIDE = 256  # long side of the picture whose steps are timed, px
STEPS = 4  # of them; the first, which compiles, is not counted
EVERY_SCALE = 6  # evaluations beside its steps: targets, gradients of each term, start and end
SECOND_PASS = 0.37  # share of an evaluation that is its forward pass, which tiles make twice
SAVING = 0.6e-6  # seconds per pixel of the result, for encoding it


def forecast(studio: Studio) -> str:
    """Describes a run in one line: scales, steps, memory, time, and what was chosen for it."""
    config, inputs = studio.config, studio.inputs
    shape = images.fit(inputs.content.rgb.shape[:2], config.size)
    scales, planned_memory = plan(shape, config.steps, **config.pyramid), planned(config, inputs)
    seconds = duration(scales, planned_memory, config.margin, _pace(studio))
    first, last = scales[0], scales[-1]
    among = f"in {len(scales)} scales from {_size(first)}, " if len(scales) > 1 else ""
    chosen = []
    if planned_memory.tile is not None:
        chosen.append(f"tiles of {planned_memory.tile} px")
    if planned_memory.pairs is not None and planned_memory.pairs < min(
        last.steps, config.optimizer.history
    ):
        chosen.append(
            f"at the end {planned_memory.pairs} of {config.optimizer.history} curvature pairs"
        )
    return (
        f"{_size(last)} px {among}{config.steps} steps: about "
        f"{planned_memory.memory / 1e9:.1f} GB of memory, {_time(seconds)}"
        + "".join(f"; {choice}" for choice in chosen)
    )


def duration(scales: Sequence[Scale], memory: Plan, margin: int, pace: float) -> float:
    """Estimates the time of a run, seconds.

    Args:
        scales: The scales.
        memory: The plan, for its tiles.
        margin: Of the canvas, px.
        pace: Seconds per step and pixel of the canvas.
    """
    total = 0.0
    for scale in scales:
        height, width = scale.height + 2 * margin, scale.width + 2 * margin
        pixels = height * width * _tiling(height, width, memory.tile)
        total += pace * pixels * (scale.steps + EVERY_SCALE)
    return total + SAVING * scales[-1].height * scales[-1].width


def _tiling(height: int, width: int, tile: int | None) -> float:
    """Returns the work in tiles over that of the whole image."""
    if tile is None or tile >= max(height, width):
        return 1.0
    rows, columns = -(-height // tile), -(-width // tile)
    halo = (1 + 2 * HALO * (rows - 1) / height) * (1 + 2 * HALO * (columns - 1) / width)
    return halo * (1 + SECOND_PASS * (1 - 1 / (rows * columns)))


def _pace(studio: Studio) -> float:
    """Returns the seconds of a step per pixel of the canvas."""
    content, config = studio.seen.content.rgb, studio.config
    height, width = images.fit(content.shape[:2], min(SIDE, config.size))
    objective = studio.objectives(height, width)
    start = studio.objectives.canvas.extend(batch(images.resize(content, (height, width))))
    optimizer = instantiate(config.optimizer, _convert_="all")
    optimizer.begin(0.5 * start + 0.25)  # not the content itself, where little would be left to do
    for step in range(STEPS):
        if step == 1:
            begun, before = time.perf_counter(), optimizer.evaluations
        optimizer.step(objective)
    evaluations = max(1, optimizer.evaluations - before)
    pixels = int(tf.size(start)) // 3
    return float((time.perf_counter() - begun) / evaluations / pixels)


def _size(scale: Scale) -> str:
    return f"{scale.width}x{scale.height}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
