"""The same step in PyTorch."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

import numpy as np

from benchmarks.measuring import Work, in_turn, process
from benchmarks.steps import CONTENT, STYLE, layers, pictures, tensorflow_step
from benchmarks.table import Row


def torch_step(network: str, layout: str) -> Work:
    """Returns the same step in PyTorch."""
    import torch
    from torch.nn import functional

    def tensor(array: np.ndarray, axes: tuple[int, ...]) -> torch.Tensor:
        copy = np.ascontiguousarray(array.transpose(axes))
        return torch.from_numpy(copy).to(memory_format=getattr(torch, layout))

    def features(image: torch.Tensor) -> dict[str, torch.Tensor]:
        x, found = image.flip(1) * 255 - mean, {}
        for name, kernel, bias, *_ in stack:
            if kernel is None:
                x = functional.max_pool2d(x, 2, ceil_mode=True)
            else:
                x = functional.relu(functional.conv2d(x, kernel, bias, padding=1))
            found[name] = x
        return found

    def gram(x: torch.Tensor) -> torch.Tensor:
        rows = x.flatten(2)[0]
        return rows @ rows.T / rows.shape[1]

    def work() -> float:
        found = features(iterate)
        loss = functional.mse_loss(found[CONTENT], target)
        loss = loss + sum(functional.mse_loss(gram(found[k]), grams[k]) for k in STYLE)
        torch.autograd.grad(loss, iterate)
        return float(loss.detach())

    torch.set_num_threads(os.cpu_count() or 1)
    mean = torch.tensor([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)
    stack = [
        layer if layer.kernel is None
        else (layer.name, tensor(layer.kernel, (3, 2, 0, 1)), torch.tensor(layer.bias), None)
        for layer in layers(network)
    ]  # fmt: skip
    iterate, content, style = (tensor(picture, (0, 3, 1, 2)) for picture in pictures())
    target = features(content)[CONTENT]
    grams = {name: gram(x) for name, x in features(style).items() if name in STYLE}
    iterate.requires_grad_()
    return work


def torch(rounds: int) -> Iterator[Row]:
    """Compares the step, with zero padding, with PyTorch's in the faster of its two layouts."""
    if importlib.util.find_spec("torch") is None:
        yield Row("PyTorch", None, "not measured: pip install -e '.[benchmark]'")
        return
    for network in ("vgg19", "bundled"):
        with process() as ours, process() as theirs:
            works = {"TensorFlow": (ours, tensorflow_step, network, "float32", "zeros")}
            for layout in ("contiguous_format", "channels_last"):
                works[f"PyTorch {layout}"] = (theirs, torch_step, network, layout)
            times = in_turn(rounds, works)
        (seconds, loss), *others = times.values()
        for name, (taken, _) in times.items():
            yield Row(f"{network}, {name}", taken, "s")
        ratio = min(taken for taken, _ in others) / seconds
        target = ">= 1.3" if network == "vgg19" else ""
        yield Row(f"{network}, PyTorch's time / TensorFlow's", ratio, "", target)
        apart = max(abs(other / loss - 1) for _, other in others)
        yield Row(f"{network}, relative difference of the losses", apart, "", "<= 1e-3")
