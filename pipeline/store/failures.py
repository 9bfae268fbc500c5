"""What the driver raises → errors a caller can act on: wait, bisect the rows, or stop.

A message has one line: what was tried, the server's code and its symbolic name. The server's own
text is left out, since it quotes row values; only DDL, which holds none, may show it.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from clickhouse_connect.driver.exceptions import ClickHouseError, DataError, OperationalError
from clickhouse_connect.driver.exceptions import Error as DriverError

from pipeline.errors import BadRowError, StoreError, TransientStoreError

TRANSIENT_CODES: Final = frozenset(
    {
        3,  # UNEXPECTED_END_OF_FILE: the request was cut short on its way
        32,  # ATTEMPT_TO_READ_AFTER_EOF: the same, met later
        33,  # CANNOT_READ_ALL_DATA: the same, in the middle of a block
        159,  # TIMEOUT_EXCEEDED
        198,  # DNS_ERROR
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED: the server is going down
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY: a replica lost its keeper
        243,  # NOT_ENOUGH_SPACE
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        319,  # UNKNOWN_STATUS_OF_INSERT: rows are idempotent, so send them again
        373,  # SESSION_IS_LOCKED
        394,  # QUERY_WAS_CANCELLED
        439,  # CANNOT_SCHEDULE_TASK
        473,  # DEADLOCK_AVOIDED
        999,  # KEEPER_EXCEPTION
    }
)
"""Waiting helps. Not 252 (TOO_MANY_PARTS): it also means one insert over too many partitions, and
waiting for ever would hide that."""

BAD_ROW_CODES: Final = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        131,  # TOO_LARGE_STRING_SIZE
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        376,  # CANNOT_PARSE_UUID
        469,  # VIOLATED_CONSTRAINT
    }
)
"""The rows are at fault. Every code in neither set means schema, rights or a bug of ours: stop."""

_SERIALIZING = (DataError, TypeError, ValueError, OverflowError, AttributeError, struct.error)
"""What the driver lets through when a value does not fit its column, before anything is sent."""

_DETAIL = 400
"""Characters of a DDL error worth reading; what follows is a list of every token expected."""


@contextmanager
def store_errors(what: str, *, rows: bool = False, detail: bool = False) -> Iterator[None]:
    """Raises StoreError, TransientStoreError or BadRowError for what fails inside; it may await.

    `what` completes "cannot ...". `rows`: the block inserts rows, so a value that cannot be
    serialised is a BadRowError. `detail`: the server's own text is shown (for statements without
    row values).
    """
    try:
        yield
    except ClickHouseError as error:
        raise translate(error, what, rows=rows, detail=detail) from None
    except (OSError, EOFError) as error:
        raise TransientStoreError(f"cannot {what}: {type(error).__name__}") from None
    except _SERIALIZING as error:
        if not rows:
            raise
        raise BadRowError(f"cannot {what}: a value does not fit ({type(error).__name__})") from None


def translate(
    error: ClickHouseError, what: str, *, rows: bool = False, detail: bool = False
) -> StoreError:
    """The error that `store_errors` raises for one of the driver."""
    code = (error.code or 0) if isinstance(error, DriverError) else 0
    name = (error.name if isinstance(error, DriverError) else None) or type(error).__name__
    if code == 0:
        return _without_code(error, what, rows)
    message = f"cannot {what}: ClickHouse error {code} {name}"
    if detail:
        message += f": {_one_line(str(error))}"
    if code in TRANSIENT_CODES:
        return TransientStoreError(message, code)
    if rows and code in BAD_ROW_CODES:
        return BadRowError(message, code)
    return StoreError(message, code)


def _without_code(error: ClickHouseError, what: str, rows: bool) -> StoreError:
    """The server never answered, a proxy did, or the driver refused by itself."""
    text = _one_line(str(error))
    if rows and isinstance(error, DataError):
        return BadRowError(f"cannot {what}: a value does not fit its column")
    refused = _tls(error)
    if refused:
        return StoreError(f"cannot {what}: {refused}")
    if isinstance(error, OperationalError) or "HTTP status 5" in text:
        return TransientStoreError(f"cannot {what}: ClickHouse is away or gave no answer")
    if "HTTP status" in text:
        status = text.split("HTTP status", 1)[1].split()[0].strip(",")
        return StoreError(f"cannot {what}: HTTP status {status} instead of ClickHouse")
    return StoreError(f"cannot {what}: the driver refused it ({type(error).__name__})")


def _tls(error: BaseException | None) -> str:
    """OpenSSL's reason, from below the layers of the driver; empty when it is none of these."""
    while error is not None:
        # Asked by name: aiohttp has classes of the kind without them.
        why, reason = (getattr(error, name, "") for name in ("verify_message", "reason"))
        if isinstance(error, ssl.SSLCertVerificationError) and why:
            return f"its certificate is refused: {why.rstrip('.')} (clickhouse.ca_file)"
        if isinstance(error, ssl.SSLError) and "ALERT" in str(reason):
            return f"it refuses our TLS: {reason} (clickhouse.cert_file)"
        error = error.__cause__ or error.__context__
    return ""


def _one_line(text: str) -> str:
    """The message without the driver's preamble, bounded."""
    body = " ".join(text.split("server response:", 1)[-1].split())
    return body if len(body) <= _DETAIL else body[:_DETAIL] + " ..."


SCHEMA_CODES: Final = frozenset(
    {
        16,  # NO_SUCH_COLUMN_IN_TABLE
        47,  # UNKNOWN_IDENTIFIER
        60,  # UNKNOWN_TABLE
        81,  # UNKNOWN_DATABASE
    }
)
"""What a statement of ours meets in a database that was not migrated, or not since an upgrade."""


@contextmanager
def needing_tables() -> Iterator[None]:
    """A StoreError for want of a table or a column says what makes it."""
    try:
        yield
    except StoreError as error:
        if error.code in SCHEMA_CODES:
            raise StoreError(f"{error}; run `cxpulse migrate`", error.code) from None
        raise
