"""Ticker View, Today's Predictions and the Accuracy Leaderboard in a real browser, against what the database holds."""

import csv
import io
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from ldtm_platform.evaluation.comparison import with_interval
from ldtm_platform.evaluation.confidence_words import confidence_sentence
from ldtm_platform.universe import SURVIVORSHIP, load_universe
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.dashboard.running import DESKTOP, PHONE, Watched, button


@pytest.fixture(scope="module")
def known(populated: str) -> sa.Engine:
    """The database behind the pages, as its owner reads it."""
    return sa.create_engine(populated, poolclass=sa.NullPool)


def test_todays_predictions_are_all_there_highest_implied_return_first(page: Watched, known: sa.Engine) -> None:
    page.open("?tab=todays_predictions")
    signals = reads.signals(known)
    page.shows("predictions", "ticker", signals["ticker"].to_list()[:5])
    counts = dict(signals.group_by("bucket").len().iter_rows())
    chips = page.page.locator(".chip").all_inner_texts()
    assert [chip.split()[-1] for chip in chips] == [
        str(count) for count in (signals.height, counts["bullish"], counts["neutral"], counts["bearish"])
    ]
    expect(page.page.locator("svg.spark").first).to_be_visible()
    expect(page.page.locator("#page")).to_contain_text("As of Wed 2026-04-22")


def test_group_and_bucket_filter_and_stand_in_the_address(page: Watched, known: sa.Engine) -> None:
    here = page.open("?tab=todays_predictions")
    here.get_by_label("Group").first.click()
    here.get_by_role("option", name="semis", exact=True).click()
    here.wait_for_url("**group=semis**")
    of_group = reads.signals(known).filter(pl.col("ticker").is_in(load_universe().groups["semis"]))
    expect(here.locator(".chip.chosen")).to_contain_text(str(of_group.height))
    here.locator(".chip", has_text="bearish").click()
    here.wait_for_url("**bucket=bearish**")
    expect(here.locator(".chip.chosen")).to_contain_text("bearish")
    expected = of_group.filter(pl.col("bucket") == "bearish")
    expect(here.get_by_role("heading", name=f"{expected.height} prediction")).to_be_visible()
    page.shows("predictions", "ticker", expected["ticker"].to_list()[:3])
    here.go_back()
    expect(here.locator(".chip.chosen")).to_contain_text("all")


def test_a_bucket_and_a_step_keep_what_was_chosen_since_the_page_was_drawn(page: Watched) -> None:
    here = page.open("?tab=todays_predictions")
    # The address as a choice of the group leaves it, in the moment before the page is drawn anew.
    here.evaluate("() => history.replaceState({}, '', location.search + '&group=semis')")
    here.locator(".chip", has_text="bearish").click()
    here.wait_for_url("**group=semis&bucket=bearish")
    expect(here.locator("h2").first).to_contain_text("group semis and bearish")
    here.evaluate("() => history.replaceState({}, '', location.search.replace('semis', 'etfs'))")
    here.get_by_role("link", name="Previous session").click()
    here.wait_for_url("**group=etfs&bucket=bearish&session=2026-04-21")
    expect(here.locator("h2").first).to_contain_text("group etfs and bearish")


def test_an_earlier_session_is_shown_as_such_and_steps_lead_to_its_neighbours(page: Watched, known: sa.Engine) -> None:
    here = page.open("?tab=todays_predictions&session=2026-04-18")
    expect(here.locator("#page")).to_contain_text("As of Fri 2026-04-17")
    expect(here.locator("#page")).to_contain_text("nothing was forecast on 2026-04-18")
    here.get_by_role("link", name="Next session, 2026-04-20").click()
    expect(here.locator("#page")).to_contain_text("As of Mon 2026-04-20")
    page.shows("predictions", "ticker", reads.signals(known, date(2026, 4, 20))["ticker"].to_list()[:1])


def test_a_ticker_of_the_table_leads_to_its_view_and_the_select_to_another(page: Watched) -> None:
    here = page.open("?tab=todays_predictions&group=etfs")
    here.get_by_role("link", name="SQQQ", exact=True).click()
    page.drawn("ticker_view")
    expect(here.locator("h1")).to_contain_text("SQQQ")
    here.get_by_label("Ticker").first.click()
    here.keyboard.type("NVDA")
    here.get_by_role("option", name="NVDA", exact=True).click()
    here.wait_for_url("**ticker=NVDA**")
    expect(here.locator("h1")).to_contain_text("NVDA")
    expect(here.locator("#model-card")).to_contain_text("ldtm-NVDA-")


def test_a_model_without_skill_is_called_so_on_tile_figure_table_and_card(page: Watched, known: sa.Engine) -> None:
    cards = reads.accuracy_30d(known).filter(pl.col("skill_vs_persistence") < -0.1)
    here = page.open(f"?tab=ticker_view&ticker={cards['ticker'][0]}")
    page.settled("ticker_view")
    for place in (".tile .skill-badge", ".section-note .skill-badge", "#title-forecasts >> xpath=../.."):
        expect(here.locator(place).first).to_contain_text("No skill: worse than tomorrow-is-today")
    card = here.locator("#model-card")
    expect(card).to_contain_text("✕")
    # The loss beside persistence's, the skill beside its n: windows of the part, not rows of the history.
    ((name, *losses, windows),) = [it.split("\t") for it in _lines(card.locator("#card-loss")) if it.startswith("Test")]
    own, naive = map(float, losses)
    assert (name, own > naive, windows) == ("Test", True, "371")
    month = next(it.split("\t") for it in _lines(card.locator("#card-skill")) if it.startswith("One month"))
    assert month[2::2] == ["349", "350"]
    expect(card).to_contain_text("Next day 1,728 · Next Monday 1,724 · One month 1,708")
    expect(card).to_contain_text("450 µs, its share of the call")
    expect(here.locator("#page")).to_contain_text("Not enough evidence")


