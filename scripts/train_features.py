"""Distil the bundled features: a VGG of a quarter of the width learns to imitate a trained one.

Every layer of the student learns to predict the teacher's layer of the same name through a linear
map from its channels to the teacher's (a 1 x 1 convolution, "lift"), exported with the filters. The
idea is Wang et al.'s ("Collaborative Distillation for Ultra-Resolution Universal Style Transfer",
CVPR 2020). Loss: mean squared error, with each of the teacher's channels in units of its standard
deviation. The student has VGG16's convolutions, fewer and wider than VGG19's at the same cost, so
that its receptive fields equal its teacher's at every layer.

The student starts from the teacher's own filters (see ``networks.pruned``). Three quarters of each
batch are crops of photographs and paintings. The rest are iterates of style transfers that run
along with the training, because these are the images that the student will have to evaluate. Each
batch of the teacher is used several times.

    python scripts/train_features.py --teacher vgg16 --pictures FOLDER

Training can be stopped and resumed at any time (``--resume``); checkpoints are in ``--work``. The
learning rate decays in the last fifth of ``--steps``; resuming with more steps extends the
training. The averaged weights are written with every checkpoint and can be used while it runs. At
the end, ``measure_gains.py`` measures the gains.

The shipped file took 14,250 steps, some 190 minutes on two busy cores (0.35 s a step on idle ones):
2,500 at a rate of 1e-3, with each batch used three times, the rest at 2e-3 with the values below.
It was stopped and resumed six times, and the rate had fallen to zero once before, at step 8,000.
Its 926 pictures, and 103 kept out, are those of the Debian packages gnome-backgrounds,
mate-backgrounds, plasma-workspace-wallpapers, lomiri-wallpapers-16.04, lomiri-wallpapers-20.04,
ukui-wallpapers, tuxpaint-stamps-default, gcompris-qt-data (pictures cut out of its .rcc files),
krita-data and mypaint-data. Explained variance on crops of those kept out, at the start and at the
end:

    conv      1_1   1_2   2_1   2_2   3_1   3_2   3_3   4_1   4_2   4_3   5_1   5_2   5_3
    start    .945  .835  .692  .556  .497  .392  .295  .209  .095 -.005 -.178 -.248 -.875
    end      .959  .896  .807  .696  .699  .625  .539  .527  .407  .278  .297  .217  .068
"""

from __future__ import annotations

import argparse
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from distillation import networks, pictures
from distillation.iterates import Iterates
from distillation.networks import Student

from nst.config import compose
from nst.features import weights

WIDTHS = (16, 32, 64, 160, 192)  # of the student's blocks
LAYERS = [name for name in weights.layer_channels("bundled") if "conv" in name]
SIDE, BATCH = 128, 16  # px of a crop, crops of a batch
PAINTED = 4  # of the batch are iterates
KEPT, REUSED = 24, 4  # teacher's batches at hand, and how often each is learned from, on average
HELD_OUT = 10  # every nth picture is kept out of the training
WARMUP, DECAY = 100, 0.2  # steps, and share of all steps, in which the rate rises and falls
AVERAGE = 0.999  # of the averaged weights, per step
EVERY = 250  # steps between checkpoints


