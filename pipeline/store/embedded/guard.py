"""What no statement may do here: touch files, the network, programs or Python objects.

The engine itself refuses most of it, because its one user lacks the grants
(`deploy/clickhouse/embedded/users.xml`): table functions and engines such as `url`, `s3`, `remote`,
`File`. This guard closes what grants do not cover, and `sandbox` walls off the process as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.store.embedded.failures import ACCESS_DENIED, READONLY, QueryError
from pipeline.store.embedded.tokens import Kind, Token

FUNCTIONS = frozenset(
    {
        # programs, SQL out of strings, objects of this Python process, storage with any path
        *("executable", "executablepool", "eval", "python", "disk", "arrowstream"),
        # rows from elsewhere: some of these open what they are told to before they look at grants
        *("url", "urlcluster", "filecluster", "filesystem", "s3", "s3cluster", "gcs", "gcscluster"),
        *("azureblobstorage", "azureblobstoragecluster", "hdfs", "hdfscluster", "oss", "cosn"),
        *("remote", "remotesecure", "cluster", "clusterallreplicas", "arrowflight", "ytsaurus"),
        *("mysql", "postgresql", "mongodb", "redis", "sqlite", "jdbc", "odbc", "kafka", "nats"),
        *("hudi", "hudicluster", "loop", "fuzzquery", "fuzzjson"),
    }
)
LAKES = ("iceberg", "deltalake", "paimon")
"""Beginnings of table functions for files of a data lake: `icebergS3`, `deltaLakeLocal` ..."""

ENGINES = frozenset(
    {
        *("mergetree", "replacingmergetree", "summingmergetree", "aggregatingmergetree"),
        *("collapsingmergetree", "versionedcollapsingmergetree"),
        *("memory", "null", "merge", "buffer", "atomic"),
    }
)
"""Of tables and databases. Grants know some engines only: `ExecutablePool` is not among those."""

_MAKES = frozenset({"create", "attach", "replace"})
_NO_ENGINE = frozenset(
    {
        *("as", "from", "in", "not", "like", "ilike", "is", "and", "or", "between", "order"),
        *("group", "limit", "asc", "desc", "then", "else", "end", "when", "having", "union"),
        *("settings", "format", "global", "collate", "div", "mod", "comment", "engine"),
    }
)
"""After these the word `engine` was a column."""

BARE = frozenset({"file"})
"""The scalar `file` reads any path without a grant, and can be named without a call: `APPLY file`,
`arrayMap(file, x)`. So nothing can be called `file` here, but a table with its database."""

TRANSFERS = {"outfile": "into", "infile": "from"}


def check(statement: Sequence[Token]) -> None:
    """Looks at every token that the engine would see as code, not at literals.

    Raises:
        QueryError: 497 that names the refused construct.
    """
    makes = bool(statement) and statement[0].text in _MAKES
    for index, token in enumerate(statement):
        if not token.is_name:
            continue
        if makes and token.text == "engine":
            _check_engine(statement[index + 1 : index + 3])
        before = statement[index - 1] if index else None
        after = statement[index + 1] if index + 1 < len(statement) else None
        if _is_refused(token, before, after):
            raise QueryError(
                ACCESS_DENIED,
                f"{token.text} is refused here: this server reads and writes its own data only",
            )


def _check_engine(following: Sequence[Token]) -> None:
    """The name after ENGINE, with or without an equals sign."""
    equals = bool(following) and following[0].text == "="
    named = following[1:] if equals else following[:1]
    if not named or not named[0].is_name or named[0].text in ENGINES:
        return
    if equals or named[0].text not in _NO_ENGINE:
        known = "this server has MergeTree engines, Memory, Null, Merge and Buffer"
        raise QueryError(ACCESS_DENIED, f"engine {named[0].text[:60]} is refused here: {known}")


def _is_refused(token: Token, before: Token | None, after: Token | None) -> bool:
    qualified = before is not None and before.text == "." and before.kind is Kind.SIGN
    if token.text in FUNCTIONS or token.text.startswith(LAKES):
        return after is not None and after.text == "(" and not qualified
    if token.text in BARE:
        return not qualified
    wanted = TRANSFERS.get(token.text)
    return wanted is not None and before is not None and before.text == wanted


def check_readonly(is_read: bool, level: str) -> None:
    """GET, or the setting `readonly`, allow reading only.

    Raises:
        QueryError: 164.
    """
    if not is_read and level not in ("", "0"):
        raise QueryError(READONLY, "Cannot execute query in readonly mode; send it by POST")
