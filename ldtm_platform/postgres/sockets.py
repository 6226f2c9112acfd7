"""Where a server can listen: free ports, and folders that a unix socket's path fits into."""

import socket
from pathlib import Path

HOST = "127.0.0.1"
# Of "<folder>/.s.PGSQL.<port>" in bytes: sockaddr_un holds 104 with the closing zero on macOS, 108 on Linux.
LONGEST_SOCKET_PATH = 103


def fits_socket(folder: Path) -> bool:
    """Whether a server with any port can have its socket in the folder, and a client name it."""
    # A comma separates hosts in a connection string.
    return len(f"{folder}/.s.PGSQL.65535".encode()) <= LONGEST_SOCKET_PATH and "," not in str(folder)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of this machine now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
