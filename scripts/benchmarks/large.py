"""Large pictures: what tiles cost, and how right the forecast is."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.measuring import in_turn, process
from benchmarks.runs import spent, vgg19_weights
from benchmarks.steps import loss_step
from benchmarks.table import Row

SIZE = 2048  # long side of the picture in tiles, px
SIDES = {"two": 1536, "four": 1024}  # of its tiles, px
SETTINGS = {  # by network
    "bundled": (
        "size=256",
        "size=512",
        "size=512 loss=[content,cross_layer,tv]",
        "size=768 style=[starry,wave]",
        "size=1024 steps=100",
        "size=1024 steps=100 optimizer=adam",
        "size=1024 steps=30 pyramid=single",
        "size=2048 steps=80",
        "size=2048 steps=80 runtime.tile=1024",
        "size=2048 steps=80 runtime.tile=512",
    ),
    "vgg19": ("size=512 steps=20", "size=1024 steps=20", "size=1024 steps=20 runtime.tile=512"),
}
FORECAST = re.compile(r"about (\S+) GB of memory, (\S+) (s|min|h)\b")
SECONDS = {"s": 1, "min": 60, "h": 3600}


def tiles(rounds: int) -> Iterator[Row]:
    """Compares an evaluation in tiles with that of the whole image."""
    with process() as ours:
        step = (ours, loss_step, "bundled", "style", SIZE)
        works = {"whole": step, **{count: (*step, side) for count, side in SIDES.items()}}
        times = {name: seconds for name, (seconds, _) in in_turn(rounds, works).items()}
    for count, side in SIDES.items():
        ratio = times[count] / times["whole"]
        yield Row(f"{SIZE} px in {count} tiles of {side} px / whole", ratio, "", "<= 1.35")


def forecast(rounds: int) -> Iterator[Row]:
    """Compares forecasts with runs."""
    with vgg19_weights() as (_, vgg19):
        for name, overrides in (("bundled", ("network=bundled",)), ("vgg19", vgg19)):
            for setting in SETTINGS[name]:
                yield from _compared(f"{name}, {setting}", *overrides, *setting.split())


def _compared(name: str, *overrides: str) -> Iterator[Row]:
    """Compares the forecast of a run with the run."""
    command = [sys.executable, "-m", "nst.run", "--forecast", *overrides]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    memory, time, unit = FORECAST.search(said).groups()
    whole = spent(*overrides)
    for what, expected, measured, limit in (
        ("memory", float(memory), whole.memory, 20),
        ("time", float(time) * SECONDS[unit], whole.metrics["seconds"], 30),
    ):
        apart = 100 * abs(expected / measured - 1)
        yield Row(f"{name}: {what}", apart, "% off", f"<= {limit}")
