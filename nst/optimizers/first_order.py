"""Any Keras optimizer, by name, on the levels of an image that stays in [0, 1]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from nst.optimizers.base import Diverged, Evaluation, Objective, State, gradient_rms, rms
from nst.optimizers.by_name import keras_class, make
from nst.optimizers.laplacian import split
from nst.optimizers.update import Iterate, update


class FirstOrder:
    """A Keras optimizer with the box constraint [0, 1] and a running mean of its iterates.

    What it moves are the levels of a Laplacian pyramid (as in Kolkin et al., "Style Transfer by
    Relaxed Optimal Transport and Self-Similarity", 2019): a step of a coarse level paints an area,
    where steps of pixels, each by its own sign, paint ripples. With one level it moves pixels.

    The gradient of each level is divided by its root mean square at the first evaluation, so that
    `learning_rate` is a step in pixel values, and Adam's epsilon a share of that gradient, whatever
    the loss weights are. A new scale keeps that unit per pixel: a loss that is a mean over positions
    spreads its gradient over the pixels, so the unit shrinks as their number grows.

    Keras' moments go on at a new scale, resampled with the image. The running mean, which is
    `result`, starts afresh; it is bias-corrected, as in Crowson's style-transfer-pytorch.
    """

    def __init__(
        self,
        name: str = "Adam",
        learning_rate: float = 0.02,
        average: float = 0.0,
        levels: int = 1,
        growth: float = 1.0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Checks its arguments; `begin` takes an image.

        Args:
            name: A class of `keras.optimizers`, in any case.
            learning_rate: Of the finest level, above 0, in pixel values.
            average: Decay of the running mean of iterates, 0 (off) to below 1.
            levels: Of the Laplacian pyramid, at least 1, the pixels themselves.
            growth: Of the steps from a level to the next coarser one, a factor above 0.
            options: Further arguments of the Keras class, such as `beta_1`.

        Raises:
            InputError: An unknown name or option, or a value that Keras refuses.
            ValueError: A number out of range.
        """
        if learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0, received {learning_rate}")
        if not 0 <= average < 1:
            raise ValueError(f"average must be at least 0 and below 1, received {average}")
        if levels < 1:
            raise ValueError(f"levels must be at least 1, received {levels}")
        if growth <= 0:
            raise ValueError(f"growth must be above 0, received {growth}")
        self._class = keras_class(name)
        self._rate, self._options = float(learning_rate), tuple(sorted((options or {}).items()))
        make(self._class, self._rate, dict(self._options))  # for its complaints, before the work
        self._decay, self._levels, self._growth = float(average), levels, float(growth)
        self._units = np.zeros(levels)  # root mean squares of the first gradients; 0: not yet known
        self._iterate: Iterate | None = None
        self.evaluations = 0
        self.stopped: str | None = None

    @property
    def image(self) -> tf.Tensor:
        """The current iterate, `[1, H, W, 3]`, in [0, 1] from the first step on."""
        return self._held.image

    @property
    def result(self) -> tf.Tensor:
        """The running mean of the iterates of this scale, `[1, H, W, 3]` in [0, 1]."""
        return tf.clip_by_value(self._held.mean, 0.0, 1.0)

    def begin(self, image: tf.Tensor) -> None:
        """Takes `image` `[1, H, W, 3]` over; moments, if there are any, follow it to its size."""
        image = tf.convert_to_tensor(image)
        previous, slots = self._iterate, self._fresh_slots(image)
        if previous is not None:
            self._units *= int(tf.size(previous.image)) / int(tf.size(image))
            slots = [_resample(p, s.shape) for p, s in zip(previous.slots, slots, strict=True)]
        self._iterate = Iterate(image, image, tf.constant(0.0), slots)
        shape = tuple(image.shape)
        self._update = update(self._class, self._options, shape, self._levels, self._growth)

    def step(self, objective: Objective) -> Evaluation:
        """One update; costs one evaluation."""
        evaluation = objective(self.image)
        self.evaluations += 1
        gradient_rms(evaluation)  # complains where it is not finite
        gradients = self._in_units(self._update.pull(evaluation.gradient))
        iterate, finite = self._update.apply(
            self._held, gradients, tf.constant(self._decay, tf.float32)
        )
        if not finite:
            raise Diverged(f"the update of {self._class.__name__} is not finite; check its options")
        self._iterate = iterate
        return evaluation

    def objective_changed(self) -> None:
        """Nothing to do: no evaluation is kept for the next step."""

    def state(self) -> dict[str, np.ndarray]:
        """Image, running mean, Keras' variables, units and count."""
        held = self._held
        slots = {f"keras_{i:02d}": slot.numpy() for i, slot in enumerate(held.slots)}
        return {
            "image": held.image.numpy(),
            "mean": held.mean.numpy(),
            "mean_weight": held.mean_weight.numpy(),
            "units": self._units.copy(),
            "evaluations": np.int64(self.evaluations),
            **slots,
        }

    def restore(self, state: State) -> None:
        """Continues from `state`.

        Raises:
            ValueError: The state is that of another kind of optimizer.
        """
        self.begin(tf.constant(state["image"]))
        if set(state) != set(self.state()):
            raise ValueError(
                f"the saved state is not one of {self._class.__name__} with these options: "
                f"it holds {sorted(state)}, expected {sorted(self.state())}"
            )
        mean, mean_weight = tf.constant(state["mean"]), tf.constant(state["mean_weight"])
        slots = [tf.constant(state[f"keras_{i:02d}"]) for i in range(len(self._held.slots))]
        self._iterate = Iterate(self.image, mean, mean_weight, slots)
        self._units = np.array(state["units"])
        self.evaluations = int(state["evaluations"])

    @property
    def _held(self) -> Iterate:
        assert self._iterate is not None, "begin or restore comes first"
        return self._iterate

    def _in_units(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        if not self._units.all():
            measured = [rms(gradient) for gradient in gradients]
            self._units = np.where(self._units > 0, self._units, measured)
        units = np.where(self._units > 0, self._units, 1.0).astype(np.float32)
        return [gradient / unit for gradient, unit in zip(gradients, units, strict=True)]

    def _fresh_slots(self, image: tf.Tensor) -> list[tf.Tensor]:
        """Makes the values that Keras' variables begin with, `learning_rate` being one of them."""
        keras_optimizer = make(self._class, self._rate, dict(self._options))
        keras_optimizer.build([tf.Variable(level) for level in split(image, self._levels)])
        return [tf.identity(variable.value) for variable in keras_optimizer.variables]


def _resample(value: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Resizes axes 1 and 2 of a slot; scalars pass.

    Bilinear with antialiasing is a weighted mean, so second moments stay at least 0.
    """
    if value.shape == shape:
        return value
    grid = tf.reshape(value, [1, value.shape[1], value.shape[2], -1])  # Adafactor's have rank 3
    return tf.reshape(tf.image.resize(grid, shape[1:3], antialias=True), shape)
