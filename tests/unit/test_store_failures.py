"""A driver error becomes one line: wait, bisect or stop, and never the value that caused it."""

from __future__ import annotations

import ssl

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError

from pipeline.errors import BadRowError, SettingsError, StoreError, TransientStoreError
from pipeline.settings import ClickHouseSettings
from pipeline.store.client import connect
from pipeline.store.failures import BAD_ROW_CODES, TRANSIENT_CODES, store_errors

SECRET = "my neighbour Jo lives at 12 Elm Street"


def raised(error: Exception, *, rows: bool = True) -> StoreError:
    with pytest.raises(StoreError) as caught, store_errors("insert into responses", rows=rows):
        raise error
    message = str(caught.value)
    assert SECRET not in message
    assert "\n" not in message
    assert message.startswith("cannot insert into responses: ")
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        pytest.param(210, TransientStoreError, id="network"),
        pytest.param(241, TransientStoreError, id="memory"),
        pytest.param(243, TransientStoreError, id="disk full"),
        pytest.param(53, BadRowError, id="type mismatch"),
        pytest.param(469, BadRowError, id="constraint"),
        pytest.param(252, StoreError, id="too many parts: waiting would hide it"),
        pytest.param(60, StoreError, id="no such table"),
        pytest.param(516, StoreError, id="wrong password"),
    ],
)
def test_the_code_decides_what_helps(code: int, kind: type[StoreError]) -> None:
    text = f"Code: {code}. DB::Exception: cannot parse '{SECRET}'. (SOME_NAME)"
    error = raised(DatabaseError(text, code=code, name="SOME_NAME"))
    assert type(error) is kind
    assert error.code == code
    assert f"ClickHouse error {code} SOME_NAME" in str(error)


def test_a_row_is_at_fault_only_where_rows_are_inserted() -> None:
    assert type(raised(DatabaseError(SECRET, code=53), rows=False)) is StoreError
    assert type(raised(DatabaseError(SECRET, code=53), rows=True)) is BadRowError


def test_no_answer_means_wait() -> None:
    assert type(raised(OperationalError(f"Network Error: {SECRET}"))) is TransientStoreError
    assert type(raised(ConnectionResetError(SECRET))) is TransientStoreError
    away = DatabaseError("HTTP driver received HTTP status 503")
    assert type(raised(away)) is TransientStoreError


def test_a_refusal_that_is_not_from_clickhouse_means_stop() -> None:
    error = raised(DatabaseError(f"HTTP driver received HTTP status 404, {SECRET}"))
    assert type(error) is StoreError
    assert "HTTP status 404" in str(error)
    untrusted = OperationalError("the driver's words")
    untrusted.__cause__ = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] alert")
    untrusted.__cause__.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert type(raised(untrusted)) is StoreError


@pytest.mark.parametrize("error", [DataError(SECRET), TypeError(SECRET), OverflowError(SECRET)])
def test_a_value_that_cannot_be_serialised_is_a_bad_row(error: Exception) -> None:
    assert type(raised(error)) is BadRowError


def test_a_bug_outside_of_an_insert_is_not_hidden() -> None:
    with pytest.raises(TypeError), store_errors("read"):
        raise TypeError(SECRET)


def test_no_code_is_in_both_lists() -> None:
    assert not TRANSIENT_CODES & BAD_ROW_CODES
    assert 252 not in TRANSIENT_CODES | BAD_ROW_CODES


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://me:pw@127.0.0.1:8123", "put user and password in"),
        ("http://127.0.0.1:99999", "no valid port"),
        ("http://:8123", "names no host"),
    ],
)
def test_an_unusable_url_is_named_without_its_password(url: str, named: str) -> None:
    with pytest.raises(SettingsError, match=f"^clickhouse.url: .*{named}") as caught:
        connect(ClickHouseSettings(url=url))
    assert "pw" not in str(caught.value).replace("password", "")
