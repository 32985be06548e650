"""The optimisation loop: scales, steps, records. Free of files and observers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nst.canvas import Canvas, resample
from nst.losses import Evaluation
from nst.objective import AnyObjective
from nst.optimizers import Optimizer
from nst.record import Record
from nst.scales import Scale


class Loop:
    """Minimises an objective scale by scale, on a canvas larger than the picture.

    Args:
        image: The initial picture, ``[1, H, W, 3]``.
        scales: Coarse to fine, see :func:`nst.scales.plan`.
        canvas: The canvas.
        objective: Returns the objective for a height and width of the picture, a function of the
            canvas; called per scale.
        optimizer: The optimizer.
        seed: Seed of the random draws between steps.
        gradient_every: Number of steps between measurements of each term's own gradient.
        clock: Returns a time in seconds, from any origin.
        finish: What turns the painted picture into the one to show and save, such as its colours.
        enlarge: What the next scale, of a height and width, starts from; it is given the picture.

    Attributes:
        step: Updates made so far.
        scale: Index of the current scale.
        scale_step: Updates made at that scale so far.
    """

    def __init__(
        self,
        image: tf.Tensor,
        scales: Sequence[Scale],
        canvas: Canvas,
        objective: Callable[[int, int], AnyObjective],
        optimizer: Optimizer,
        seed: int,
        gradient_every: int,
        clock: Callable[[], float],
        finish: Callable[[tf.Tensor], tf.Tensor] = lambda painted: painted,
        enlarge: Callable[[tf.Tensor, int, int], tf.Tensor] = resample,
    ) -> None:
        self.scales, self.optimizer = tuple(scales), optimizer
        self._initial: tf.Tensor | None = image  # until the optimizer has it: it may be large
        self._canvas, self._objective, self._seed = canvas, objective, seed
        self._gradient_every, self._clock, self._finish = gradient_every, clock, finish
        self._enlarge = enlarge
        self._last: Record | None = None  # its picture is made once: colours take time and memory
        self.step = self.scale = self.scale_step = 0
        self._zero = clock()

    @property
    def seconds(self) -> float:
        """Elapsed time, including earlier parts of a resumed run."""
        return self._clock() - self._zero

    @property
    def result(self) -> tf.Tensor:
        """The picture so far, as it would be saved, ``[1, H, W, 3]``."""
        return self._finish(self._painted) if self._last is None else self._last.image

    @property
    def _painted(self) -> tf.Tensor:
        initial = self._initial
        return self._canvas.cut(self.optimizer.result) if initial is None else initial

    def run(self) -> Iterator[Record]:
        """Yields a record of every iterate, right after its update, and one of the result.

        Raises:
            Diverged: A gradient is not finite.
        """
        for index in range(self.scale, len(self.scales)):
            if index > self.scale:  # not earlier: keeps the final state
                self.scale, self.scale_step = index, 0
            yield from self._paint(self.scales[index])

    def _paint(self, scale: Scale) -> Iterator[Record]:
        """Paints one scale; no tensor of its size but the iterate is left after it."""
        objective = self._objective(scale.height, scale.width)
        if self.scale_step == 0:
            self._begin(scale)
        while self.scale_step < scale.steps and self.optimizer.stopped is None:
            objective = self._refreshed(objective)
            yield self._advance(objective)
        objective = self._refreshed(objective)
        final = self.optimizer.finish(objective)
        if scale is self.scales[-1]:
            result = self.optimizer.result
            record = self._record(self.step, objective, result, result, final)
            self._last = replace(record, last=True)
            yield self._last

    def _begin(self, scale: Scale) -> None:
        picture = self._painted
        if self.scale > 0:
            picture = self._enlarge(picture, scale.height, scale.width)
        self.optimizer.begin(self._canvas.extend(picture))
        self._initial = None

    def state(self) -> dict[str, npt.ArrayLike]:
        """Returns all that :meth:`restore` needs to resume with the same bytes."""
        counters: dict[str, npt.ArrayLike] = {
            k: np.asarray(getattr(self, k)) for k in ("step", "scale", "scale_step")
        }
        counters["seconds"] = np.asarray(self.seconds)
        return counters | {f"optimizer/{k}": v for k, v in self.optimizer.state().items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Restores the state of a loop with the same scales and kind of optimizer.

        Raises:
            ValueError: It is of another run, or damaged: no such moment, other shapes, an image
                that is not finite.
        """
        self.step, self.scale, self.scale_step = (
            int(state[k]) for k in ("step", "scale", "scale_step")
        )
        self._zero = self._clock() - float(state["seconds"])
        self._initial = None
        self._check_counters()
        prefix = "optimizer/"
        held = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        for name, values in held.items():
            # The ends, not all values: an array of booleans would take a quarter of the memory.
            if values.ndim >= 4 and values.size and not np.isfinite(_ends(values)).all():
                raise ValueError(f"{name} is not finite")
        try:
            self.optimizer.restore(held)
            image = self._canvas.cut(self.optimizer.image)
        except (tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
            raise ValueError("an array has another type or shape") from error
        scale = self.scales[self.scale]
        wanted = (1, scale.height, scale.width, 3), tf.float32
        if (image.shape, image.dtype) != wanted:
            found = f"the shape {image.shape} and the type {image.dtype.name}"
            raise ValueError(f"its image at scale {self.scale} has {found}")

    def _check_counters(self) -> None:
        """Checks that the counters are those of a moment of this run; a scale may end early."""
        before = sum(scale.steps for scale in self.scales[: self.scale])
        if not (
            0 <= self.scale < len(self.scales)
            and 0 <= self.scale_step <= self.scales[self.scale].steps
            and self.scale_step <= self.step <= before + self.scale_step
            and math.isfinite(self._zero)
        ):
            raise ValueError(
                f"step {self.step}, step {self.scale_step} of scale {self.scale}: no such moment"
            )

    def _refreshed(self, objective: AnyObjective) -> AnyObjective:
        """Renews random draws and matches of the terms for the next step."""
        renewed = objective.refreshed(self.optimizer.image, (self._seed, self.step))
        if renewed is not objective:
            self.optimizer.objective_changed()
        return renewed

    def _advance(self, objective: AnyObjective) -> Record:
        step, iterate, result = self.step, self.optimizer.image, self.optimizer.result
        progress = self.scale_step / self.scales[self.scale].steps
        evaluation = self.optimizer.step(objective, progress)
        self.step, self.scale_step = step + 1, self.scale_step + 1
        return self._record(step, objective, iterate, result, evaluation)

    def _record(
        self,
        step: int,
        objective: AnyObjective,
        iterate: tf.Tensor,
        result: tf.Tensor,
        evaluation: Evaluation,
    ) -> Record:
        total, parts = evaluation.total, evaluation.parts
        norm, total, parts = _read((tf.norm(evaluation.gradient), total, parts))
        gradient = {"total": norm}
        if step % self._gradient_every == 0:
            gradient |= objective.gradient_norms(iterate)
        return Record(
            step=step,
            scale=self.scale,
            evaluations=self.optimizer.evaluations,
            seconds=self.seconds,
            total=total,
            weights=objective.weights,
            parts=parts,
            gradient=gradient,
            finish=lambda: self._finish(self._canvas.cut(result)),
        )


def _ends(values: np.ndarray) -> tuple[float, float]:
    return values.min(), values.max()


def _read(scalars: Any) -> Any:
    """Returns a nest of scalars as floats, fetched together: a GPU waits for every transfer."""
    values: list[float] = tf.stack(tf.nest.flatten(scalars)).numpy().tolist()
    return tf.nest.pack_sequence_as(scalars, values)
