"""Every metric by its key in ``metrics.json``: its name, what it measures, and which way is better.

The report, TensorBoard and the documentation take names and directions from here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

TINY = 1e-12  # below it the ratio of a metric that is best at 1 has no logarithm
ABSURD = 1e100  # larger than anything measured; squares of smaller numbers are still finite


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        label: Its name for people.
        better: ``lower``, ``higher``, or ``one``: best at 1.
        range: The values that it can take.
        meaning: What it measures, with its anchors.
    """

    label: str
    better: Literal["lower", "higher", "one"]
    range: str
    meaning: str

    @property
    def direction(self) -> str:
        """The direction in words."""
        return "1 is best" if self.better == "one" else f"{self.better} is better"

    @property
    def heading(self) -> str:
        """Its name and direction, as short as a table needs them."""
        marks = {"lower": "↓ better", "higher": "↑ better", "one": "1 best"}
        return f"{self.label} ({marks[self.better]})"

    @property
    def axis(self) -> str:
        """Its name, direction and anchors, for the axis of a chart."""
        anchors = self.meaning.partition("; ")[2]
        return f"{self.label}   ({'; '.join(filter(None, [self.direction, anchors]))})"

    def badness(self, value: float) -> float:
        """Orders values: the lower, the better, whatever the direction of the metric."""
        if self.better == "one":
            return abs(math.log(max(value, TINY)))
        return -value if self.better == "higher" else value


def _on(network: str) -> dict[str, Metric]:
    return {
        f"{kind}_distance_{network}": Metric(
            f"{kind} distance on {network}",
            "lower",
            "0 and more",
            f"{kind}_distance on {network.upper()}, with evaluation.network={network}",
        )
        for kind in ("content", "style")
    }


METRICS: dict[str, Metric] = {
    "content_distance": Metric(
        "content distance",
        "lower",
        "0 and more",
        "features of the bundled network; 0: the content image, 1: no structure of it left",
    ),
    "style_distance": Metric(
        "style distance",
        "lower",
        "0 and more",
        "Gram matrices of the bundled network; 0: the style's statistics, 1: the content image's",
    ),
    "seconds": Metric("seconds", "lower", "0 and more", "time that the run took"),
    "evaluations": Metric(
        "evaluations", "lower", "1 and more", "how often the loss and its gradient were computed"
    ),
    "patch_distance": Metric(
        "patch distance",
        "lower",
        "0 and more",
        "patches of 7 x 7 px in three octaves, without their mean colour; "
        "0: the style's, 1: the content image's",
    ),
    "color_distance_style": Metric(
        "color distance to style",
        "lower",
        "0 to about 1",
        "colors in OKLab, whose lightness runs from 0 to 1; 0: the style's, wherever they are",
    ),
    "color_distance_content": Metric(
        "color distance to content", "lower", "0 to about 1", "likewise to the content image"
    ),
    "structure": Metric(
        "structure",
        "higher",
        "0 to 1",
        "multi-scale SSIM of the luminance with the content's, after a match of mean and contrast; "
        "1: equal",
    ),
    "edges": Metric(
        "edges",
        "higher",
        "0 to 1",
        "F-score of thin edges against the content's, 2 px tolerance; 1: the same edges",
    ),
    "grain": Metric(
        "grain",
        "one",
        "0 and more",
        "energy of the luminance's highest octave over the style's; 1: as much as the style",
    ),
    "border": Metric(
        "border",
        "lower",
        "0 to 1",
        "how much of a frame runs along the border; 0: none, 1: nothing but a frame",
    ),
    "clipping": Metric(
        "clipping", "lower", "0 to 1", "share of pixels with a channel at black or white"
    ),
    **_on("vgg16"),
    **_on("vgg19"),
}

QUESTIONS = {  # of a blind comparison, asked in this order
    "style": "Which has more of the style?",
    "content": "Which keeps more of the content?",
    "hang": "Which would you hang on a wall?",
}
# It comes after the run: in no metrics.json.
VOTES: dict[str, Metric] = {
    f"votes_{question}": Metric(
        f"votes: {'to hang' if question == 'hang' else question}",
        "higher",
        "any number",
        f'people\'s answers to "{words}"; 0: average, 1.1: beats an average run in 3 of 4',
    )
    for question, words in QUESTIONS.items()
}
EVERY = METRICS | VOTES
AXES = ("content_distance", "style_distance")  # of a Pareto front, across and up


def heading(name: str) -> str:
    """Names any number of ``metrics.json``, those without a direction by their key."""
    return EVERY[name].heading if name in EVERY else name
