"""The part of the OAUTHBEARER dialogue that aiokafka leaves out: how a broker refuses a token.

A refusal comes as the broker's answer; the client has to confirm it, and only then comes the error
(RFC 7628, section 3.2.3). aiokafka takes the answer for consent, and from then on reads the
broker's errors as if they were metadata. aiokafka is pinned, and
`tests/contract/test_faust_private_api.py` fails when what is replaced here changes.
"""

from __future__ import annotations

from typing import Final, cast

from aiokafka import conn

CONFIRMED: Final = b"\x01"


class Dialogue(conn.OAuthAuthenticator):
    """Confirms a refusal, so that the broker says `SaslAuthenticationFailed`."""

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """What to send next, and whether an answer comes; None at the end."""
        if self._token_sent and payload:
            return CONFIRMED, True
        following = await super().step(payload)  # type: ignore[no-untyped-call]  # aiokafka
        return cast("tuple[bytes, bool] | None", following)


def install() -> None:
    """Every connection made from now on."""
    conn.OAuthAuthenticator = Dialogue  # type: ignore[misc]  # see above
