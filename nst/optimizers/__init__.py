"""Optimizers: one protocol, first-order rules (Keras' behind an adapter) and L-BFGS."""

from __future__ import annotations

from nst.optimizers.base import Diverged, Evaluation, Objective, Optimizer
from nst.optimizers.first_order import FirstOrder
from nst.optimizers.lbfgs import LBFGS

__all__ = ["LBFGS", "Diverged", "Evaluation", "FirstOrder", "Objective", "Optimizer"]
