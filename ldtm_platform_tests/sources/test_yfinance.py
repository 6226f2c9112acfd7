"""yfinance as a source, against a server that speaks Yahoo's recorded charts: the same answers, and all bounds hold."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from ldtm_platform.postgres.server import Connection
from ldtm_platform.prices.ingest import ingest
from ldtm_platform.resources.market_data import MarketData
from ldtm_platform.sources.base import BarRequest, MarketDataSource, TickerBars
from ldtm_platform.sources.http import WORKERS
from ldtm_platform.sources.vendor import Patience
from ldtm_platform.sources.yahoo import YahooSource, chart
from ldtm_platform.sources.yfinance import YfinanceSource
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.sources import test_bad_day as bad_day
from ldtm_platform_tests.sources.test_yahoo import body
from ldtm_platform_tests.sources.vendor_server import QUICK, Reply, Seen, serving

EVER = (date(1990, 1, 1), date(2027, 1, 1))
# The simulated market is made while the vendor is waited for.
PATIENT = Patience(read_s=60, budget_s=120)
Answer = Callable[[str], Reply]
# Where the package goes for its cookie and its crumb.
PAGES = {"/": Reply(404, headers={"Set-Cookie": "A3=x; Path=/"}), "/v1/test/getcrumb": Reply(body=b"crumb")}


def whole(symbol: str = "AAPL", **changed: object) -> bytes:
    """A generated chart with all that the package looks at."""
    text = body(symbol, **changed)
    return text.replace(b'"meta": {', b'"meta": {"instrumentType": "EQUITY", "currency": "USD", "priceHint": 2, ')


def vendor(charts: Answer, pages: Callable[[Seen], Reply] | None = None) -> Callable[[Seen], Reply]:
    def answer(seen: Seen) -> Reply:
        if seen.path.startswith("/v8/finance/chart/"):
            return charts(seen.path.rsplit("/", 1)[1])
        return pages(seen) if pages else PAGES.get(seen.path, Reply(404, b"<html></html>"))

    return answer


def asked(url: str, home: Path, *tickers: str, patience: Patience = QUICK) -> dict[str, TickerBars]:
    source = YfinanceSource(home, base_url=url, patience=patience, per_second=1000)
    return {answer.ticker: answer for answer in source.fetch([BarRequest(ticker, *EVER) for ticker in tickers])}


@pytest.mark.parametrize(
    ("name", "ticker"),
    [
        ("body_chart_AAPL.json", "AAPL"),
        ("body_chart_AAPL_split_and_dividend.json", "AAPL"),
        ("body_chart_AAPL_weekend_no_timestamp.json", "AAPL"),
        ("body_chart_GOOGL_2026-08-21.json", "GOOGL"),
        ("body_chart_MSFT_4_dividends.json", "MSFT"),
        ("body_chart_QQQ_2020.json", "QQQ"),
        ("history_chart_AAPL.json", "AAPL"),
        ("history_chart_GS2C.DE.json", "GS2C-DE"),
        ("history_chart_MSFT.json", "MSFT"),
    ],
)
def test_a_recorded_chart_is_read_as_the_chart_itself_is(
    shared_data: Path, tmp_path: Path, name: str, ticker: str
) -> None:
    recorded = (shared_data / "wire" / "yahoo" / name).read_bytes().replace(b"GS2C.DE", b"GS2C-DE")
    with serving(vendor(lambda _: Reply(body=recorded))) as server:
        (answer,) = asked(server.url, tmp_path, ticker).values()
    plain = chart(recorded, BarRequest(ticker, *EVER))
    assert (answer.error, plain.error) == (None, None)
    assert_frame_equal(answer.bars, plain.bars, rel_tol=1e-12)
    assert_frame_equal(answer.actions, plain.actions)


def test_prices_are_adjusted_for_splits_and_not_for_dividends(tmp_path: Path) -> None:
    day = 1704292200
    events = {
        "dividends": {str(day): {"amount": 0.5, "date": day}},
        "splits": {str(day): {"date": day, "numerator": 4, "denominator": 1}},
    }
    quote = {"open": [1.0, 2.0, 3.0], "high": [1.5, 2.5, 3.5], "low": [0.5, 1.5, 2.5], "close": [1.1, 2.1, 3.1]}
    adjusted = {"quote": [{**quote, "volume": [10, 20, 30]}], "adjclose": [{"adjclose": [0.1, 0.2, 0.3]}]}
    with serving(vendor(lambda _: Reply(body=whole(events=events, indicators=adjusted)))) as server:
        (answer,) = asked(server.url, tmp_path, "AAPL").values()
    assert answer.bars["close"].to_list() == [1.1, 2.1, 3.1]
    assert answer.actions.rows() == [
        ("AAPL", date(2024, 1, 3), "dividend", 0.5),
        ("AAPL", date(2024, 1, 3), "split", 4.0),
    ]


def test_one_request_a_ticker_three_at_once_and_each_tickers_trouble_is_its_own(tmp_path: Path) -> None:
    gone = (
        b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}'
    )
    told = {
        "GONE": Reply(404, gone),
        "BUSY": Reply(429, b"Edge: Too Many Requests"),
        "PAGE": Reply(body=b"<html>consent</html>"),
        "OTHER": Reply(body=whole(symbol="AAPL")),
        "RESET": Reply(fault="reset"),
    }
    good = [f"T{at}" for at in range(12)]
    with serving(vendor(lambda ticker: told.get(ticker) or Reply(body=whole(symbol=ticker)))) as server:
        answers = asked(server.url, tmp_path, *good, *told)
        charts = [seen.path.rsplit("/", 1)[1] for seen in server.seen if "/chart/" in seen.path]
        assert server.most_at_once <= WORKERS
    assert sorted(ticker for ticker in charts if ticker in good) == sorted(good)
    assert {ticker for ticker, one in answers.items() if one.error is None} == set(good)
    assert {one.bars.height for ticker, one in answers.items() if ticker in good} == {3}
    errors = {ticker: answers[ticker].error or "" for ticker in told}
    assert answers["GONE"].gone
    assert "may be delisted" in errors["GONE"]
    assert "HTTP 429" in errors["BUSY"]
    assert "cannot read the answer" in errors["PAGE"]
    assert "the answer is about 'AAPL'" in errors["OTHER"]
    assert "no whole answer" in errors["RESET"]
    assert not any(answers[ticker].gone for ticker in ("BUSY", "PAGE", "OTHER", "RESET"))


def test_a_passing_fault_is_asked_again_and_not_before_the_vendor_allows_it(tmp_path: Path) -> None:
    left = [Reply(429, headers={"Retry-After": "1"}), Reply(fault="reset")]
    patience = replace(QUICK, attempts=3)
    with serving(vendor(lambda _: left.pop(0) if left else Reply(body=whole()))) as server:
        (answer,) = asked(server.url, tmp_path, "AAPL", patience=patience).values()
        first, second, *_ = (seen.at for seen in server.seen if "/chart/" in seen.path)
    assert (answer.error, answer.bars.height) == (None, 3)
    assert second - first >= 1


@pytest.mark.parametrize("fault", ["silence", "reset"])
def test_the_chase_for_a_cookie_ends_and_prices_come_without_it(tmp_path: Path, fault: str) -> None:
    tickers = [f"T{at}" for at in range(20)]
    patience = Patience(attempts=2, connect_s=0.3, read_s=0.3, budget_s=4, backoff_s=0.02)
    with serving(vendor(lambda ticker: Reply(body=whole(symbol=ticker)), lambda _: Reply(fault=fault))) as server:
        answers = asked(server.url, tmp_path, *tickers, patience=patience)
        pages = [seen.path for seen in server.seen if "/chart/" not in seen.path]
    assert {one.error for one in answers.values()} == {None}
    # Each of its hosts is given up after three; one more may be on its way in each thread.
    assert len(pages) <= 3 * (3 + WORKERS)


def test_a_vendor_that_is_silent_costs_each_ticker_its_time_and_no_more(tmp_path: Path) -> None:
    patience = Patience(attempts=50, connect_s=0.2, read_s=0.2, budget_s=0.7, backoff_s=0.01)
    with serving(lambda _: Reply(fault="silence")) as server:
        answers = asked(server.url, tmp_path, *(f"T{at}" for at in range(30)), patience=patience)
        assert len(server.seen) < 40
    assert {one.bars.height for one in answers.values()} == {0}
    assert any("not asked: 3 requests in a row" in (one.error or "") for one in answers.values())


def test_what_the_package_keeps_stays_in_the_home(tmp_path: Path) -> None:
    """In a process of its own whose home folder is empty: nothing is written there."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    program = f"""
