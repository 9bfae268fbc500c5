"""The server's side of HTTPS."""

from __future__ import annotations

import ssl
from pathlib import Path

from pipeline.errors import LocalError


def server_context(
    cert: Path | None, key: Path | None, client_ca: Path | None
) -> ssl.SSLContext | None:
    """TLS with this certificate; None without one. With `client_ca` clients must show theirs.

    Raises:
        LocalError: a file cannot be used, or others are given without a certificate.
    """
    if cert is None:
        if key or client_ca:
            raise LocalError("--tls-key and --tls-client-ca need --tls-cert")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key, lambda: _locked(key or cert))
    except (OSError, ssl.SSLError) as error:
        raise LocalError(f"--tls-cert: cannot use {cert}: {error}") from error
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise LocalError(f"--tls-client-ca: cannot use {client_ca}: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _locked(key: Path) -> str:
    """OpenSSL would ask on the terminal."""
    raise LocalError(f"--tls-key: {key} is encrypted; give one that is not, readable by you only")
