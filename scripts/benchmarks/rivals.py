"""This project, and what people run to get the same picture.

All methods use the same images, network and weights. Those below also minimise the same losses with
the same balance as the default run (content plus Gram matrices of normalised feature maps), so what
is compared is how they do it. Taking and judging pictures stops the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

import nst
from benchmarks.ingredients import Ingredients, files
from benchmarks.steps import CONTENT, STYLE
from nst.runtime import import_tensorflow

ALPHA, BETA = 1e3, 2e4  # as in conf/
OFTEN = 1.15  # ratio of the times of neighbouring pictures

Taken = list[tuple[float, np.ndarray]]  # seconds, and the picture [H, W, 3]


class Stopwatch:
    """Takes pictures at times that grow by a factor; its clock stands still meanwhile.

    Attributes:
        taken: Seconds and pictures so far.
    """

    def __init__(self, limit: float) -> None:
        self.taken: Taken = []
        self._limit, self._zero = limit, time.perf_counter()

    def __call__(self, picture: Callable[[], np.ndarray], last: bool = False) -> bool:
        """Returns whether the time is up."""
        seconds = time.perf_counter() - self._zero
        if last or seconds > self._limit or seconds >= OFTEN * (self.taken or [(0.0,)])[-1][0]:
            self.taken.append((seconds, np.clip(picture(), 0.0, 1.0)))
            self._zero = time.perf_counter() - seconds
        return seconds > self._limit


class TimeIsUp(Exception):
    """Ends a run."""


def ours(start: Ingredients, limit: float, more: tuple[str, ...] = ()) -> Taken:
    """Runs this project; with an experiment among the overrides, the settings of another."""
    import_tensorflow()
    watch = Stopwatch(limit)

    def step(record: Any) -> None:
        if watch(lambda: record.image.numpy()[0], record.last):
            raise TimeIsUp

    content, style = files(start.pair)
    overrides = [*more, f"size={start.size}", "network=bundled"]
    with suppress(TimeIsUp):
        nst.stylize(content, style, overrides=overrides, progress=step)
    return watch.taken


def predecessor(start: Ingredients, limit: float) -> Taken:
    """Plain eager TensorFlow: 3,000 iterations of Adam on the pixels, from noise."""
    tf = import_tensorflow()
    content, style = (tf.constant(picture[None]) for picture in (start.content, start.style))
    watch = Stopwatch(limit)

    def features(image: Any) -> dict[str, Any]:
        x, found = image[..., ::-1] * 255.0 - [103.939, 116.779, 123.68], {}
        for layer in start.layers:
            if layer.kernel is None:
                x = tf.nn.avg_pool2d(x, 2, 2, "SAME")
            else:
                x = tf.nn.relu(tf.nn.conv2d(x, layer.kernel, 1, "SAME") + layer.bias)
            if layer.name in start.norms:
                found[layer.name] = tf.einsum("nhwc,cd->nhwd", x, start.norms[layer.name])
        return found

    def gram(x: Any) -> Any:
        return tf.einsum("nhwc,nhwd->cd", x, x) / (x.shape[1] * x.shape[2])

    kept = features(content)[CONTENT]
    grams = {name: gram(x) for name, x in features(style).items() if name in STYLE}
    image = tf.Variable(tf.random.stateless_uniform(content.shape, (0, 0)))
    optimizer = tf.keras.optimizers.Adam(0.02)
    for step in range(3000):
        with tf.GradientTape() as tape:
            found = features(image)
            loss = ALPHA * tf.reduce_mean((found[CONTENT] - kept) ** 2)
            apart = [tf.reduce_mean((gram(found[k]) - grams[k]) ** 2) for k in STYLE]
            loss += BETA * tf.add_n(apart) / len(STYLE)
        optimizer.apply_gradients([(tape.gradient(loss, image), image)])
        image.assign(tf.clip_by_value(image, 0.0, 1.0))
        if watch(lambda: image.numpy()[0], last=step == 2999):
            break
    return watch.taken


def torch_lbfgs(start: Ingredients, limit: float) -> Taken:
    """PyTorch with its own L-BFGS from the content image, as in its tutorial."""
    import torch
    from torch.nn import functional

    def tensor(array: np.ndarray, *axes: int) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array.transpose(axes), np.float32))

    content, style = (tensor(picture, 2, 0, 1)[None] for picture in (start.content, start.style))
    layers = [
        (layer.name, None, None) if layer.kernel is None
        else (layer.name, tensor(layer.kernel, 3, 2, 0, 1), tensor(layer.bias, 0))
        for layer in start.layers
    ]  # fmt: skip
    norms = {name: tensor(norm, 0, 1) for name, norm in start.norms.items()}
    mean = torch.tensor([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)
    watch = Stopwatch(limit)

    def features(image: Any) -> dict[str, Any]:
        x, found = image.flip(1) * 255 - mean, {}
        for name, kernel, bias in layers:
            if kernel is None:
                x = functional.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
            else:
                x = functional.relu(functional.conv2d(x, kernel, bias, padding=1))
            if name in norms:
                found[name] = torch.einsum("nchw,cd->ndhw", x, norms[name])
        return found

    def gram(x: Any) -> Any:
        rows = x.flatten(2)[0]
        return rows @ rows.T / rows.shape[1]

    with torch.no_grad():
        kept = features(content)[CONTENT]
        grams = {name: gram(x) for name, x in features(style).items() if name in STYLE}
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image])

    def closure() -> Any:
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        found = features(image)
        apart = [functional.mse_loss(gram(found[k]), grams[k]) for k in STYLE]
        loss = ALPHA * functional.mse_loss(found[CONTENT], kept) + BETA * sum(apart) / len(STYLE)
        loss.backward()
        return loss

    for step in range(50):  # of 20 iterations
        optimizer.step(closure)
        if watch(lambda: image.detach().numpy()[0].transpose(1, 2, 0), last=step == 49):
            break
    return watch.taken


OURS = ("this project", "this project, one scale")
PREDECESSOR = "predecessor (eager, Adam)"
METHODS: Mapping[str, Callable[..., Taken]] = {
    OURS[0]: ours,
    OURS[1]: partial(ours, more=("pyramid=single",)),
    PREDECESSOR: predecessor,
    "TensorFlow's tutorial": partial(ours, more=("experiment=tf_tutorial",)),
    "PyTorch, L-BFGS": torch_lbfgs,
}
