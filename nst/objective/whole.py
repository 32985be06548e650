"""The objective of a whole image at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial

import tensorflow as tf

from nst.features.encoder import Features
from nst.losses import Evaluation, References, View
from nst.objective.loss import Loss, PartWeights, gradient_norms
from nst.objective.step import Bound, compiled_step


class Deferred(Mapping[str, tf.Tensor]):
    """Feature maps that are computed once one is read: most draws need none.

    Args:
        layers: Their names.
        compute: Returns them.
    """

    def __init__(self, layers: Sequence[str], compute: Callable[[], Features]) -> None:
        self._layers, self._compute = layers, compute

    @cached_property
    def _maps(self) -> Features:
        return self._compute()

    def __getitem__(self, layer: str) -> tf.Tensor:
        """Returns a feature map."""
        return self._maps[layer]

    def __iter__(self) -> Iterator[str]:
        """Names the layers."""
        return iter(self._layers)

    def __len__(self) -> int:
        """Counts the layers."""
        return len(self._layers)


class Objective:
    """The objective J at one scale: a loss bound to the images that the iterate is compared with.

    Args:
        loss: The terms and the network.
        references: The content image and the style images at this scale, without features. The
            regions and weights of the content are those of the iterate.

    Attributes:
        weights: The weights of each term and its parts, as used.
    """

    def __init__(self, loss: Loss, references: References) -> None:
        self.weights = {name: loss.weights[name] for name in loss.terms}
        self._grey, norms = loss.grey, dict(loss.norms)
        self._step = compiled_step(loss.encoder, loss.named)
        targets = self._step.targets(weighed(references), norms)
        self._bound = Bound(targets, loss.part_weights(), norms, references.content.located().guide)

    def __call__(self, image: tf.Tensor) -> Evaluation:
        """Evaluates J and its gradient: one forward and one backward pass.

        Args:
            image: The iterate, ``[1, H, W, 3]`` float32.
        """
        return self._evaluate(image, self._bound.weights)

    def gradient_norms(self, image: tf.Tensor) -> dict[str, float]:
        """Measures the norm of each weighted term's own gradient: an evaluation per term."""
        return gradient_norms(partial(self._evaluate, image), self._bound.weights)

    def _evaluate(self, image: tf.Tensor, weights: PartWeights) -> Evaluation:
        bound = self._bound._replace(weights=weights)
        evaluation: Evaluation = self._step.evaluate(image, bound)
        if not self._grey:
            return evaluation
        gradient = tf.reduce_mean(evaluation.gradient, -1, keepdims=True)
        return evaluation._replace(gradient=tf.broadcast_to(gradient, image.shape))

    def _view(self, image: tf.Tensor) -> View:
        """Returns the view of an image, whose features are computed once one is read."""

        def features() -> Features:
            view: View = self._step.view(image, self._bound.norms, self._bound.guide)
            return view.features

        return View(image, Deferred(self._step.layers, features), **self._bound.guide)

    def refreshed(self, image: tf.Tensor, seed: tuple[int, int]) -> Objective:
        """Renews the targets of terms with random draws or matches; free if there are none.

        Args:
            image: The iterate.
            seed: A different seed for each step.

        Returns:
            The new objective, or this one if nothing has changed.
        """
        if not self._step.refreshing:
            return self
        targets, drawn = self._bound.targets, tf.constant(seed, tf.int64)
        view = self._view(image)
        changed = {
            name: target
            for name, term in self._step.refreshing.items()
            if (target := term.refresh(targets[name], view, drawn)) is not targets[name]
        }
        if not changed:
            return self
        objective = copy.copy(self)
        objective._bound = self._bound._replace(targets={**targets, **changed})
        return objective


def weighed(references: References) -> References:
    """Makes tensors of the weights of the styles, so that other weights need no other trace."""
    styles = [
        style._replace(weight=tf.constant(style.weight, tf.float32)) for style in references.styles
    ]
    return references._replace(styles=styles)
