"""How long a run will take and what it will need: some steps are timed before the work."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from statistics import median
from typing import NamedTuple

from nst import images, parts
from nst.canvas import batch
from nst.features.encoder import Network
from nst.memory import HALO, Plan
from nst.objective.loss import Terms
from nst.optimizers import Diverged
from nst.scales import Scale, plan
from nst.sources import planned
from nst.studio import Studio

SIDE = 384  # long side of the larger of the two pictures whose steps are timed, px
STEPS, COMPILING = 5, 2  # of each; the first ones compile and are not counted
QUICK = 256**2  # pixels of a first scale whose steps take less time than compiling them
EVERY_SCALE = 5  # evaluations beside its steps: targets, compilation, start and end
SECOND_PASS = 0.37  # share of an evaluation that is its forward pass, which tiles make twice
SHORT = 2e7  # pixels times steps: a shorter run is over before a forecast of time would pay off
SOON = 45  # seconds by the smaller timing; below, "less than a minute" is said without the larger
SAVING = 0.6e-6  # seconds per pixel of the result, for encoding it


def forecast(studio: Studio, always_time: bool = False) -> str:
    """Describes a run in one line: scales, steps, memory, time, and what was chosen for it.

    Args:
        studio: Of the run.
        always_time: Whether the time is said, which takes a second or two, even of a short run.
    """
    config, inputs = studio.config, studio.inputs
    shape = _shape(studio, config.size)
    scales, planned_memory = plan(shape, config.steps, **config.pyramid), planned(config, inputs)
    work = sum(scale.steps * scale.height * scale.width for scale in scales)
    seconds = ""
    if always_time or (work > SHORT and work * _timed(studio, SIDE // 3).per_pixel > SOON):
        seconds = ", " + _time(duration(scales, planned_memory, config.margin, _pace(studio)))
    elif work > SHORT:
        seconds = ", less than a minute"
    first, last = scales[0], scales[-1]
    among = f" in {len(scales)} scales from {_size(first)}" if len(scales) > 1 else ""
    steps = "1 step" if config.steps == 1 else f"{config.steps} steps"
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
        f"{_size(last)} px{among}, {steps}: about "
        f"{planned_memory.memory / 1e9:.1f} GB of memory{seconds}"
        + "".join(f"; {choice}" for choice in chosen)
    )


class Pace(NamedTuple):
    """Seconds of a step: a part of its own, and one per pixel of the canvas."""

    step: float
    pixel: float


def duration(scales: Sequence[Scale], memory: Plan, margin: int, pace: Pace) -> float:
    """Estimates the time of a run, seconds.

    Args:
        scales: The scales.
        memory: The plan, for its tiles.
        margin: Of the canvas, px.
        pace: Of a step.
    """
    total = 0.0
    for scale in scales:
        height, width = scale.height + 2 * margin, scale.width + 2 * margin
        pixels = height * width * _tiling(height, width, memory.tile)
        total += (scale.steps + EVERY_SCALE) * (pace.step + pace.pixel * pixels)
    return total + SAVING * scales[-1].height * scales[-1].width


def _tiling(height: int, width: int, tile: int | None) -> float:
    """Returns the work in tiles over that of the whole image."""
    if tile is None or tile >= max(height, width):
        return 1.0
    rows, columns = -(-height // tile), -(-width // tile)
    halo = (1 + 2 * HALO * (rows - 1) / height) * (1 + 2 * HALO * (columns - 1) / width)
    return halo * (1 + SECOND_PASS * (1 - 1 / (rows * columns)))


class Timing(NamedTuple):
    """What a usual step of a small picture takes: pixels of its canvas, seconds."""

    pixels: int
    seconds: float

    @property
    def per_pixel(self) -> float:
        """Seconds of a pixel, more than in a larger picture."""
        return self.seconds / self.pixels


def _pace(studio: Studio) -> Pace:
    large_side = min(SIDE, studio.config.size)
    small, large = (_timed(studio, side) for side in (large_side // 3, large_side))
    pixel = max(0.0, large.seconds - small.seconds) / (large.pixels - small.pixels)
    return Pace(max(0.0, small.seconds - pixel * small.pixels), pixel)


def _timed(studio: Studio, side: int) -> Timing:
    """Returns what a step takes, measured once for all jobs with the same steps."""
    config, loss = studio.config, studio.objectives.loss
    known = _timings(loss.encoder, loss.named)
    key = str([side, config.optimizer, config.runtime, config.style.scale, config.regions])
    if key not in known:
        known[key] = _measured(studio, side)
    return known[key]


@lru_cache(maxsize=8)
def _timings(encoder: Network, terms: Terms) -> dict[str, Timing]:
    """Returns what this process has timed with a network and terms, by the rest of a step."""
    return {}


def rehearse(studio: Studio) -> None:
    """Makes the first steps of a run in advance, if they are quick.

    They compile what all steps call, which would else count as time of the first run of a process.
    They are of the first scale, since not every network and term takes a smaller picture.
    """
    config = studio.config
    first = plan(_shape(studio, config.size), config.steps, **config.pyramid)[0]
    if first.height * first.width > QUICK:
        return
    with suppress(Diverged):  # so will the run, which keeps its picture and says why
        for _ in itertools.islice(_steps(studio, max(first.height, first.width)), COMPILING):
            pass


def _measured(studio: Studio, side: int) -> Timing:
    """Times steps, after those that compile; what tiles add to them is known."""
    config, loss = studio.config, studio.objectives.loss
    steps = list(itertools.islice(_steps(studio, side), COMPILING, STEPS))
    evaluation = median(seconds / evaluations for seconds, evaluations in steps)
    # A line search takes several only at first; each term's own gradient takes one when measured.
    usual = min(evaluations for _, evaluations in steps)
    usual += len(loss.terms) / config.runtime.gradient_every
    height, width = (length + 2 * config.margin for length in _shape(studio, side))
    return Timing(height * width, usual * evaluation)


def _steps(studio: Studio, side: int) -> Iterator[tuple[float, int]]:
    """Yields the seconds and evaluations of steps, each with the draws and matches before it."""
    content, shape = studio.seen.content.rgb, _shape(studio, side)
    objective = replace(studio.objectives, tile=None)(*shape)
    start = studio.objectives.canvas.extend(batch(images.resize(content, shape)))
    optimizer = parts.optimizer(studio.config.optimizer)
    optimizer.begin(0.5 * start + 0.25)  # not the content itself, where little would be left to do
    for step in itertools.count():
        begun, before, known = time.perf_counter(), optimizer.evaluations, objective
        objective = known.refreshed(optimizer.image, (studio.config.seed, step))
        if objective is not known:
            optimizer.objective_changed()
        optimizer.step(objective)
        yield time.perf_counter() - begun, max(1, optimizer.evaluations - before)


def _shape(studio: Studio, side: int) -> tuple[int, int]:
    return images.fit(studio.seen.content.rgb.shape[:2], side)


def _size(scale: Scale) -> str:
    return f"{scale.width}x{scale.height}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
