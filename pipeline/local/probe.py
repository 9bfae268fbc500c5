"""Does a Kafka broker answer here? One Metadata request over a plain socket, no client needed."""

from __future__ import annotations

import socket
import struct

METADATA = 3
"""The API key of the Metadata request: https://kafka.apache.org/protocol#The_Messages_Metadata"""

CLIENT_ID = b"cxpulse-probe"


def brokers_seen(host: str, port: int, timeout_seconds: float = 1.0) -> int:
    """How many brokers the one at `host:port` knows to be alive; 0 when it does not answer (yet).

    More than a connection: a broker accepts those before it serves anything.
    """
    header = struct.pack(">hhih", METADATA, 1, 1, len(CLIENT_ID)) + CLIENT_ID
    request = header + struct.pack(">i", 0)  # about no topic
    try:
        with socket.create_connection((host, port), timeout_seconds) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            (size,) = struct.unpack(">i", _read(connection, 4))
            _correlation, brokers = struct.unpack(">ii", _read(connection, min(size, 8)))
    except (OSError, struct.error):
        return 0
    return max(int(brokers), 0)


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise ConnectionError("closed")
        data += chunk
    return data


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def port_taken(host: str, port: int) -> bool:
    """Whether a server on `host:port` could not be started because of another one."""
    with socket.socket() as probe:
        # As servers do: connections of an earlier run that linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
