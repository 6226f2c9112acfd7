"""The client of all vendors, against a real server: what is asked again, what is not, and that keys stay in."""

import gzip
import logging
from dataclasses import replace
from itertools import pairwise
from time import monotonic

import pytest
from pydantic import SecretStr

from ldtm_platform.sources.http import WORKERS, VendorClient, in_parallel
from ldtm_platform.sources.vendor import (
    KeyRefused,
    Malformed,
    NotThere,
    Patience,
    Rejected,
    Unavailable,
    Vendor,
    VendorError,
)
from ldtm_platform_tests.sources.vendor_server import QUICK, Reply, Seen, VendorServer, in_order, serving

KEY = "pk-very-secret"
THRICE = replace(QUICK, attempts=3)
GOOD = Reply(body=b'{"good": true}')


def vendor(server: VendorServer, patience: Patience = THRICE, requests: int = 1000) -> Vendor:
    return Vendor("acme", server.url, requests, 1.0, {"X-Key": SecretStr(KEY)}, patience)


@pytest.mark.parametrize(
    "fault",
    [
        Reply(429, headers={"Retry-After": "0"}),
        Reply(503),
        Reply(500),
        Reply(fault="silence"),
        Reply(fault="reset"),
        Reply(body=b'{"good": true}' * 500, fault="half"),
    ],
    ids=["429", "503", "500", "timeout", "reset", "half a body"],
)
def test_a_passing_fault_is_asked_again_and_the_answer_is_whole(fault: Reply) -> None:
    patience = replace(THRICE, read_s=1) if fault.fault == "silence" else THRICE
    with serving(in_order([fault, fault, GOOD])) as server, VendorClient(vendor(server, patience)) as client:
        assert client.get_json("/") == {"good": True}
        assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(401), KeyRefused),
        (Reply(403), KeyRefused),
        (Reply(404), NotThere),
        (Reply(400), Rejected),
        (Reply(302, headers={"Location": "http://127.0.0.1:1/elsewhere"}), Rejected),
        (Reply(body=b"<html>Sorry</html>"), Malformed),
        (Reply(body=b'{"close": NaN}'), Malformed),
        (Reply(body=b"\xff\xfe"), Malformed),
        (Reply(body=b"[" * 100_000), Malformed),
        (Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}), Malformed),
    ],
)
def test_what_asking_again_cannot_mend_is_told_at_once(reply: Reply, error: type[VendorError]) -> None:
    with serving(lambda _: reply) as server, VendorClient(vendor(server)) as client:
        with pytest.raises(error, match="acme"):
            client.get_json("/")
        assert len(server.seen) == 1


def test_a_vendor_that_asks_to_wait_is_not_asked_before() -> None:
    replies = [Reply(429, headers={"Retry-After": "1"}), GOOD]
    with serving(in_order(replies)) as server, VendorClient(vendor(server)) as client:
        client.get("/")
        first, second = (seen.at for seen in server.seen)
        assert second - first >= 1


def test_a_wait_beyond_the_budget_is_told_and_not_waited_for() -> None:
    busy = Reply(429, headers={"Retry-After": "3600"})
    with serving(lambda _: busy) as server, VendorClient(vendor(server)) as client:
        with pytest.raises(Unavailable, match="wait 3600 s"):
            client.get("/")
        assert len(server.seen) == 1


def test_waits_grow() -> None:
    patience = replace(QUICK, attempts=4, backoff_s=0.2)
    with serving(lambda _: Reply(503)) as server, VendorClient(vendor(server, patience)) as client:
        with pytest.raises(Unavailable, match=r"503.*4 attempts"):
            client.get("/")
        waits = [after.at - before.at for before, after in pairwise(server.seen)]
        # Each is at least half of 0.2, 0.4, 0.8 seconds.
        assert [wait >= least for wait, least in zip(waits, (0.1, 0.2, 0.4), strict=True)] == [True] * 3


def test_the_budget_ends_a_request_whatever_attempts_are_left() -> None:
    patience = replace(QUICK, attempts=50, read_s=0.2, budget_s=0.7)
    with serving(lambda _: Reply(fault="silence")) as server, VendorClient(vendor(server, patience)) as client:
        with pytest.raises(Unavailable):
            client.get("/")
        assert len(server.seen) < 8


def test_a_vendor_that_is_down_is_not_asked_for_every_ticker() -> None:
    with serving(lambda _: Reply(503)) as server, VendorClient(vendor(server)) as client:
        for _ in range(20):
            with pytest.raises(Unavailable):
                client.get("/")
        assert len(server.seen) == 3 * THRICE.attempts


def test_connections_are_used_again_and_at_most_three_requests_run_at_once() -> None:
    with serving(lambda _: GOOD) as server, VendorClient(vendor(server)) as client:
        answers = list(in_parallel(range(40), lambda _: client.get("/").status_code))
        assert answers == [200] * 40
        assert server.most_at_once <= WORKERS
        assert len({seen.connection for seen in server.seen}) <= WORKERS


def test_requests_a_second_are_limited_over_all_clients_of_a_vendor() -> None:
    with serving(lambda _: GOOD) as server:
        limited, begun = vendor(server, requests=5), monotonic()
        for _ in range(2):
            with VendorClient(limited) as client:
                list(in_parallel(range(4), lambda _, client=client: client.get("/")))  # type: ignore[misc]
        # From the beginning, and not from one to another: each may come later than it was sent, and never earlier.
        after = sorted(seen.at - begun for seen in server.seen)
        assert min(after[5:]) > 0.9


def test_compressed_answers_are_read() -> None:
    packed = Reply(body=gzip.compress(b'{"good": true}'), headers={"Content-Encoding": "gzip"})
    with serving(lambda _: packed) as server, VendorClient(vendor(server)) as client:
        assert client.get_json("/") == {"good": True}


@pytest.mark.parametrize("status", [400, 401, 404, 429])
def test_a_key_is_sent_and_is_in_no_log_error_or_repr(status: int, caplog: pytest.LogCaptureFixture) -> None:
    def echo(seen: Seen) -> Reply:
        return Reply(status, body=f"your key {seen.headers['X-Key']} is wrong".encode())

    caplog.set_level(logging.DEBUG)
    with serving(echo) as server, VendorClient(vendor(server)) as client:
        with pytest.raises(VendorError, match=r"\*\*\*") as caught:
            client.get("/")
        told = f"{caught.value!r} {caught.value.__cause__!r} {client!r} {client.vendor!r} {caplog.text}"
        assert server.seen[0].headers["X-Key"] == KEY
        assert KEY not in told


def test_a_key_in_an_answer_is_blanked_out_too() -> None:
    def echo(seen: Seen) -> Reply:
        return Reply(body=f'{{"close": "{seen.headers["X-Key"]}"}}'.encode())

    with serving(echo) as server, VendorClient(vendor(server)) as client:
        assert client.get_json("/") == {"close": "***"}