from datetime import UTC, date, datetime
from pathlib import Path
from ldtm_platform.sources.base import BarRequest
from ldtm_platform.sources.vendor import Patience
from ldtm_platform.sources.yfinance import YfinanceSource
from ldtm_platform_tests.sources.test_yfinance import vendor, whole
from ldtm_platform_tests.sources.vendor_server import Reply, serving
with serving(vendor(lambda ticker: Reply(body=whole(symbol=ticker)))) as server:
    source = YfinanceSource(Path({str(inside)!r}), base_url=server.url, patience=Patience(attempts=1))
    (answer,) = source.fetch([BarRequest("AAPL", date(2024, 1, 1), date(2024, 2, 1))])
assert answer.bars.height == 3, answer
"""
    variables = {"HOME": str(outside), "XDG_CACHE_HOME": str(outside), "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=outside, env=variables, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert list(outside.rglob("*")) == []
    assert (inside / "tkr-tz.db").is_file()


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LDTM_SOURCE", "yfinance")
    monkeypatch.setenv("LDTM_HOME", str(tmp_path))
    assert (MarketData().source().name, MarketData().source().price_basis) == ("yfinance", "split_adjusted")
    # What an import finds where a package is not installed.
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(dg.Failure, match=r"pip install 'ldtm_platform\[yfinance\]'"):
        MarketData().source()


def test_days_without_a_price_are_no_bars_and_half_empty_ones_are_judged(tmp_path: Path) -> None:
    quote = {"open": [1.0, None, 3.0], "high": [1.5, None, 3.5], "low": [0.5, None, 2.5], "close": [1.1, None, None]}
    odd = whole(indicators={"quote": [{**quote, "volume": [1, None, 3]}]})
    with serving(vendor(lambda _: Reply(body=odd))) as server:
        (answer,) = asked(server.url, tmp_path, "AAPL").values()
    assert answer.bars["date"].to_list() == [date(2024, 1, 2), date(2024, 1, 4)]
    assert answer.bars.filter(pl.col("close").is_null()).height == 1


def test_an_ingest_by_the_package_stores_what_the_chart_itself_gives(
    engine: sa.Engine, server: Connection, template: str, tmp_path: Path
) -> None:
    """A fleet, one of it with a split, on the evening of that day."""
    fields = b'"meta": {"instrumentType": "EQUITY", "currency": "USD", "priceHint": 2, '

    def charts(ticker: str) -> Reply:
        return Reply(body=bad_day.body(ticker, bad_day.DAY).replace(b'"meta": {', fields))

    def stored(into: sa.Engine, source: MarketDataSource) -> pl.DataFrame:
        tickers, now = ["T001", bad_day.SPLIT], datetime(2024, 2, 20, 12, tzinfo=UTC)
        done = ingest(into, source, tickers, since=bad_day.START, through=bad_day.DAY, now=now)
        assert {outcome.ticker: outcome.state for outcome in done} == dict.fromkeys(tickers, "ok")
        assert reads.splits(into, tickers).rows() == [(bad_day.SPLIT, bad_day.DAY, 4.0)]
        return reads.bars(into, tickers)

    with serving(vendor(charts)) as web, scratch_database(server, template) as url:
        other = sa.create_engine(url)
        package = stored(engine, YfinanceSource(tmp_path, base_url=web.url, patience=PATIENT, per_second=1000))
        plain = stored(other, YahooSource(base_url=web.url, patience=PATIENT, per_second=1000))
        other.dispose()
    assert package.height == 2 * 33
    assert_frame_equal(package, plain, rel_tol=1e-12)


def test_a_proxy_that_is_not_there_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("https_proxy", "http://me:pr0xy-pass@127.0.0.1:1")
    source = YfinanceSource(tmp_path, patience=Patience(attempts=1, connect_s=1, read_s=1, budget_s=4))
    (answer,) = source.fetch([BarRequest("AAPL", *EVER)])
    assert "by way of the proxy 127.0.0.1:1 (HTTPS_PROXY)" in (answer.error or "")
    assert "pr0xy-pass" not in (answer.error or "")
