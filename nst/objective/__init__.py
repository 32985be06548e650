"""The objective: what the optimizer minimises at one scale, for whole images and in tiles."""

from nst.objective.loss import Loss, used_layers
from nst.objective.passes import not_additive
from nst.objective.scales import AnyObjective, Objectives
from nst.objective.step import compiled, compiled_step
from nst.objective.tiled import TiledObjective
from nst.objective.whole import Objective

__all__ = [
    "AnyObjective",
    "Loss",
    "Objective",
    "Objectives",
    "TiledObjective",
    "compiled",
    "compiled_step",
    "not_additive",
    "used_layers",
]
