"""The step of each style term."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measuring import in_turn, peak_memory, process
from benchmarks.steps import loss_step
from benchmarks.table import Row
from nst.config.settings import STYLES

LIMITS = {  # of the cost of a step over that with Gram matrices; 1.15 for the others
    **dict.fromkeys(("sliced_wasserstein", "histogram"), 2.5),
    **dict.fromkeys(
        ("nearest_neighbour", "feature_splitting", "relaxed_transport", "mrf", "contextual"), 4.0
    ),
}


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