def test_the_leaderboard_is_in_the_shrunk_order_and_says_what_coins_do(page: Watched, known: sa.Engine) -> None:
    here = page.open("?tab=accuracy_leaderboard")
    shrunk = [float(value.removesuffix(" %")) for value in page.rows("leaderboard", "shrunk_pct")]
    assert shrunk == sorted(shrunk, reverse=True)
    accuracy = reads.accuracy_30d(known)
    expect(here.locator(".luck")).to_contain_text(f"Of {accuracy.height} fair coins tossed 20 times each")
    best = accuracy.filter(pl.col("ticker") == page.rows("leaderboard", "ticker")[0]).row(0, named=True)
    hits = f"{best['correct_directions']} / {best['evaluated_directions']}"
    assert page.rows("leaderboard", "hits_of_n")[0] == hits
    assert all(value.startswith("…") for value in page.rows("leaderboard", "skill_pct"))
    # Only an interval above 0 is a claim.
    records = reads.confidence(known).filter(pl.col("horizon") == "next_day")
    lows = dict(with_interval(records, records["evaluated"]).select("ticker", "skill_low").iter_rows())
    shown = dict(zip(page.rows("leaderboard", "ticker"), page.rows("leaderboard", "record_skill_pct"), strict=True))
    assert {"✓", "○", "✕"} <= {value[0] for value in shown.values()}
    assert all(lows[ticker] > 0 for ticker, value in shown.items() if value[0] == "✓")
    assert all(lows[ticker] <= 0 for ticker, value in shown.items() if value[0] == "○")


def test_the_csv_of_a_table_has_every_row_and_plain_values(page: Watched, known: sa.Engine, tmp_path: Path) -> None:
    here = page.open("?tab=todays_predictions&group=semis")
    page.settled()
    rows = _downloaded(here, button("grid", "predictions"), tmp_path, "predictions_2026-04-22.csv")
    semis = reads.signals(known).filter(pl.col("ticker").is_in(load_universe().groups["semis"]))
    assert [row["Ticker"] for row in rows] == semis["ticker"].to_list()
    assert [float(row["Implied 1 m"]) for row in rows] == semis["implied_1m_return_pct"].to_list()
    assert "30 sessions" not in rows[0]
    assert int(rows[0]["Skill, next day: n"]) > 21


def test_the_csv_of_a_figure_has_every_honest_forecast_with_the_day_it_was_made(
    page: Watched, known: sa.Engine, tmp_path: Path
) -> None:
    here = page.open("?tab=ticker_view&ticker=AAPL")
    page.settled()
    rows = _downloaded(here, button("figure", "price"), tmp_path, "AAPL_price_and_forecasts.csv")
    months = [row for row in rows if row["series"] == "one month forecasts"]
    honest = reads.snapshots(known, ticker="AAPL").filter(~pl.col("in_sample"))
    made = [(f"{made}", f"{due}") for made, due in honest.select("run_date", "one_month_target_date").iter_rows()]
    assert sorted((row["made_on"], row["x"]) for row in months) == made


def test_what_a_confidence_rests_on_shows_by_mouse_and_keyboard_until_escape_and_is_in_the_csv(
    page: Watched, known: sa.Engine, tmp_path: Path
) -> None:
    scores = {(row["ticker"], row["horizon"]): row for row in reads.confidence(known).rows(named=True)}
    here = page.open("?tab=todays_predictions")
    page.settled()
    first = page.rows("predictions", "ticker")[0]
    day, month = (confidence_sentence(scores[first, horizon]) for horizon in ("next_day", "one_month"))
    cell = here.locator(".ag-row[row-index='0'] [col-id='next_day_confidence']")
    record = scores[first, "next_day"]
    expect(cell).to_contain_text(f"{record['hits']} / {record['directions']}")
    tip = here.get_by_role("tooltip")
    expect(tip).to_have_count(0)
    cell.hover()
    expect(tip).to_have_text(day)
    cell.click()
    here.keyboard.press("ArrowRight")
    expect(tip).to_have_text(month)
    expect(here.locator(".ag-cell-focus")).to_have_attribute("aria-describedby", "tip")
    here.keyboard.press("Escape")
    expect(tip).to_have_count(0)
    rows = _downloaded(here, button("grid", "predictions"), tmp_path, "predictions_2026-04-22.csv")
    assert rows[0]["Confidence, day: what it rests on"] == day
    # On a phone the keyboard scrolls to the score, under a mouse that stays where it is.
    here.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    here.locator(".ag-row[row-index='0'] [col-id='implied_1m_return_pct']").click()
    for _ in range(7):
        here.keyboard.press("ArrowRight")
    expect(tip).to_have_text(month)
    here.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    page.open("?tab=accuracy_leaderboard")
    page.settled()
    cell = here.locator(".ag-row[row-index='0'] [col-id='confidence']")
    cell.click()
    expect(tip).to_have_text(confidence_sentence(scores[page.rows("leaderboard", "ticker")[0], "next_day"]))
    expect(cell).to_contain_text("%")
    expect(here.locator("#page")).to_contain_text(SURVIVORSHIP)


def _lines(table: Locator) -> list[str]:
    return table.inner_text().split("\n")


def _downloaded(page: Page, selector: str, folder: Path, name: str) -> list[dict[str, str]]:
    with page.expect_download() as waiting:
        page.locator(selector).click()
    assert waiting.value.suggested_filename == name
    waiting.value.save_as(folder / name)
    return list(csv.DictReader(io.StringIO((folder / name).read_text("utf-8-sig"))))
