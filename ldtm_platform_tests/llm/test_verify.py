"""What counts as found in the data, what as a headline's, and what is marked: the forms of numbers one by one."""

import pytest

from ldtm_platform.llm.facts import Source, facts_of
from ldtm_platform.llm.verify import Checked, Checker
from ldtm_platform_tests.llm.given import GIVEN

CHECKER = Checker(facts_of(GIVEN, ("AMD", "ODFL", "AAPL")))


def check(text: str) -> Checked:
    return CHECKER.check(text)


def numbers(text: str) -> list[tuple[str, str]]:
    return [(piece.text, piece.status) for piece in check(text).pieces() if piece.status]


@pytest.mark.parametrize(
    "text",
    [
        "AMD: next day 282.22, one month 315.00.",
        "AMD closes at $282.2, or 282 dollars, from $280.00",
        "AMD's implied return is 11.62% (+11.62 %, 11.6 percent, 12 per cent)",
        "ODFL: 1,234.5 down to 174.35",
        "ODFL last closed at 1234.50, about 1.2k",
        "ODFL is -21.02%, −21.02%, \u201321.02% or minus 21.0 percent",
        "ODFL falls by 21.02%, and its return is 21.02% lower",
        "ODFL goes 220.74-174.35",
        "ODFL goes 220.74 -> 174.35 (220.74→174.35)",
        "AMD was right on 12/19 directions, 12 of 19, twelve of nineteen",
        "AMD is ranked 1st, rank 1, #1",
        "AMD has 20 evaluated days in the 30-day window",
        "The fleet's n is 4,080 (n=4080) with a mean error of 3.06 %",
        "The skill of the fleet is -1.09; persistence is 2.09x better",
        "AMD's skill of 0.018 is 1.8 %",
        "As of 2026-04-22, AMD's target is April 23rd, 2026, or 23 April, or Apr 23; next Monday 4/27/2026",
        "AMD: forecast for May 2026, made in 2026",
        "AMD's direction accuracy: sixty-three percent, sixty-three point one six percent",
        "AMD closes at two hundred and eighty-two dollars",
        "AMD’s one month forecast is 21 sessions ahead",
        "**AMD** is at **282.22**, `315.00`",
        "AMD: ２８２.２２ and ٢٨٢.22 and 𝟐𝟖𝟐.𝟐𝟐",
        "| AMD | 282.22 | 315.00 | 11.62% |",
        "AMD 282.22. It rises to 315.00.",
        "AMD error: 1.47%; persistence 1.50%.",
        "The AMD model ldtm-20260401-3fa2 said 282.22",
        "AMD (280) is not the S&P 500 or the NASDAQ-100",
        "Source: ldtm_accuracy_30d, implied_1m_return_pct=11.62 for AMD",
        "News at 14:30 on 2026-04-21 about AMD",
    ],
)
def test_numbers_as_the_data_have_them_are_found(text: str) -> None:
    found = numbers(text)
    assert found
    assert {status for _, status in found} == {"found"}, found


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("AMD: 282.23", "282.23"),
        ("AMD: 282.2200001", "282.2200001"),
        ("AMD: 283", "283"),
        ("AMD will be at 300", "300"),
        ("AMD gains 32.78", "32.78"),
        ("AMD falls by 11.62%", "11.62%"),
        ("AMD: -11.62%", "-11.62%"),
        ("AMD: - 11.62%", "- 11.62%"),
        ("ODFL: 21.02%", "21.02%"),
        ("ODFL: +21.02%", "+21.02%"),
        ("AMD: $11.62", "$11.62"),
        ("AMD: 282.22%", "282.22%"),
        ("AMD: €282.22", "€282.22"),
        ("AMD: 282.22 euros", "282.22 euros"),
        ("AMD: 11.62 percentage points", "11.62 percentage points"),
        ("AMD: 282,22", "282,22"),
        ("AMD: 1.234,50", "1.234,50"),
        ("ODFL: 12,34.50", "12,34.50"),
        ("ODFL: 1 234 567", "1 234 567"),
        ("ODFL: 1.3k", "1.3k"),
        ("ODFL: 1234.5m", "1234.5m"),
        ("AAPL: 282.22", "282.22"),
        ("ODFL is at 282.22", "282.22"),
        ("AMD: 282.22e1", "282.22e1"),
        ("AMD: 28^2", "28^2"),
        ("AMD: 0282.22", "0282.22"),
        ("AMD: 282.22.1", "282.22.1"),
        ("AMD: 28O.22 or 2B2", "28O.22"),
        ("AMD: $lOO", "$lOO"),
        ("AMD: lOO% sure", "lOO%"),
        ("AMD: 11/20 correct", "11"),
        ("AMD: 12/18 correct", "12"),
        ("AMD doubled", "doubled"),
        ("Half of AMD", "Half"),
        ("a third of AMD", "a third"),
        ("AMD: three hundred dollars", "three hundred dollars"),
        ("AMD: one percent", "one percent"),
        ("AMD: 三百", "三"),
        ("AMD: 28\u03362.22", "28\u03362.22"),
        ("AMD: 2️⃣", "2️⃣"),
        ("AMD on 2026-04-24", "2026-04-24"),
        ("AMD on April 24", "April 24"),
        ("AMD in 1987", "1987"),
        ("AMD at 16:00", "16:00"),
        ("AMD closes at 20", "20"),
        ("AMD has 9 evaluated days", "9"),
        ("AMD error 0%", "0%"),
        ("AMD error 1%", "1%"),
        ("99. AMD", "99"),
        ("Nobody is named: 12", "12"),
        ("AMD: 282.22+", "282.22+"),
        ("AMD: 5 bps", "5 bps"),
        ("A score of 7 out of 10", "7"),
    ],
)
def test_numbers_that_the_data_do_not_have_are_marked(text: str, missing: str) -> None:
    found = numbers(text)
    assert (missing, "missing") in found, found
    assert "do not rely on them" in check(text).verdict


