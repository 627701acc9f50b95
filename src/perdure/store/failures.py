"""What the errors of the databases' drivers mean to everybody above the store."""

from __future__ import annotations

import logging
import sqlite3

import psycopg
from sqlalchemy import exc as sa_exc

from perdure.errors import Conflict, Forbidden, PerdureError, StorageUnavailable

log = logging.getLogger("perdure.store")
DRIVER_ERRORS = (sa_exc.SQLAlchemyError, sqlite3.Error, psycopg.Error)
_SAME_KEY = (sa_exc.IntegrityError, sqlite3.IntegrityError, psycopg.IntegrityError)
_OPERATIONAL = (sa_exc.OperationalError, sqlite3.OperationalError, psycopg.OperationalError)
_TRY_AGAIN = frozenset({"40001", "40P01"})
"""PostgreSQL: serialization failure and deadlock, where it asks for the transaction again."""
_LOCKED_FOR_LONG = "55P03"


def failure_of(error: Exception) -> PerdureError:
    """Return the error that a driver's error stands for, with the driver's as its cause."""
    failure: PerdureError
    cause = getattr(error, "orig", None) or error
    if isinstance(error, _SAME_KEY):
        failure = Conflict("Something with the same key exists already.")
    elif isinstance(cause, psycopg.errors.InsufficientPrivilege) and "row-level security" in str(cause):
        log.warning("row security refused a write that the access rules had let pass: %s", cause)
        failure = Forbidden("Your role on this does not allow to change it.")
    else:
        failure = StorageUnavailable(
            f"The database cannot be used now ({cause}); nothing was stored. Try again."
        )
    failure.__cause__ = error
    return failure


def concerns_all(error: BaseException) -> bool:
    """Whether the error is of the database rather than of one statement, so that its group fails with it."""
    return isinstance(error, _OPERATIONAL)


def may_be_of_one(error: Exception) -> bool:
    """Whether a group that failed so may pass when each of its jobs is carried out by itself."""
    cause = getattr(error, "orig", None) or error
    return not concerns_all(error) or getattr(cause, "sqlstate", None) in _TRY_AGAIN | {_LOCKED_FOR_LONG}


def is_deadlock(error: Exception) -> bool:
    """Whether the same transaction is expected to pass when it is tried again."""
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlstate", None) in _TRY_AGAIN


def is_broken(error: Exception) -> bool:
    """Whether the connection was lost, rather than the statement refused."""
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "sqlstate", None)
    return isinstance(cause, psycopg.OperationalError) and (state is None or state.startswith(("08", "57P")))
