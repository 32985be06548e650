"""``python -m nst.run [overrides]``: composes, checks, runs and reports."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module

from omegaconf import DictConfig

from nst.cli.arguments import overrides_of, parse_options
from nst.cli.checks import check_run, check_search, check_sweep, check_unused, created
from nst.cli.ending import kept_if_refused, report, say
from nst.cli.framework import check_framework
from nst.cli.job import forecast, task
from nst.cli.signals import commanding
from nst.cli.watching import reported
from nst.config import compose, quoted
from nst.errors import COMPLETED, InputError, did_you_mean
from nst.files.streams import keep_streams
from nst.runs.folder import RunFolder
from nst.sweeps.plan import Sweep, is_sweep, of_all_jobs, plan_sweep
from nst.sweeps.search import plan_search

COMMANDS = {  # the modules of other commands, by their first word
    "compare": "nst.compare.cli",
    "regions": "nst.regions.cli",
    "schema": "nst.config.json_schema",
    "tensorboard": "nst.tensorboard",
}


def main() -> None:
    """Entry point; exits with 0, 1 (failed), 2 (wrong input) or 130 (interrupted)."""
    keep_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs a command line and returns its exit status."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us unchanged
    try:
        command, *others = arguments or [""]
        if command in COMMANDS:
            return int(import_module(COMMANDS[command]).main(others))
        _check_command(command)
        options = parse_options(["--forecast", *others] if command == "forecast" else arguments)
        if options.help:
            from nst.cli.help import page

            print(page())
            return COMPLETED
        if options.shell_completion:
            _complete(arguments)  # its words, such as install=bash, are no settings
            return COMPLETED
        for flag in ("forecast", "cfg", "info"):
            if options.multirun and getattr(options, flag):
                raise InputError(
                    f"--{flag} is of a single run: leave out -m and name one value each"
                )
        if options.cfg or options.info or options.hydra_help:
            overrides = overrides_of(options)
            compose(of_all_jobs(overrides))  # its errors take one line, Hydra's do not
            _hand_over([a for a in arguments if a not in options.overrides] + overrides)
            return COMPLETED
        if options.forecast:
            print(forecast(overrides_of(options)))
            return COMPLETED
        return _run_jobs(overrides_of(options), options.multirun)
    except SystemExit as end:
        return int(end.code or COMPLETED)
    except (Exception, KeyboardInterrupt) as error:
        return say(error)


def _check_command(word: str) -> None:
    if re.fullmatch(r"\w+", word) and word != "forecast" and (hint := did_you_mean(word, COMMANDS)):
        raise InputError(f"{word}: there is no such command.{hint}")


def _run_jobs(overrides: list[str], multirun: bool) -> int:
    """Checks every job, images and weights included, before the first starts; then runs them."""
    composed = compose(of_all_jobs(overrides) if multirun else overrides, hydra=True)
    check_framework(composed.hydra)
    if is_sweep(composed, multirun):
        return _run_sweep(_planned(composed, overrides))
    return _run_one(check_run(composed, overrides), overrides, composed.resume is not None)


def _run_one(folder: RunFolder, overrides: list[str], resumed: bool) -> int:
    """Runs a single job; no other process writes into its folder, not even Hydra's of one."""
    created("hydra.run.dir", folder.path)
    place = [f"hydra.run.dir={quoted(folder.path)}"]
    with folder.locked(), commanding(busy=lambda: False):
        if resumed:
            with kept_if_refused(folder):
                _hand_over([*overrides, *place, "hydra.output_subdir=null"])
        else:
            check_unused(folder)  # again: another command may have been faster
            _hand_over([*overrides, *place])
    return COMPLETED


def _planned(composed: DictConfig, overrides: list[str]) -> Sweep:
    if composed.search is None:
        sweep = plan_sweep(composed, overrides)
        check_sweep(sweep)
        return sweep
    search = plan_search(composed, overrides)
    check_search(search)
    from nst.sweeps.sweeper import register  # needs Optuna

    register()
    return search


def _run_sweep(sweep: Sweep) -> int:
    created("hydra.sweep.dir", sweep.folder)
    with sweep.locked():
        try:
            with commanding(sweep.busy), reported(sweep.folder, sweep.size):
                _hand_over(["-m", *sweep.overrides, f"hydra.sweep.dir={quoted(sweep.folder)}"])
        finally:
            status = report(sweep)
    return status


def _complete(arguments: Sequence[str]) -> None:
    """Prints what Hydra proposes, without options that others build on, such as ``style=_base``."""
    with redirect_stdout(io.StringIO()) as said:
        _hand_over(arguments)
    words = said.getvalue()
    asked = any(argument.startswith("query=") for argument in arguments)
    print(re.sub(r"\S*[.=]_\S*\s?", "", words) if asked else words, end="")


def _hand_over(arguments: Sequence[str]) -> None:
    """Runs Hydra, which starts the jobs; it reads its arguments from ``sys.argv``."""
    sys.argv[1:] = arguments
    task()
