"""What stands between the network and the dashboard, for pages and websockets alike, as plain ASGI.

Requests for other host names are refused (a page elsewhere could otherwise point its own name at this machine and read
the answers), as are writes and websockets that another site's page starts. Every answer says what browsers may do with
it: load nothing from elsewhere, run no script that is not ours, show it in no frame.
"""

import base64
import binascii
from dataclasses import dataclass, field
from hmac import compare_digest
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ldtm_platform.settings import Settings
from ldtm_platform.stack.addresses import is_loopback

# Whoever balances load or restarts has no password; it says nothing that is secret.
OPEN_PATHS = frozenset({"/healthz"})
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Rules:
    """Who may come in: by host name (any, when there are none) and by name and password (anybody, without one)."""

    hosts: frozenset[str]
    user: str
    password: str | None = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, settings: Settings, script_hashes: list[str]) -> "Rules":
        """The rules that the settings make."""
        named = frozenset(name.strip().lower() for name in settings.dashboard_names.split(",") if name.strip())
        local = is_loopback(settings.dashboard_host)
        secret = settings.dashboard_password
        return cls(
            hosts=named | _LOCAL_NAMES if local or named else frozenset(),
            user=settings.dashboard_user,
            password=secret.get_secret_value() if secret else None,
            headers=(*_HEADERS, ("content-security-policy", _policy(script_hashes))),
        )


def guarded(app: ASGIApp, rules: Rules) -> ASGIApp:
    """The app behind the rules."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(raw=message["headers"])
                for name, value in rules.headers:
                    headers.setdefault(name, value)
                message["headers"] = headers.raw
            await send(message)

        refusal = _refusal(scope, rules)
        if refusal is None:
            await app(scope, receive, answer)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        else:
            await refusal(scope, receive, answer)

    return guard


def _refusal(scope: Scope, rules: Rules) -> PlainTextResponse | None:
    headers = Headers(scope=scope)
    if rules.hosts and _name(headers.get("host", "")) not in rules.hosts:
        return PlainTextResponse(
            "This dashboard has no such name: open it as localhost, or list the name in LDTM_DASHBOARD_NAMES.\n",
            421,
        )
    if not _is_own_site(scope, headers, rules):
        return PlainTextResponse("Refused: another site's page asked for this.\n", 403)
    if rules.password is None or scope["path"] in OPEN_PATHS or _knows_password(headers, rules):
        return None
    return PlainTextResponse(
        "Name and password, please.\n", 401, {"www-authenticate": 'Basic realm="LD-TM", charset="UTF-8"'}
    )


def _is_own_site(scope: Scope, headers: Headers, rules: Rules) -> bool:
    """Whether a request that may change something comes from our own page, or from no page at all."""
    origin = headers.get("origin")
    if origin is None or (scope["type"] == "http" and scope["method"] in _READING):
        return True
    place = origin.partition("://")[2]
    return place == headers.get("host") or _name(place) in rules.hosts - _LOCAL_NAMES


def _knows_password(headers: Headers, rules: Rules) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    # Both are compared whatever the first gives, in a time that tells nothing.
    same_user = compare_digest(user.encode(), rules.user.encode())
    return compare_digest(password.encode(), (rules.password or "").encode()) and same_user


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)


def _policy(script_hashes: list[str]) -> str:
    parts = {
        "default-src": "'self'",
        "script-src": " ".join(("'self'", *script_hashes)),
        # Figures, tables and components place their own styles.
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())
