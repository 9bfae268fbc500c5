"""What no statement may do here: touch files, the network, programs or Python objects.

The engine itself refuses most of it, because its one user lacks the grants
(`deploy/clickhouse/embedded/users.xml`): table functions and engines such as `url`, `s3`, `remote`,
`File`. This guard closes what grants do not cover, and `sandbox` walls off the process as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.store.embedded.failures import ACCESS_DENIED, READONLY, QueryError
from pipeline.store.embedded.tokens import Kind, Token

FUNCTIONS = frozenset({"executable", "eval", "python", "disk", "arrowstream"})
"""Programs, SQL out of strings, objects of this Python process, storage with any path."""

BARE = frozenset({"file"})
"""The scalar `file` reads any path without a grant, and can be named without a call: `APPLY file`,
`arrayMap(file, x)`. So nothing can be called `file` here, but a table with its database."""

TRANSFERS = {"outfile": "into", "infile": "from"}


def check(statement: Sequence[Token]) -> None:
    """Looks at every token that the engine would see as code, not at literals.

    Raises:
        QueryError: 497 that names the refused construct.
    """
    for index, token in enumerate(statement):
        if not token.is_name:
            continue
        before = statement[index - 1] if index else None
        after = statement[index + 1] if index + 1 < len(statement) else None
        if _is_refused(token, before, after):
            raise QueryError(
                ACCESS_DENIED,
                f"{token.text} is refused here: this server reads and writes its own data only",
            )


def _is_refused(token: Token, before: Token | None, after: Token | None) -> bool:
    qualified = before is not None and before.text == "." and before.kind is Kind.SIGN
    if token.text in FUNCTIONS:
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
