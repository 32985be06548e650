"""Parses the options of ``nst.run``; overrides may stand anywhere between them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser  # Hydra has no public one

from nst import __version__
from nst.config.mixing import mixed
from nst.config.overrides import SEARCH_PATH, quoted, with_paths_quoted
from nst.errors import InputError, did_you_mean

OPTIONS = ("--help", "--forecast", "--multirun", "--cfg", "--package", "--resolve", "--config-dir")
DEPTHS = ("*.yaml", "*/*.yaml", "*/*/*.yaml")  # hydra/launcher/mine.yaml is the deepest


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parses options and overrides in any order.

    Raises:
        InputError: There is no such option, or it would bypass the checks.
    """
    parser: argparse.ArgumentParser = get_args_parser()
    parser.exit_on_error = False
    (version,) = (action for action in parser._actions if action.dest == "version")
    version.version = f"nst {__version__}"  # type: ignore[attr-defined]
    parser.add_argument("--forecast", action="store_true")
    try:
        parsed, unknown = parser.parse_known_intermixed_args(list(arguments))
    except argparse.ArgumentError as error:
        raise InputError(f"{error} (--help shows how)") from error
    if unknown:
        raise InputError(
            f"{unknown[0]}: there is no such option.{did_you_mean(unknown[0], OPTIONS)}"
        )
    if parsed.config_path or parsed.config_name or parsed.experimental_rerun:
        raise InputError(
            "--config-path, --config-name and --experimental-rerun would bypass the checks: "
            "replay=RUN_FOLDER repeats a run, --config-dir=FOLDER adds options of your own"
        )
    return parsed


def overrides_of(parsed: argparse.Namespace) -> list[str]:
    """Returns the overrides in Hydra's grammar, including the folder of ``--config-dir``."""
    overrides = [with_paths_quoted(override) for override in parsed.overrides]
    if parsed.config_dir is not None:
        if not parsed.config_dir.strip():  # as of an unset variable
            raise InputError("--config-dir is empty: give a folder")
        if not Path(parsed.config_dir).is_dir():
            raise InputError(f"--config-dir: there is no folder {parsed.config_dir}")
        _check_files(Path(parsed.config_dir))
        folder = quoted(f"file://{Path(parsed.config_dir).absolute()}")
        overrides.append(f"{SEARCH_PATH}=[{folder}]")
    return mixed(overrides)


def _check_files(folder: Path) -> None:
    """Finds what would be read for ever, such as a pipe."""
    for path in (path for depth in DEPTHS for path in folder.glob(depth)):
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(f"--config-dir: {path} is a device or pipe; remove it")
