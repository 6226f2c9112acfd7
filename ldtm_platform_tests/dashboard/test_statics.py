"""Scripts and styles over a real socket: compressed, asked for once, and Plotly's smaller bundle for the larger."""

import re
from collections.abc import Iterator

import httpx
import pytest
from plotly.offline import get_plotlyjs_version

from ldtm_platform.dashboard.statics import PLOTLY, PLOTLY_ADDRESS
from ldtm_platform_tests.dashboard.running import PATIENCE_SEC

LASTING = "public, max-age=31536000, immutable"


@pytest.fixture
def client(populated_dashboard: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=populated_dashboard, trust_env=False, timeout=PATIENCE_SEC) as opened:
        yield opened


def scripts_of(client: httpx.Client) -> list[str]:
    found = re.findall(r'<script src="([^"]+)"', client.get("/").text)
    assert len(found) > 5
    return found


def test_a_first_visit_is_compressed_and_a_second_one_asks_for_no_script_again(client: httpx.Client) -> None:
    whole = packed = 0
    for address in scripts_of(client):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip"), address
        assert answer.headers["cache-control"] == LASTING, address
        whole, packed = whole + len(answer.content), packed + answer.num_bytes_downloaded
    assert packed < whole / 3


def test_those_who_take_no_compression_get_the_same_bytes(client: httpx.Client) -> None:
    for address in scripts_of(client):
        plain = client.get(address, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == client.get(address).content


def test_a_file_without_a_fingerprint_is_asked_for_again_and_sent_when_it_changed(client: httpx.Client) -> None:
    answer = client.get(PLOTLY_ADDRESS)
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(PLOTLY_ADDRESS, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(PLOTLY_ADDRESS, headers={"if-none-match": '"another"'}).status_code == 200


def test_every_fingerprint_is_the_one_file_and_what_is_no_file_stays_none(client: httpx.Client) -> None:
    address = next(each for each in scripts_of(client) if "dash_renderer" in each)
    other = re.sub(r"\.v[\w-]+m\d+\.", ".v0m1.", address)
    assert other != address
    kept, newer = client.get(address), client.get(other)
    assert newer.headers["etag"] == kept.headers["etag"]
    # The fingerprint of a file that we do not have yet: it must not be remembered by the one that we have.
    assert (kept.headers["cache-control"], newer.headers["cache-control"]) == (LASTING, "no-cache")
    for missing in ("/assets/none.js", "/assets/%2e%2e/server.py", "/_dash-component-suites/dash/none.js"):
        for _ in range(2):
            assert client.get(missing).status_code >= 400, missing


def test_the_plotly_that_is_served_is_the_basic_bundle_of_the_version_that_dash_expects(client: httpx.Client) -> None:
    body = client.get(PLOTLY_ADDRESS).content
    assert body == PLOTLY.read_bytes()
    # After an upgrade of plotly: npm pack plotly.js-basic-dist-min@<that version>
    assert f"plotly.js (basic - minified) v{get_plotlyjs_version()}".encode() in body[:200]
    assert b"MIT" in body[:300]
    assert "MIT License" in PLOTLY.with_name("plotly-basic.LICENSE.txt").read_text()


def test_a_page_travels_compressed_too(client: httpx.Client) -> None:
    answer, plain = client.get("/"), client.get("/", headers={"accept-encoding": "identity"})
    assert (answer.headers.get("content-encoding"), plain.headers.get("content-encoding")) == ("gzip", None)
    assert answer.num_bytes_downloaded < len(plain.content) / 2
