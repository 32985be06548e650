"""Any Keras optimizer, by name, on an image that stays in [0, 1]."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from nst.errors import InputError, nearest
from nst.optimizers.base import Diverged, Evaluation, Objective, State, gradient_rms

Options = tuple[tuple[str, Any], ...]  # named arguments, hashable


class FirstOrder:
    """A Keras optimizer with the box constraint [0, 1] and a running mean of its iterates.

    The gradient is divided by its root mean square at the first evaluation, so that
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
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Checks its arguments; `begin` takes an image.

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
        self._rate, self._options = float(learning_rate), tuple(sorted((options or {}).items()))
        _make(self._class, self._rate, dict(self._options))  # for its complaints, before the work
        self._decay = float(average)
        self._unit = 0.0  # root mean square of the first gradient; 0 while not yet known
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
            self._unit *= int(tf.size(previous.image)) / int(tf.size(image))
            slots = [_resample(p, s.shape) for p, s in zip(previous.slots, slots, strict=True)]
        self._iterate = Iterate(image, image, tf.constant(0.0), slots)
        self._update = _update(self._class, self._options, tuple(image.shape))

    def step(self, objective: Objective) -> Evaluation:
        """One update; costs one evaluation."""
        evaluation = objective(self.image)
        self.evaluations += 1
        rms = gradient_rms(evaluation)
        self._unit = self._unit or rms
        unit = tf.constant(self._unit or 1.0, tf.float32)
        iterate, finite = self._update.apply(
            self._held, evaluation.gradient / unit, tf.constant(self._decay, tf.float32)
        )
        if not finite:
            raise Diverged(f"the update of {self._class.__name__} is not finite; check its options")
        self._iterate = iterate
        return evaluation

    def state(self) -> dict[str, np.ndarray]:
        """Image, running mean, Keras' variables, unit and count."""
        held = self._held
        slots = {f"keras_{i:02d}": slot.numpy() for i, slot in enumerate(held.slots)}
        return {
            "image": held.image.numpy(),
            "mean": held.mean.numpy(),
            "mean_weight": held.mean_weight.numpy(),
            "unit": np.float64(self._unit),
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
        self._unit = float(state["unit"])
        self.evaluations = int(state["evaluations"])

    @property
    def _held(self) -> Iterate:
        assert self._iterate is not None, "begin or restore comes first"
        return self._iterate

    def _fresh_slots(self, image: tf.Tensor) -> list[tf.Tensor]:
        """Makes the values that Keras' variables begin with, `learning_rate` being one of them."""
        keras_optimizer = _make(self._class, self._rate, dict(self._options))
        keras_optimizer.build([tf.Variable(image)])
        return [tf.identity(variable.value) for variable in keras_optimizer.variables]


class Iterate(NamedTuple):
    """Everything that an update changes.

    Attributes:
        image: `[1, H, W, 3]`, in [0, 1] from the first step on.
        mean: The running mean of the images, of the same shape.
        mean_weight: Sum of the weights in that mean, a scalar.
        slots: Values of Keras' variables: moments, count, learning rate.
    """

    image: tf.Tensor
    mean: tf.Tensor
    mean_weight: tf.Tensor
    slots: list[tf.Tensor]


class Update:
    """A step of a Keras optimizer as a pure function of the `Iterate`, compiled.

    Keras' variables have a fixed shape and belong to one optimizer. Here they are scratch, filled
    before and read after each step, so that one trace serves all runs of a process.

    Attributes:
        traces: How often TensorFlow traced :meth:`apply`.
    """

    def __init__(self, keras_optimizer: Any, shape: Sequence[int]) -> None:
        """Takes a Keras optimizer over, for images of one shape."""
        self._image, self._keras = tf.Variable(tf.zeros(shape)), keras_optimizer
        self._keras.build([self._image])
        self.traces = 0
        self.apply = tf.function(self._apply, autograph=False)

    def _apply(
        self, iterate: Iterate, gradient: tf.Tensor, decay: tf.Tensor
    ) -> tuple[Iterate, tf.Tensor]:
        """Moves an iterate; the second value says whether the image is still finite."""
        self.traces += 1  # a Python side effect: happens while tracing only
        self._image.assign(iterate.image)
        for variable, value in zip(self._keras.variables, iterate.slots, strict=True):
            variable.assign(value)
        self._keras.apply([gradient], [self._image])
        finite = tf.reduce_all(tf.math.is_finite(self._image))
        image = tf.clip_by_value(self._image, 0.0, 1.0)
        mean_weight = decay * iterate.mean_weight + (1.0 - decay)
        share = (1.0 - decay) / mean_weight  # 1 at the first step: bias correction
        mean = (1.0 - share) * iterate.mean + share * image
        slots = [tf.identity(variable.value) for variable in self._keras.variables]
        return Iterate(image, mean, mean_weight, slots), finite


@lru_cache(maxsize=32)  # two optimizers at a dozen scales; an entry holds a few images of its size
def _update(keras_class: type, options: Options, shape: tuple[int, ...]) -> Update:
    return Update(_make(keras_class, 1.0, dict(options)), shape)


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
