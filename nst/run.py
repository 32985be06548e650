"""``python -m nst.run [overrides]``: composes, checks, runs, and says how it went.

No class that a configuration names lives here: run as a script, this file is imported twice.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from nst.checks import check
from nst.config import CONF_DIR, compose
from nst.errors import InputError
from nst.explain import USER_ERRORS, explain
from nst.inputs import gather
from nst.replay import effective
from nst.runs import RESULT, STATUS, RunFolder

log = logging.getLogger(__name__)

COMPLETED, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


@hydra.main(config_path=str(CONF_DIR), config_name="config", version_base="1.3")
def task(config: DictConfig) -> float:
    """Runs one job; returns the sum of both evaluation distances, for sweepers that optimise."""
    from nst.runtime import import_tensorflow

    import_tensorflow()
    from nst.transfer import stylize

    context = HydraConfig.get()
    folder = RunFolder(Path(context.runtime.output_dir))
    with folder.locked():
        metrics = stylize(effective(config, context.overrides.task), folder.path).metrics
    log.info("%s  (%.0f s)", _shown(folder.path / RESULT), metrics["seconds"])
    log.info("Compare: python -m tensorboard.main --logdir %s", _shown(folder.path.parent.parent))
    return float(metrics["content_distance"] + metrics["style_distance"])


def main() -> None:
    """Entry of the command line; exits with 0, 1 (failed), 2 (wrong input) or 130 (interrupted)."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs a command line and returns its exit status."""
    parsed = get_args_parser().parse_args(list(arguments))
    if parsed.help:
        from nst.help import page

        print(page())
        return COMPLETED
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop is a Ctrl-C
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us as they are
    try:
        overrides = list(parsed.overrides)
        if not (parsed.cfg or parsed.info or parsed.hydra_help or parsed.shell_completion):
            overrides = prepared(overrides, parsed.multirun)
        options = [argument for argument in arguments if argument not in parsed.overrides]
        sys.argv[1:] = [*options, *overrides]
        task()
    except USER_ERRORS as error:
        print(f"nst: {explain(error)}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("nst: interrupted; the picture so far is in the run folder", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # the last place that can say it in a line; the log has the rest
        log.exception("the run failed")
        print(f"nst: the run failed: {error}", file=sys.stderr)
        return FAILED
    return COMPLETED


def prepared(overrides: list[str], multirun: bool) -> list[str]:
    """Checks every job before the first one starts, images and weights included.

    Returns:
        The overrides for Hydra; those that a resumed or replayed run adds are put at the end.

    Raises:
        InputError: As the first wrong job says. Nothing was written.
    """
    parsed = OverridesParser.create().parse_overrides(overrides)
    swept = [o for o in parsed if o.is_sweep_override()]
    plain = [o.input_line for o in parsed if o not in swept]
    composed = compose(plain if multirun else overrides, hydra=True)
    if multirun or composed.hydra.mode == RunMode.MULTIRUN:
        params = [f"{key}={value}" for key, value in (composed.hydra.sweeper.params or {}).items()]
        parsed = OverridesParser.create().parse_overrides([*params, *overrides])
        for job in BasicSweeper.split_arguments(parsed, None)[0]:
            _checked(compose(job), job)
        return overrides
    folder = Path(composed.hydra.run.dir)
    with open_dict(composed):
        del composed["hydra"]
    config = _checked(composed, overrides)
    if composed.resume is not None:  # in the same folder, its .hydra left as it is
        folder = Path(composed.resume).expanduser().absolute()
        return [*overrides, f"hydra.run.dir='{folder}'", "hydra.output_subdir=null"]
    if (folder / STATUS).exists():
        raise InputError(
            f"hydra.run.dir: {folder} holds a run already; resume={folder} goes on with it, "
            f"another folder starts anew"
        )
    if composed.replay is not None:  # so that the folder is named after its images
        images = {key: OmegaConf.select(config, key) for key in ("content.image", "style.image")}
        return [*overrides, *(f"{key}='{image}'" for key, image in images.items())]
    return overrides


def _checked(composed: DictConfig, overrides: Sequence[str]) -> DictConfig:
    config = effective(composed, overrides)
    check(config)
    gather(config)
    return config


def _shown(path: Path) -> str:
    """Shortens a path to one that can be typed from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


if __name__ == "__main__":
    main()
