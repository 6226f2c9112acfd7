"""Where things listen, and whether they can."""

import ipaddress
import socket
from collections.abc import Callable

from ldtm_platform.settings import Settings


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def ui_address(settings: Settings) -> str:
    """Where a browser on this machine finds the Dagster UI."""
    return f"http://127.0.0.1:{settings.ui_port}"


def dashboard_address(settings: Settings) -> str:
    """Where a browser on this machine finds the dashboard."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.dashboard_host, settings.dashboard_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.dashboard_port}"


def warn_if_open(settings: Settings, say: Callable[[str], None]) -> None:
    """Say so where the dashboard can be read from elsewhere without a password."""
    if not is_loopback(settings.dashboard_host) and settings.dashboard_password is None:
        say(
            f"Warning: everybody who reaches {settings.dashboard_host} port {settings.dashboard_port} may read the "
            "dashboard: set LDTM_DASHBOARD_PASSWORD, or leave LDTM_DASHBOARD_HOST at 127.0.0.1"
        )


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. Raises OSError for an address that is not this machine's."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            raise
        except OSError:
            return False
    return True
