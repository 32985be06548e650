"""Observers of a run: independent of each other, and unable to stop it."""

from nst.observers.base import Observer, Observers, RunContext
from nst.observers.files import Checkpoints, Metrics, Snapshots
from nst.observers.mlflow import MLflow
from nst.observers.progress import Progress
from nst.observers.tensorboard import TensorBoard
from nst.observers.timelapse import Timelapse

__all__ = [
    "Checkpoints",
    "MLflow",
    "Metrics",
    "Observer",
    "Observers",
    "Progress",
    "RunContext",
    "Snapshots",
    "TensorBoard",
    "Timelapse",
]
