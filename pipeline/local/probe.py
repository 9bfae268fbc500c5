"""Does a Kafka broker answer here? One Metadata request over a plain socket, no client needed."""

from __future__ import annotations

import random
import socket
import struct

from pipeline.errors import LocalError

METADATA = 3
"""The API key of the Metadata request: https://kafka.apache.org/protocol#The_Messages_Metadata"""

CLIENT_ID = b"cxpulse-probe"

SERVER_PORTS = range(20_000, 32_768)
"""Below the ports that Linux gives to outgoing connections (ip_local_port_range), and above those
of well-known servers."""


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
    """A TCP port nobody listens on at this moment, and that no client is given by the system: a
    server that was killed finds it free again.

    Raises:
        LocalError: they are all taken.
    """
    for port in random.sample(SERVER_PORTS, len(SERVER_PORTS)):
        if not port_taken(host, port):
            return port
    raise LocalError(f"no free port on {host} from {SERVER_PORTS[0]} to {SERVER_PORTS[-1]}")


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
