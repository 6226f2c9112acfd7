"""The proxy that stands between this machine and a vendor, where the environment names one."""

from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ldtm_platform.sources.base import SourceError

_KINDS = ("http", "https")


@dataclass(frozen=True)
class Proxy:
    """A proxy's address, which may hold a password, and the variable that named it. As text: without the password."""

    url: str
    variable: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"the proxy {parts.hostname}:{parts.port or 80} ({self.variable})"

    def __repr__(self) -> str:
        return f"Proxy({self})"


def proxy_to(address: str) -> Proxy | None:
    """The proxy for requests to an address: HTTPS_PROXY or HTTP_PROXY by its scheme, else ALL_PROXY; NO_PROXY exempts.

    The variables count in lower case too. Raises SourceError where what they name is no address of an HTTP proxy.
    """
    parts = urlsplit(address)
    named = getproxies()
    scheme = parts.scheme if named.get(parts.scheme) else "all"
    url = named.get(scheme)
    if not url or proxy_bypass(parts.netloc):
        return None
    variable = f"{scheme.upper()}_PROXY"
    url = url if "://" in url else f"http://{url}"
    if not _is_proxy(url):
        raise SourceError(
            f"{variable} names no HTTP proxy: it should read like http://host:port. Correct it, or exempt "
            f"{parts.hostname} in NO_PROXY"
        )
    return Proxy(url, variable)


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in _KINDS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
