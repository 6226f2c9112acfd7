"""What dividends tell of themselves: the same one twice within days, and one that a regular payer seems to lack.

Closes are never adjusted for dividends here, so a vendor's missing adjustment for one changes nothing that is stored;
what can be wrong is the list of dividends. A doubled one is held out of it; a missing one can only be named, because
companies do leave one out.
"""

from datetime import date, timedelta
from itertools import pairwise
from statistics import median

import polars as pl

DOUBLED = "doubled_dividend"
MISSING = "missing_dividend"
DOUBLED_REASON = "a dividend of the same amount is named within days of it: the same one twice"
# No company pays the same dividend twice within so many days; the recorded case is 4 days apart.
_TWICE = timedelta(days=12)
_SAME = 1e-6
# Of so many gaps at least, so large a share must be within a quarter of their median: only then is a payer regular.
_FEWEST_GAPS = 4
_REGULAR_SHARE = 0.8
_LACKING = (1.6, 2.4)


def doubled_dividends(dividends: pl.DataFrame) -> list[date]:
    """The days of dividends that are another one again: of each pair the one that fits less well among the others.

    dividends: ex_date and value of every dividend of one ticker, by date.
    """
    rows = dividends.select("ex_date", "value").rows()
    doubled = []
    for (first, one), (second, other) in pairwise(rows):
        if second - first <= _TWICE and abs(one / other - 1) < _SAME:
            rest = [day for day, _ in rows if day not in (first, second)]
            doubled.append(min((first, second), key=lambda day: (-_strangeness(day, rest), day)))
    return doubled


def missing_dividends(dividends: pl.DataFrame) -> list[date]:
    """About when a dividend seems to be missing: the middle of a gap twice as long as a regular payer's others."""
    days = dividends["ex_date"].to_list()
    gaps = [(after - before).days for before, after in pairwise(days)]
    if len(gaps) < _FEWEST_GAPS + 1:
        return []
    usual = median(gaps)
    regular = [gap for gap in gaps if abs(gap / usual - 1) < 1 / 4]
    if len(regular) < max(_FEWEST_GAPS, _REGULAR_SHARE * len(gaps)):
        return []
    least, most = _LACKING
    return [
        before + timedelta(days=gap // 2)
        for before, gap in zip(days, gaps, strict=False)
        if least * usual <= gap <= most * usual
    ]


def _strangeness(day: date, others: list[date]) -> float:
    """How far the gaps to the dividends before and after are from the usual one, in days."""
    gaps = [(after - before).days for before, after in pairwise(others)]
    usual = median(gaps) if gaps else 0.0
    before = [other for other in others if other < day][-1:]
    after = [other for other in others if other > day][:1]
    near = [abs((day - other).days) for other in (*before, *after)]
    return min((abs(gap - usual) for gap in near), default=0.0)
