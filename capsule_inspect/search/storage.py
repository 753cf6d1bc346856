"""The database that stores the trials of a search."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.study import StudyDirection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from capsule_inspect.errors import ConfigError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import TuneSettings
from capsule_inspect.text import mask_passwords

_SQLITE_WAIT = 60.0
"""Seconds that a worker waits until others have written. SQLite's own 5 are too few on a busy
disk."""


def open_search(settings: TuneSettings, run: RunFolder) -> optuna.Study:
    """Opens the Optuna study of a search, or creates it.

    Call it within `explain_storage_errors`: if the database does not answer, SQLAlchemy's errors
    come through.

    Args:
        settings: Storage, name and pruner of the study.
        run: The folder that holds the database if the settings name none.

    Raises:
        ConfigError: The storage is not a URL, needs a driver, or holds a study of that name that
            cannot be resumed or read.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = _url(settings, run)
    try:
        study = optuna.create_study(
            storage=_connect(url),
            study_name=settings.study,
            direction="maximize",
            # In a shared database, a study of the same name may be of other data.
            load_if_exists=bool(settings.resume) or not settings.storage,
            pruner=_pruner(settings),
        )
        study.get_trials(deepcopy=False)  # so that a damaged one is found here
    except DuplicatedStudyError as error:
        raise ConfigError(
            f"There is a study '{settings.study}' in {_masked(url)} already. Choose another "
            "tune.study, or resume that one with --resume RUN, its run folder."
        ) from error
    except (ConfigError, SQLAlchemyError, StorageInternalError):
        raise
    except Exception as error:  # Optuna raises whatever the values of a damaged row raise
        reason = next(iter(str(error).splitlines()), "").rstrip(".") or type(error).__name__
        raise ConfigError(
            f"The study '{settings.study}' in {_masked(url)} is damaged: {reason}. Restore the "
            "database, or begin a new search."
        ) from error
    if study.directions != [StudyDirection.MAXIMIZE]:
        raise ConfigError(
            f"The study '{settings.study}' in {_masked(url)} minimizes its value, or has "
            "several: `tune` did not make it. Choose another tune.study."
        )
    return study


@contextmanager
def explain_storage_errors(settings: TuneSettings, run: RunFolder) -> Iterator[None]:
    """Turns errors of the database into a sentence that does not show its password.

    Raises:
        ConfigError: The database cannot be reached, written or understood.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        url = _url(settings, run)
        reason = error.__cause__ or error
        text = next(iter(str(getattr(reason, "orig", reason)).strip().splitlines()), "")
        raise ConfigError(
            f"The storage {_masked(url)} of the study does not answer: "
            f"{mask_passwords(text.rstrip('.'))}. "
            "Check --storage; finished trials are safe."
        ) from error


def _pruner(settings: TuneSettings) -> optuna.pruners.BasePruner:
    if settings.pruner == "none":
        return optuna.pruners.NopPruner()
    # Epochs are counted from 1, and Optuna prunes from this step on.
    return optuna.pruners.MedianPruner(settings.startup_trials, settings.warmup_epochs + 1)


def _url(settings: TuneSettings, run: RunFolder) -> URL:
    if not settings.storage:
        return URL.create("sqlite", database=str(run.path / "study.db"))
    try:
        return make_url(settings.storage)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "--storage is not the URL of a database. Write it as SQLAlchemy does, such as "
            "postgresql://USER:PASSWORD@HOST/DATABASE."
        ) from error


def _connect(url: URL) -> optuna.storages.RDBStorage:
    # A server may close a connection that is idle while a network trains.
    options: dict[str, object] = {"pool_pre_ping": True}
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": _SQLITE_WAIT}
    # Optuna formats the URL, so braces are doubled.
    text = (
        _with_driver(url)
        .render_as_string(hide_password=False)
        .replace("{", "{{")
        .replace("}", "}}")
    )
    try:
        return optuna.storages.RDBStorage(text, options)
    except ImportError as error:
        raise ConfigError(
            f"The storage {_masked(url)} needs a database driver that is not installed: "
            f"{error.__cause__ or error}. Install it with pip; for PostgreSQL: "
            "pip install psycopg2-binary"
        ) from error
    except RuntimeError as error:
        raise ConfigError(
            f"The storage {_masked(url)} was made by another version of Optuna: {error}"
        ) from error


def _with_driver(url: URL) -> URL:
    """Names the installed PostgreSQL driver, since SQLAlchemy's default depends on its version."""
    for driver in ("psycopg2", "psycopg"):
        if url.drivername == "postgresql" and importlib.util.find_spec(driver):
            return url.set(drivername=f"postgresql+{driver}")
    return url


def _masked(url: URL) -> str:
    return mask_passwords(url.render_as_string(hide_password=False))