def test_hidden_characters_neither_split_nor_make_numbers() -> None:
    assert numbers("AMD: 28\u200b2.22") == [("282.22", "found")]
    assert numbers("AMD: 9\u200b282.22") == [("9282.22", "missing")]
    assert numbers("AMD: \u202e22.282") == [("22.282", "missing")]
    assert numbers("AMD: 9**282.22**") == [("9282.22", "missing")]
    assert numbers("AMD: 9<b>282.22</b>") == [("9282.22", "missing")]
    assert numbers("AMD: 9&#50;82.22") == [("9282.22", "missing")]


def test_list_markers_that_count_on_are_no_claims() -> None:
    assert numbers("1. AMD\n2. ODFL\n   - below\n3) AAPL") == []
    assert numbers("1. AMD\n7. ODFL") == [("7", "missing")]
    assert [line.marker for line in check("1. AMD\n2. ODFL").lines] == ["1.", "2."]


def test_tickers_and_horizons_are_no_claims() -> None:
    assert numbers("One of them, AMD, has a one-month and a next-day forecast; no one knows.") == []


def test_numbers_of_headlines_are_told_apart() -> None:
    text = "AMD plans to spend $7.5 billion, an analyst says 999.99, and the forecast is 282.22."
    assert [status for _, status in numbers(text)] == ["headline", "headline", "found"]
    assert check(text).verdict.startswith("1 of 3 numbers")
    assert "2 come from headlines only" in check(text).verdict
    assert numbers("ODFL: 999.99") == [("999.99", "missing")]


def test_a_sentence_without_a_ticker_is_about_the_one_before_it() -> None:
    assert numbers("AMD looks strong. The forecast is 220.74.") == [("220.74", "missing")]
    assert numbers("AMD looks strong.\n\nThe lowest forecast is 174.35.") == [("174.35", "found")]


def test_links_that_were_not_given_are_removed_and_their_digits_not_read() -> None:
    text = "See [AMD](https://evil.example/?q=282.22) or https://evil.example/9 or javascript:alert(1)"
    shown = "".join(piece.text for piece in check(text).pieces())
    assert "evil" not in shown
    assert "javascript" not in shown
    assert numbers(text) == []
    given = [piece for piece in check("AMD: https://news.example/amd/7.5-billion?id=31337.").pieces() if piece.url]
    assert [piece.url for piece in given] == ["https://news.example/amd/7.5-billion?id=31337"]


def test_images_html_and_thoughts_are_not_shown() -> None:
    text = "<think>AMD 5555</think>AMD ![x](http://a.b/c.png)<script>alert(1)</script><img src=x>"
    shown = "".join(piece.text for piece in check(text).pieces())
    assert shown == "AMD xalert(1)"
    assert check("AMD <think>never closed 77").count("missing") == 0
    assert "".join(piece.text for piece in check("thought 77</think>AMD").pieces()) == "AMD"


def test_the_rows_that_numbers_stand_in_are_named_once() -> None:
    checked = check("AMD: 282.22 and 315.00. Its error is 1.47%. The fleet's is 3.06%.")
    assert checked.sources == (
        Source("ldtm_signals", "AMD", "2026-04-22"),
        Source("ldtm_accuracy_30d", "AMD", "2026-04-22"),
        Source("ldtm_prediction_errors", "", "2026-04-22"),
    )
    assert checked.verdict == "All 4 numbers in this answer stand in the data it was given."


def test_an_answer_without_numbers_says_so() -> None:
    assert check("I do not know.").verdict == "No number in this answer, so there was none to check."
    assert check("").lines == ()


def test_nothing_is_verified_by_no_data() -> None:
    nothing = Checker(facts_of(())).check("AMD: 282.22, -1.5 %, 12/19, 2026-04-22, 3 days, $5")
    assert nothing.count("found") == 0
    assert nothing.count("missing") >= 7
