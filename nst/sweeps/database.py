"""The file of a search's study: SQLite, which several processes may write. Needs Optuna."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import optuna
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from nst.errors import InputError, printable
from nst.sweeps.space import STUDY

NAME = "nst"  # of the study in its file
ASKED = "asked"  # attribute of the study: what it searches
PRUNER = "pruner"  # attribute of the study: its name
PATIENCE = 60.0  # with another process that writes, s

optuna.logging.set_verbosity(optuna.logging.WARNING)


@contextmanager
def reading(folder: Path) -> Iterator[optuna.Study]:
    """Opens the study in a folder, which may come from anywhere, and writes nothing there.

    Raises:
        InputError: It is damaged.
    """
    database = f"file:{quote(str((folder / STUDY).absolute()))}"
    url = URL.create("sqlite", database=database, query={"mode": "ro", "uri": "true"})
    try:
        storage = _storage(url, skip_table_creation=True)
        yield optuna.load_study(storage=storage, study_name=NAME)
    except (
        *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError),
        *(SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError),
    ) as error:
        reason = printable(" ".join(str(error).split()))[:200] or type(error).__name__
        raise InputError(f"{folder / STUDY} is damaged: {reason}") from error


def writable(folder: Path) -> optuna.storages.RDBStorage:
    """Opens the file of a study to write into it."""
    return _storage(URL.create("sqlite", database=str((folder / STUDY).absolute())))


def _storage(url: URL, **options: bool) -> optuna.storages.RDBStorage:
    patient = {"connect_args": {"timeout": PATIENCE}}
    text = url.render_as_string(hide_password=False)
    return optuna.storages.RDBStorage(text, engine_kwargs=patient, **options)


@contextmanager
def quietly() -> Iterator[None]:
    """Silences Optuna's warnings about experimental functions and about values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
