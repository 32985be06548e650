"""What a search optimises: metrics by name, and which direction is better."""

from __future__ import annotations

from omegaconf import DictConfig

from nst.errors import InputError, did_you_mean
from nst.metrics.table import METRICS

WAYS = {"lower": "minimize", "higher": "maximize"}
# Numbers of metrics.json, and which is better; one that is best at 1 has no direction.
DIRECTIONS = {
    name: WAYS[metric.better] for name, metric in METRICS.items() if metric.better in WAYS
}
DIRECTIONS["total"] = "minimize"


def directions(search: DictConfig) -> list[str]:
    """Returns ``minimize`` or ``maximize`` for each metric of a search."""
    return list(search.directions or (DIRECTIONS[name] for name in search.metrics))


def check_objectives(search: DictConfig, judge: str | None) -> None:
    """Checks the metrics and directions of a search.

    Args:
        search: The node ``search`` of the configuration.
        judge: The second network that results are measured on, if any.

    Raises:
        InputError: One is unknown or given twice, or their numbers differ.
    """
    if not search.metrics:
        raise InputError(f"search.metrics: name at least one of {', '.join(DIRECTIONS)}")
    for name in search.metrics:
        if name not in DIRECTIONS:
            raise InputError(
                f"search.metrics: there is no metric {name}.{did_you_mean(name, DIRECTIONS)} "
                f"Valid: {', '.join(DIRECTIONS)}"
            )
        network = name.rpartition("_")[2]
        if network.startswith("vgg") and network != judge:
            raise InputError(f"search.metrics: {name} needs evaluation.network={network}")
    if len(set(search.metrics)) < len(search.metrics):
        raise InputError(f"search.metrics: a metric is named twice in {search.metrics}")
    if search.pruner is not None and len(search.metrics) > 1:
        raise InputError(
            f"search.pruner={search.pruner}: Optuna prunes by one metric only; name one in "
            f"search.metrics, or leave the pruner out"
        )
    if search.directions is None:
        return
    if set(search.directions) - {"minimize", "maximize"}:
        raise InputError(f"search.directions={search.directions}: write minimize or maximize")
    if len(search.directions) != len(search.metrics):
        raise InputError(
            f"search.directions: {len(search.directions)} for {len(search.metrics)} metrics; "
            f"give one for each, or null"
        )
