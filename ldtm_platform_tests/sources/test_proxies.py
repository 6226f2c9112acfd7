"""A proxy of the environment: used where it is named, left aside where exempted, and named when it is the trouble."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from ldtm_platform.sources.base import SourceError
from ldtm_platform.sources.http import VendorClient
from ldtm_platform.sources.proxies import proxy_to
from ldtm_platform.sources.vendor import Unavailable, Vendor
from ldtm_platform_tests.sources.vendor_server import QUICK, Reply, Seen, serving

PASSWORD = "pr0xy-pass"


def vendor(url: str) -> Vendor:
    return Vendor("acme", url, 1000, 1.0, patience=QUICK)


@contextmanager
def refusing(answer: bytes) -> Iterator[str]:
    """A proxy that answers every CONNECT so; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_the_environments_proxy_is_used_and_gets_its_password(proxied: pytest.MonkeyPatch) -> None:
    def answer(seen: Seen) -> Reply:
        return Reply(body=b'{"by": "proxy"}')

    with serving(answer) as proxy:
        proxied.setenv("HTTP_PROXY", proxy.url.replace("//", f"//me:{PASSWORD}@"))
        with VendorClient(vendor("http://vendor.invalid")) as client:
            assert client.get_json("/bars") == {"by": "proxy"}
        assert proxy.seen[0].headers["Host"] == "vendor.invalid"
        assert proxy.seen[0].headers["Proxy-Authorization"].startswith("Basic ")


def test_an_exempted_vendor_is_asked_directly(proxied: pytest.MonkeyPatch) -> None:
    with serving(lambda _: Reply(body=b'{"by": "vendor"}')) as server:
        proxied.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        proxied.setenv("NO_PROXY", "127.0.0.1")
        with VendorClient(vendor(server.url)) as client:
            assert client.get_json("/") == {"by": "vendor"}


def test_what_netrc_holds_is_not_sent(proxied: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    proxied.setenv("HOME", str(tmp_path))
    proxied.setenv("NETRC", str(tmp_path / ".netrc"))
    with serving(lambda _: Reply()) as server, VendorClient(vendor(server.url)) as client:
        client.get("/")
        assert "Authorization" not in server.seen[0].headers


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_named_without_its_password(proxied: pytest.MonkeyPatch, scheme: str) -> None:
    proxied.setenv(f"{scheme}_proxy", f"http://me:{PASSWORD}@127.0.0.1:1")
    with VendorClient(vendor(f"{scheme}://vendor.invalid")) as client:
        with pytest.raises(Unavailable) as caught:
            client.get("/")
        told = f"{caught.value} {caught.value.__cause__!r} {client!r} {proxy_to(f'{scheme}://vendor.invalid')!r}"
    assert f"by way of the proxy 127.0.0.1:1 ({scheme.upper()}_PROXY)" in told
    assert PASSWORD not in told


def test_a_proxy_that_refuses_is_quoted(proxied: pytest.MonkeyPatch) -> None:
    with refusing(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as address:
        proxied.setenv("HTTPS_PROXY", f"http://{address}")
        with (
            VendorClient(vendor("https://vendor.invalid")) as client,
            pytest.raises(Unavailable, match=r"not reached: the proxy 127.* says '407 Proxy Authentication Required'"),
        ):
            client.get("/")


@pytest.mark.parametrize("named", ["http://proxy:port", "ftp://proxy:21", "http://"])
def test_what_is_no_proxy_is_refused_in_words(proxied: pytest.MonkeyPatch, named: str) -> None:
    proxied.setenv("HTTPS_PROXY", named)
    with pytest.raises(SourceError, match=r"HTTPS_PROXY names no HTTP proxy.*exempt vendor.invalid in NO_PROXY"):
        VendorClient(vendor("https://vendor.invalid"))
