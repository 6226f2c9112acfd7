"""Scripts and styles: read and compressed once, then served from memory, so that a first visit costs next to nothing.

Dash reads each file from disk at every request and compresses none: 9 MB of a first visit, which is much for a browser
at the other end of a tunnel. Plotly's full bundle, more than half of them and a second of the browser's processor, is
not served: every figure here is made of scatter traces, which the basic bundle of the same version draws.
"""

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from dash.fingerprint import check_fingerprint
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PLOTLY = Path(__file__).with_name("vendored") / "plotly-basic.min.js"
# Where Dash's renderer looks for Plotly when the first figure is drawn.
PLOTLY_ADDRESS = "/_dash-component-suites/plotly/package_data/plotly.min.js"
_PREFIXES = ("/_dash-component-suites/", "/assets/")
_COMPRESSIBLE = ("text/", "application/javascript", "application/json")
# A tenth of a second for all files together, once; higher levels save nothing more.
_LEVEL = 5


@dataclass(frozen=True)
class _File:
    """A file as it is served: its body, compressed where that helps, and the address under which it was read."""

    address: bytes
    body: bytes
    is_compressed: bool
    etag: str
    media_type: str


def kept(app: ASGIApp) -> ASGIApp:
    """The app with its static files in memory: each is read when it is first asked for, and never again."""
    files: dict[str, _File] = {}

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not scope["path"].startswith(_PREFIXES):
            await app(scope, receive, send)
            return
        # Every fingerprint leads to the one file: what is kept must not grow with what is asked for.
        name, has_fingerprint = check_fingerprint(scope["path"])
        address = scope["path"].encode() + b"?" + scope["query_string"]
        if name not in files:
            asked = await _asked(app, scope, receive)
            if asked.status_code != 200:
                await asked(scope, receive, send)
                return
            files[name] = await asyncio.to_thread(
                _packed, address, bytes(asked.body), asked.headers.get("content-type", "")
            )
        # After an upgrade under our feet Dash tells pages the new file's fingerprint: what we have kept is the old one.
        # Plotly's is that of the package, whose bundle we do not serve.
        stamped = (has_fingerprint or scope["query_string"].startswith(b"m=")) and name != PLOTLY_ADDRESS
        lasts = stamped and files[name].address == address
        await _answer(files[name], Headers(scope=scope), lasts=lasts)(scope, receive, send)

    return serve


async def plotly() -> Response:
    """Plotly's basic bundle."""
    return Response(await asyncio.to_thread(PLOTLY.read_bytes), media_type="text/javascript")


async def _asked(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    """The app's own answer, whole, to a request that sets no conditions."""
    start: Message = {}
    parts: list[bytes] = []

    async def hear(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    unconditional = [(name, value) for name, value in scope["headers"] if not name.startswith((b"if-", b"range"))]
    await app({**scope, "method": "GET", "headers": unconditional}, receive, hear)
    told = Response(b"".join(parts), start["status"])
    told.raw_headers = start["headers"]
    return told


def _packed(address: bytes, body: bytes, media_type: str) -> _File:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if media_type.startswith(_COMPRESSIBLE):
        return _File(address, gzip.compress(body, _LEVEL, mtime=0), True, etag, media_type)
    return _File(address, body, False, etag, media_type)


def _answer(file: _File, asked: Headers, *, lasts: bool) -> Response:
    """The file as the browser takes it; a name with a fingerprint is never asked for again."""
    caching = "public, max-age=31536000, immutable" if lasts else "no-cache"
    headers = {"cache-control": caching, "etag": file.etag, "content-type": file.media_type, "vary": "accept-encoding"}
    if file.etag in asked.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if not file.is_compressed:
        return Response(file.body, headers=headers)
    if "gzip" in asked.get("accept-encoding", ""):
        return Response(file.body, headers={**headers, "content-encoding": "gzip"})
    return Response(gzip.decompress(file.body), headers=headers)
