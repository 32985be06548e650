"""The run in MLflow: parameters, metrics and files. Needs the extra ``mlflow``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from nst.errors import InputError
from nst.observers.base import Observer, RunContext
from nst.observers.files import due
from nst.observers.tensorboard import scalars
from nst.record import Record
from nst.runs.folder import CONFIG, HISTORY, METRICS, TIMELAPSE

RUN_ID = "mlflow_run.txt"  # in the run folder: a resumed run continues the one in MLflow


class MLflow(Observer):
    """Records the settings, the curves and the final metrics of a run, and its files.

    Args:
        uri: Of the store: a folder as ``file:…``, ``sqlite:///…`` or a server; None for
            MLflow's own default, which ``MLFLOW_TRACKING_URI`` sets.
        experiment: Its name in MLflow.
        every: Number of steps between points of the curves, >= 1.
    """

    def __init__(self, uri: str | None, experiment: str, every: int) -> None:
        if find_spec("mlflow") is None:
            raise InputError("observer=mlflow needs a package: pip install 'nst[mlflow]'")
        self._uri, self._experiment, self._every = uri, experiment, every

    def start(self, run: RunContext) -> None:
        """Starts a run in MLflow, or continues that of a resumed run."""
        from mlflow.tracking import MlflowClient

        self._run, self._client = run, MlflowClient(tracking_uri=self._uri)
        known = run.folder.path / RUN_ID
        if run.first_step > 0 and known.is_file():
            self._id = known.read_text("utf-8").strip()
            self._client.set_terminated(self._id, "RUNNING")
            return
        experiment = self._experiment_id()
        self._id = self._client.create_run(experiment, run_name=run.folder.path.name).info.run_id
        run.folder.write(RUN_ID, f"{self._id}\n".encode())
        for key, value in run.hparams.items():
            self._client.log_param(self._id, key, value)

    def _experiment_id(self) -> str:
        """Finds the experiment, or creates it, unless a job beside this one just has."""
        from mlflow.exceptions import MlflowException

        if (found := self._client.get_experiment_by_name(self._experiment)) is None:
            try:
                return str(self._client.create_experiment(self._experiment))
            except MlflowException:
                found = self._client.get_experiment_by_name(self._experiment)
                if found is None:
                    raise
        return str(found.experiment_id)

    def step(self, record: Record) -> None:
        """Adds a point to every curve."""
        from mlflow.entities import Metric

        if due(record, self._every):
            now = round(1000 * time.time())
            points = [Metric(tag, v, now, record.step) for tag, v in scalars(record).items()]
            self._client.log_batch(self._id, metrics=points)

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Adds the final metrics and the files of the run folder."""
        for name, value in metrics.items():
            if isinstance(value, int | float):
                self._client.log_metric(self._id, name, value)
        folder = self._run.folder
        for path in (
            folder.result,
            *(folder.path / n for n in (CONFIG, METRICS, HISTORY, *TIMELAPSE)),
        ):
            if path.is_file():
                self._client.log_artifact(self._id, str(path))
        self._client.set_terminated(self._id, "FINISHED" if metrics else "KILLED")
