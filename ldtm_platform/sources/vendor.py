"""What a vendor on the web is: where, how often, how patiently; and the ways in which it may not answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic import SecretStr


class VendorError(Exception):
    """A vendor gave no usable answer; the message says what and what to do, and holds no key."""


class KeyRefused(VendorError):
    """The vendor does not accept the key, or its plan does not cover what was asked for."""


class NotThere(VendorError):
    """The vendor does not know what was asked for."""


class Unavailable(VendorError):
    """The vendor did not answer in time, or said that it cannot: later it may."""


class Rejected(VendorError):
    """The vendor did not take the request as it was made."""


class Malformed(VendorError):
    """The vendor's answer is not what it documents."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a vendor, in seconds; budget_s is for one request with all its attempts."""

    attempts: int = 5
    connect_s: float = 5.0
    read_s: float = 20.0
    budget_s: float = 120.0
    backoff_s: float = 1.0


@dataclass(frozen=True)
class Vendor:
    """Where a vendor is and how often it may be asked. headers: sent with each request; their values are secret."""

    name: str
    base_url: str
    requests: int
    per_seconds: float
    headers: Mapping[str, SecretStr] = field(default_factory=lambda: MappingProxyType({}))
    patience: Patience = field(default_factory=Patience)


def parsed(body: bytes, name: str) -> object:
    """A body as JSON; `name` is whose it is. Raises Malformed; NaN and Infinity are no JSON."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        looks = "a page of HTML" if body.lstrip()[:1] == b"<" else f"{len(body)} bytes of something else"
        raise Malformed(f"{name}: the answer is no JSON but {looks}") from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
