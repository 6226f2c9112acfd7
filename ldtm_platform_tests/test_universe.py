"""The universe file: what is shipped, and what a user's edit may get wrong."""

from pathlib import Path

import pytest

from ldtm_platform.universe import UniverseError, load_universe

SHIPPED = """AAPL ABNB ADBE ADI ADP ADSK AEP ALNY AMAT AMD AMGN AMZN APP ARM ASML AVGO AXON BKNG BKR CCEP CDNS CEG CHTR
CMCSA COST CPRT CRWD CSCO CSGP CSX CTAS CTSH DASH DDOG DXCM EA EXC FANG FAST FER FTNT GEHC GILD GOOG GOOGL HON IDXX
INSM INTC INTU ISRG KDP KHC KLAC LIN LRCX MAR MCHP MDLZ MELI META MNST MPWR MRVL MSFT MSTR MU NFLX NVDA NXPI ODFL ORLY
PANW PAYX PCAR PDD PEP PLTR PYPL QCOM REGN ROP ROST SBUX SHOP SNDK SNPS STX TMUS TRI TSLA TTWO TXN VRSK VRTX WBD WDAY
WDC WMT XEL ZS TQQQ SQQQ""".split()
GROUPS = "mega_cap semis software internet consumer healthcare industrial telecom financials hardware intl etfs".split()


def test_the_shipped_universe_is_the_103_tickers_in_12_groups() -> None:
    universe = load_universe()
    assert len(universe.tickers) == 103
    assert set(universe.tickers) == set(SHIPPED)
    assert set(universe.groups) == set(GROUPS)
    assert all(universe.groups.values())


def test_every_ticker_is_in_exactly_one_sector_and_mega_cap_overlaps() -> None:
    universe = load_universe()
    sectors = {name: tickers for name, tickers in universe.groups.items() if name != "mega_cap"}
    assert sum(map(len, sectors.values())) == 103
    assert set(universe.group("mega_cap")) <= set(universe.tickers)


def test_a_ticker_is_added_by_editing_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[sectors]\nsemis = ["NVDA", "AMD"]\n')
    assert load_universe(path).tickers == ("AMD", "NVDA")
    path.write_text('[sectors]\nsemis = ["NVDA", "AMD", "TSM"]\n')
    assert load_universe(path).tickers == ("AMD", "NVDA", "TSM")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[sectors]\na = ["X"]\nb = ["X"]\n', "more than one sector group: X"),
        ('[sectors]\na = ["X"]\n[overlapping]\nb = ["Y"]\n', "in no sector: Y"),
        ('[sectors]\na = ["aapl"]\n', "upper case"),
        ('[sectors]\na = "AAPL"\n', "list of tickers"),
        ("[sectors\n", "no valid TOML"),
        ("", "lists no ticker"),
    ],
)
def test_a_bad_edit_is_refused_with_what_to_mend(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UniverseError, match=message):
        load_universe(path)


def test_a_missing_file_and_unknown_names_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UniverseError, match="LDTM_UNIVERSE"):
        load_universe(tmp_path / "none.toml")
    with pytest.raises(UniverseError, match="cannot be read"):
        load_universe(tmp_path)
    universe = load_universe()
    with pytest.raises(UniverseError, match="NOPE"):
        universe.known(["aapl", "NOPE"])
    with pytest.raises(UniverseError, match="it has consumer"):
        universe.group("banks")
    assert universe.known(["aapl"]) == ("AAPL",)
