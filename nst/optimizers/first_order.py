"""Any Keras optimizer, by name, on an image that stays in [0, 1]."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nst.errors import InputError, nearest
from nst.optimizers.base import Diverged, Evaluation, Objective, State, gradient_rms


class FirstOrder:
    """A Keras optimizer with the box constraint [0, 1] and a running mean of its iterates.

    The gradient is divided by its root mean square at the first evaluation, so that
    `learning_rate` is a step in pixel values whatever the loss weights are, and Adam's epsilon
    never matters. A new scale keeps that unit per pixel: a loss that is a mean over positions
    spreads its gradient over the pixels, so the unit shrinks as their number grows.

    Keras' moments go on at a new scale, resampled with the image. The running mean, which is
    `result`, starts afresh; it is bias-corrected, as in Crowson's style-transfer-pytorch.
    """

    def __init__(
        self,
        name: str = "Adam",
        learning_rate: float = 0.02,
        average: float = 0.0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Checks its arguments; `begin` makes the variables.

        Args:
            name: A class of `keras.optimizers`, in any case.
            learning_rate: Above 0, in pixel values.
            average: Decay of the running mean of iterates, 0 (off) to below 1.
            options: Further arguments of the Keras class, such as `beta_1`.

        Raises:
            InputError: An unknown name or option, or a value that Keras refuses.
            ValueError: A rate or decay out of range.
        """
        if learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0, received {learning_rate}")
        if not 0 <= average < 1:
            raise ValueError(f"average must be at least 0 and below 1, received {average}")
        self._class = _keras_class(name)
        self._make = partial(_make, self._class, float(learning_rate), dict(options or {}))
        self._make()  # for its complaints, before the work begins
        self._decay = float(average)
        self._unit = 0.0  # root mean square of the first gradient; 0 while not yet known
        self._keras: Any = None
        self.evaluations = 0
        self.stopped: str | None = None

    @property
    def image(self) -> tf.Tensor:
        """The current iterate, `[1, H, W, 3]`, in [0, 1] from the first step on."""
        return self._image.read_value()

    @property
    def result(self) -> tf.Tensor:
        """The running mean of the iterates of this scale, `[1, H, W, 3]` in [0, 1]."""
        return tf.clip_by_value(self._mean, 0.0, 1.0)

    def begin(self, image: tf.Tensor) -> None:
        """Takes `image` `[1, H, W, 3]` over; moments, if there are any, follow it to its size."""
        previous = self._keras
        if previous is not None:
            self._unit *= int(tf.size(self._image)) / int(tf.size(image))
        self._build(image)
        if previous is not None:
            for new, old in zip(self._keras.variables, previous.variables, strict=True):
                new.assign(_resample(old.value, new.shape))

    def step(self, objective: Objective) -> Evaluation:
        """One update; costs one evaluation."""
        evaluation = objective(self.image)
        self.evaluations += 1
        rms = gradient_rms(evaluation)
        self._unit = self._unit or rms
        unit = tf.constant(self._unit or 1.0, tf.float32)
        if not self._update(evaluation.gradient, unit):
            raise Diverged(f"the update of {self._class.__name__} is not finite; check its options")
        return evaluation

    def state(self) -> dict[str, np.ndarray]:
        """Image, running mean, Keras' variables, unit and count."""
        slots = {f"keras_{i:02d}": v.numpy() for i, v in enumerate(self._keras.variables)}
        return {
            "image": self._image.numpy(),
            "mean": self._mean.numpy(),
            "mean_weight": self._mean_weight.numpy(),
            "unit": np.float64(self._unit),
            "evaluations": np.int64(self.evaluations),
            **slots,
        }

    def restore(self, state: State) -> None:
        """Continues from `state`.

        Raises:
            ValueError: The state is that of another kind of optimizer.
        """
        self._build(tf.constant(state["image"]))
        if set(state) != set(self.state()):
            raise ValueError(
                f"the saved state is not one of {self._class.__name__} with these options: "
                f"it holds {sorted(state)}, expected {sorted(self.state())}"
            )
        self._mean.assign(state["mean"])
        self._mean_weight.assign(state["mean_weight"])
        self._unit = float(state["unit"])
        self.evaluations = int(state["evaluations"])
        for i, variable in enumerate(self._keras.variables):
            variable.assign(state[f"keras_{i:02d}"])

    def _build(self, image: tf.Tensor) -> None:
        self._image = tf.Variable(image, trainable=True)
        self._mean = tf.Variable(image, trainable=False)
        self._mean_weight = tf.Variable(0.0, trainable=False)
        self._keras = self._make()
        self._keras.build([self._image])
        # Traced anew at each scale: Keras' variables have a fixed shape.
        self._update = tf.function(self._apply, autograph=False)

    def _apply(self, gradient: tf.Tensor, unit: tf.Tensor) -> tf.Tensor:
        """Moves image and mean, or if that is not finite leaves both; returns whether it is."""
        before = self._image.read_value()
        self._keras.apply([gradient / unit], [self._image])
        finite = tf.reduce_all(tf.math.is_finite(self._image))
        self._image.assign(tf.where(finite, tf.clip_by_value(self._image, 0.0, 1.0), before))
        self._mean_weight.assign(self._decay * self._mean_weight + (1.0 - self._decay))
        share = (1.0 - self._decay) / self._mean_weight  # 1 at the first step: bias correction
        self._mean.assign((1.0 - share) * self._mean + share * self._image)
        return finite


def keras_optimizers() -> dict[str, type]:
    """The Keras optimizers that work on their own, by class name."""
    return {
        name: value
        for name, value in vars(keras.optimizers).items()
        if inspect.isclass(value)
        and issubclass(value, keras.optimizers.Optimizer)
        and value is not keras.optimizers.Optimizer
        # Wrappers around other optimizers have no rate of their own.
        and "learning_rate" in inspect.signature(value).parameters
    }


def _keras_class(name: str) -> type:
    known = keras_optimizers()
    by_lower = {spelling.lower(): value for spelling, value in known.items()}
    if name.lower() not in by_lower:
        raise InputError(
            f"optimizer.name: Keras has no optimizer {name}.{nearest(name, known)} "
            f"Valid: {', '.join(known)}"
        )
    return by_lower[name.lower()]


def _make(keras_class: type, learning_rate: float, options: Mapping[str, Any]) -> Any:
    known = set(inspect.signature(keras_class).parameters) - {"learning_rate", "name", "kwargs"}
    for option in options:
        if option not in known:
            raise InputError(
                f"optimizer.options: Keras' {keras_class.__name__} has no option {option}."
                f"{nearest(option, known)} Valid: {', '.join(sorted(known))}"
            )
    try:
        return keras_class(learning_rate=learning_rate, **options)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"optimizer.options: Keras' {keras_class.__name__} says: {error}"
        ) from error


def _resample(value: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Resizes axes 1 and 2 of a slot; scalars pass.

    Bilinear with antialiasing is a weighted mean, so second moments stay at least 0.
    """
    if value.shape == shape:
        return value
    grid = tf.reshape(value, [1, value.shape[1], value.shape[2], -1])  # Adafactor's have rank 3
    return tf.reshape(tf.image.resize(grid, shape[1:3], antialias=True), shape)
