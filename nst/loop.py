"""The loop: scales, steps, records. Knows no file, no TensorBoard, only the clock it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from nst.objective import Objective, Weights
from nst.optimizers import Evaluation, Optimizer


@dataclass(frozen=True)
class Scale:
    """One level of the pyramid.

    Attributes:
        height: Of the picture, px.
        width: Of the picture, px.
        steps: Updates made at this scale.
    """

    height: int
    width: int
    steps: int


@dataclass(frozen=True)
class Record:
    """What is known of one iterate.

    Attributes:
        step: Updates made so far; 0 is the initial image.
        scale: Index of the scale, 0 the coarsest.
        evaluations: Of the objective so far.
        seconds: Since the start of the run.
        total: The objective, exactly the function whose gradient is used.
        weights: Of each term, and of its parts.
        layers: Unweighted distances of each part of each term.
        gradient: Euclidean norms of the gradient: ``total``, and each term's where measured.
        image: What would be saved now, RGB in [0, 1], ``[1, H, W, 3]``.
        last: Whether it is the record of the result. An optimizer may stop before its last step.
    """

    step: int
    scale: int
    evaluations: int
    seconds: float
    total: float
    weights: Mapping[str, Weights]
    layers: Mapping[str, Mapping[str, float]]
    gradient: Mapping[str, float]
    image: tf.Tensor
    last: bool = False

    @property
    def raw(self) -> dict[str, float]:
        """Value of each term, its own weight left out."""
        return {
            name: sum(self.weights[name].parts[part] * value for part, value in parts.items())
            for name, parts in self.layers.items()
        }

    @property
    def weighted(self) -> dict[str, float]:
        """Weighted value of each term; they add up to the total."""
        return {name: self.weights[name].term * value for name, value in self.raw.items()}


def plan(
    shape: tuple[int, int], steps: int, min_size: int | None, factor: float, exponent: float
) -> list[Scale]:
    """Lays out the scales, coarse to fine.

    Args:
        shape: Height and width of the result, px.
        steps: Updates in all; every scale gets one at least, the finest whatever is left.
        min_size: Long side below which no scale is made, px; None for a single scale.
        factor: Between the long sides of neighbouring scales, > 1.
        exponent: Steps of a scale are proportional to its long side to this power.

    Returns:
        The scales; the last has the given shape.
    """
    long_side = max(shape)
    sides = [float(long_side)]
    # Whole pixels are compared: 512 / sqrt(2)⁴ is 127.999… and is to count as 128.
    while min_size is not None and round(sides[0] / factor) >= min_size and len(sides) < steps:
        sides.insert(0, sides[0] / factor)
    shares = np.array(sides) ** exponent
    counts = np.maximum(1, np.round(steps * shares / shares.sum())).astype(int)
    counts[-1] = max(1, steps - counts[:-1].sum())
    while counts.sum() > steps:  # rounding up gave too many: the scale with most steps pays
        counts[counts.argmax()] -= 1
    height, width = (np.maximum(1, np.rint(np.array(sides) * s / long_side)) for s in shape)
    return [Scale(*map(int, level)) for level in zip(height, width, counts, strict=True)]


class Loop:
    """Minimises an objective scale by scale, on a canvas that is wider than the picture.

    Args:
        image: The initial picture, ``[1, H, W, 3]``.
        scales: Coarse to fine, see :func:`plan`.
        margin: Of the canvas around the picture, px: painted like the rest, and cut off.
        objective: Makes the objective of a scale, a function of the canvas; called once a scale.
        optimizer: Moves the image.
        gradient_every: Steps between measurements of each term's own gradient.
        clock: Returns seconds, from any zero.

    Attributes:
        step: Updates made so far.
        scale: Index of the scale that the next update is made at.
        scale_step: Updates made at that scale.
    """

    def __init__(
        self,
        image: tf.Tensor,
        scales: Sequence[Scale],
        margin: int,
        objective: Callable[[Scale], Objective],
        optimizer: Optimizer,
        gradient_every: int,
        clock: Callable[[], float],
    ) -> None:
        self.scales, self.optimizer, self._initial = tuple(scales), optimizer, image
        self._margin = margin
        self._objective, self._gradient_every, self._clock = objective, gradient_every, clock
        self.step = self.scale = self.scale_step = 0
        self._begun = False
        self._zero = clock()

    @property
    def seconds(self) -> float:
        """Spent so far, earlier parts of a resumed run included."""
        return self._clock() - self._zero

    @property
    def result(self) -> tf.Tensor:
        """The picture so far, ``[1, H, W, 3]``."""
        return cut(self.optimizer.result, self._margin) if self._begun else self._initial

    def run(self) -> Iterator[Record]:
        """Yields a record of every iterate, right after it was moved, and one of the result.

        Raises:
            Diverged: A gradient is not finite.
        """
        for index in range(self.scale, len(self.scales)):
            if index > self.scale:  # only here: the state after the last step stays that of the end
                self.scale, self.scale_step = index, 0
            scale = self.scales[index]
            objective = self._objective(scale)
            if self.scale_step == 0:
                picture = resize(self.result, scale.height, scale.width)
                self.optimizer.begin(extend(picture, self._margin))
                self._begun = True
            while self.scale_step < scale.steps and self.optimizer.stopped is None:
                yield self._advance(objective)
        canvas = self.optimizer.result
        record = self._record(self.step, objective, canvas, self.result, objective(canvas))
        yield replace(record, last=True)

    def state(self) -> dict[str, np.ndarray]:
        """Returns all that :meth:`restore` needs to go on with the same bytes."""
        counters = {k: np.asarray(getattr(self, k)) for k in ("step", "scale", "scale_step")}
        counters["seconds"] = np.asarray(self.seconds)
        return counters | {f"optimizer/{k}": v for k, v in self.optimizer.state().items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over the state of another loop with the same scales and kind of optimizer.

        Raises:
            ValueError: It is of other scales.
        """
        self.step, self.scale, self.scale_step = (
            int(state[k]) for k in ("step", "scale", "scale_step")
        )
        self._zero = self._clock() - float(state["seconds"])
        self._begun = True
        prefix = "optimizer/"
        self.optimizer.restore(
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        )
        scale, margin = self.scales[self.scale], self._margin
        expected = (1, scale.height + 2 * margin, scale.width + 2 * margin, 3)
        if self.scale < 0 or self.optimizer.image.shape != expected:
            raise ValueError(f"its image is {self.optimizer.image.shape}, not {expected}")

    def _advance(self, objective: Objective) -> Record:
        step, iterate, result = self.step, self.optimizer.image, self.result
        evaluation = self.optimizer.step(objective)
        self.step, self.scale_step = step + 1, self.scale_step + 1
        return self._record(step, objective, iterate, result, evaluation)

    def _record(
        self,
        step: int,
        objective: Objective,
        iterate: tf.Tensor,
        result: tf.Tensor,
        evaluation: Evaluation,
    ) -> Record:
        gradient = {"total": float(tf.norm(evaluation.gradient))}
        if self.scale_step == 1 or step % self._gradient_every == 0:
            gradient |= objective.gradient_norms(iterate)
        return Record(
            step=step,
            scale=self.scale,
            evaluations=self.optimizer.evaluations,
            seconds=self.seconds,
            total=float(evaluation.total),
            weights=objective.weights,
            layers=tf.nest.map_structure(float, evaluation.layers),
            gradient=gradient,
            image=result,
        )


def resize(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resamples an iterate (bicubic), values kept in [0, 1].

    Args:
        image: ``[1, H, W, 3]``.
        height: Of the result, px.
        width: Of the result, px.
    """
    if image.shape[1:3] == (height, width):
        return image
    resized = tf.image.resize(image, (height, width), "bicubic", antialias=True)
    return tf.clip_by_value(resized, 0.0, 1.0)


def extend(image: tf.Tensor, margin: int) -> tf.Tensor:
    """Continues an image beyond its borders, mirrored: ``[1, H + 2 margin, W + 2 margin, 3]``."""
    around = [(0, 0), (margin, margin), (margin, margin), (0, 0)]
    return tf.constant(np.pad(image.numpy(), around, "reflect"))  # of any margin, unlike tf.pad


def cut(image: tf.Tensor, margin: int) -> tf.Tensor:
    """Cuts a margin off, ``[1, H, W, 3]``; undoes :func:`extend`."""
    _, height, width, _ = image.shape
    return image[:, margin : height - margin, margin : width - margin]