class Training:
    """The state of the training.

    Args:
        teacher: The teacher's filters.
        student: The student.
    """

    def __init__(self, teacher: dict[str, networks.Filters], student: Student) -> None:
        self.student = student
        self.spread: dict[str, np.ndarray] = {}
        self._teacher = teacher
        self._variables = student.trainable_variables
        self.average = [tf.Variable(v, trainable=False) for v in self._variables]
        self.optimizer = keras.optimizers.Adam(0.0, beta_2=0.99, global_clipnorm=5.0)
        self.optimizer.build(self._variables)
        self.step = tf.Variable(0, dtype=tf.int64)
        self.checkpoint = tf.train.Checkpoint(
            student=student, average=self.average, optimizer=self.optimizer, step=self.step
        )

    @tf.function(reduce_retracing=True)
    def lesson(self, images: tf.Tensor) -> networks.Features:
        """Returns the teacher's feature maps, subsampled for the loss, in bfloat16."""
        return networks.compared(networks.vgg(images, self._teacher, tf.nn.max_pool2d))

    def learn(self, images: tf.Tensor, lesson: networks.Features, rate: float) -> None:
        """Makes one step of the student."""
        self.optimizer.learning_rate.assign(rate)
        self._learn(images, lesson)
        self.step.assign_add(1)

    @tf.function(reduce_retracing=True)
    def _learn(self, images: tf.Tensor, lesson: networks.Features) -> None:
        with tf.GradientTape() as tape:
            errors = self._errors(images, lesson)
            loss = tf.add_n([tf.reduce_mean(error) for error in errors.values()])
        self.optimizer.apply(tape.gradient(loss, self._variables), self._variables)
        for average, variable in zip(self.average, self._variables, strict=True):
            average.assign(AVERAGE * average + (1 - AVERAGE) * variable)

    def _errors(self, images: tf.Tensor, lesson: networks.Features) -> networks.Features:
        guesses = self.student.guesses(images)
        return {
            k: tf.square(guesses[k] - tf.cast(taught, tf.float32) / self.spread[k])
            for k, taught in lesson.items()
        }

    def explained(self, images: np.ndarray) -> dict[str, float]:
        """Measures what share of the variance of its teacher's channels the student predicts."""
        errors = dict.fromkeys(LAYERS, 0.0)
        squares = dict.fromkeys(LAYERS, 0.0)
        with self.averaged():
            for part in np.split(images, len(images) // BATCH):
                lesson = self.lesson(part)
                for k, error in self._errors(part, lesson).items():
                    taught = tf.cast(lesson[k], tf.float32) / self.spread[k]
                    centred = taught - tf.reduce_mean(taught, (0, 1, 2))
                    errors[k] += float(tf.reduce_sum(error))
                    squares[k] += float(tf.reduce_sum(centred**2))
        return {k: 1 - errors[k] / squares[k] for k in LAYERS}

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Lends the student the average of its weights."""
        present = [variable.numpy() for variable in self._variables]
        for variable, average in zip(self._variables, self.average, strict=True):
            variable.assign(average)
        yield
        for variable, value in zip(self._variables, present, strict=True):
            variable.assign(value)


def rate(step: int, steps: int, peak: float) -> float:
    """Returns the learning rate: linear warmup, constant, linear decay to zero at the end."""
    return peak * min(1.0, (step + 1) / WARMUP, (steps - step) / (DECAY * steps))


def lessons(
    training: Training, images: list[np.ndarray], seed: int
) -> Iterator[tuple[tf.Tensor, ...]]:
    """Yields batches with the teacher's feature maps, drawn from the most recent ones."""
    rng = np.random.default_rng(seed)
    waiting: queue.Queue[np.ndarray] = queue.Queue(4)
    feeder = np.random.default_rng([seed, 1])

    def feed() -> None:
        while True:
            waiting.put(pictures.batch(images, BATCH, SIDE, feeder))

    threading.Thread(target=feed, daemon=True).start()
    iterates = Iterates(training.student, lambda n: waiting.get()[:n], PAINTED, rng)
    kept: list[tuple[tf.Tensor, networks.Features]] = []
    while True:
        fresh = waiting.get()
        fresh[:PAINTED] = iterates.step()
        kept = [*kept[-KEPT + 1 :], (tf.constant(fresh), training.lesson(fresh))]
        for _ in range(REUSED):
            # A batch mixes crops of several recent ones: no two steps get the same crops.
            chosen = rng.choice(len(kept), BATCH)
            yield tuple(
                tf.nest.map_structure(
                    lambda *rows: tf.stack([row[i] for i, row in enumerate(rows)]),
                    *(kept[i] for i in chosen),
                )
            )


def exported(student: Student, spread: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the arrays ``layer/kernel``, ``layer/bias`` and ``layer/lift`` in float16."""
    arrays: dict[str, np.ndarray] = {}
    for name, (kernel, bias) in student.filters.items():
        arrays[f"{name}/kernel"] = kernel.numpy() / (1.0 if arrays else networks.SCALE)
        arrays[f"{name}/bias"] = bias.numpy()
        arrays[f"{name}/lift"] = student.lifts[name].numpy() * spread[name]
        arrays[f"{name}/gain"] = np.ones(())  # until measure_gains.py has measured it
    return {key: rounded(value) for key, value in arrays.items()}


def rounded(values: np.ndarray) -> np.ndarray:
    """Rounds to float16 with an 8-bit mantissa, which compresses to three quarters of the size."""
    bits = values.astype(np.float16).view(np.uint16)
    return ((bits + 2) & ~np.uint16(3)).view(np.float16)


def save(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Writes the weights atomically."""
    beside = path.with_name(f".{path.name}.partial")
    with beside.open("wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(beside, path)


def main() -> None:
    """Trains; logs progress and writes a checkpoint and the weights every few hundred steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", choices=["vgg16", "vgg19"], default="vgg16")
    parser.add_argument("--weights", type=Path, help="the teacher's, if Keras has not fetched them")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--work", type=Path, default=Path("outputs/distillation"))
    parser.add_argument("--out", type=Path, default=Path("nst/assets/bundled.npz"))
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    train(options)


def train(options: argparse.Namespace) -> None:
    """Trains until ``options.steps`` are made."""
    teacher = networks.teacher(weights.load(located(options)), LAYERS)
    images = pictures.load(options.pictures)
    kept_out, images = images[::HELD_OUT], [p for i, p in enumerate(images) if i % HELD_OUT]
    print(f"{len(images)} pictures, {len(kept_out)} kept out", flush=True)
    rng = np.random.default_rng(options.seed)
    first = tf.constant(pictures.batch(images, 4 * BATCH, SIDE, rng))
    test = pictures.batch(kept_out, 4 * BATCH, SIDE, rng)
    widths = {layer: WIDTHS[int(layer[5]) - 1] for layer in LAYERS}
    training = Training(teacher, Student(*networks.pruned(first, teacher, widths)))
    training.spread = networks.deviations(training.lesson(first))
    manager = tf.train.CheckpointManager(training.checkpoint, options.work, max_to_keep=2)
    if options.resume and manager.latest_checkpoint:
        training.checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    began, step = time.monotonic(), int(training.step)
    print(report(step, 0, training.explained(test)), flush=True)
    batches = lessons(training, images, options.seed + step)
    while step < options.steps:
        crops, lesson = next(batches)
        training.learn(crops, lesson, rate(step, options.steps, options.rate))
        step = int(training.step)
        if step % EVERY == 0 or step >= options.steps:
            manager.save()
            print(report(step, time.monotonic() - began, training.explained(test)), flush=True)
            with training.averaged():
                save(exported(training.student, training.spread), options.out)


def located(options: argparse.Namespace) -> weights.Source:
    """Finds the teacher's weights as a run does: a file, Keras' cache, or its download."""
    network = compose([f"network={options.teacher}"]).network
    return weights.locate(network.name, options.weights, network.url, network.md5, network.timeout)


def report(step: int, seconds: float, explained: dict[str, float]) -> str:
    """Returns a line of progress."""
    shares = "  ".join(f"{k[5]}_{k[-1]} {v:.3f}" for k, v in explained.items())
    return f"step {step}  {seconds / 60:.1f} min  explained variance  {shares}"


if __name__ == "__main__":
    main()
