"""Numbers that are written as English words, and the words that turn a number's sign or say what it counts.

"one" alone is no number (no one, one of, one-month) unless a unit follows. Ordinals as words (first, second) are none
either. Words for multiples and shares (half, twice, a third, a dozen, tenfold) are numbers that no data hold: they are
derived, so they never count as found. Words of other languages are not read.
"""

import re
from decimal import Decimal

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {word: value for value, word in enumerate(_UNITS)} | {word: 10 * at for at, word in enumerate(_TENS, 2)}
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

_WORD = "|".join([*_SMALL, *_SCALES])
NUMBER_WORDS = re.compile(
    rf"\b(?:a |an )?(?:{_WORD})(?:[ -](?:and )?(?:{_WORD}))*(?: point(?: (?:{'|'.join(_UNITS[:10])}))+)?\b",
    re.IGNORECASE,
)
DERIVED_WORDS = re.compile(
    r"\b(?:half|halves|halved|twice|thrice|doubl(?:e|ed|es|ing)|tripl(?:e|ed|es|ing)|quadrupl(?:e|ed|es|ing)"
    r"|dozens?|hundreds|thousands|millions|billions|trillions|\w+fold|(?:a|one|two|three|four) (?:third|quarter|fifth|"
    r"sixth|seventh|eighth|ninth|tenth|hundredth)s?(?= of)|(?:two|three|four)[ -](?:third|quarter|fifth|tenth)s)\b",
    re.IGNORECASE,
)
# Right before a number: the number is meant as negative.
TURNED = re.compile(
    r"\b(?:minus|negative|down|fall(?:s|ing|en)?|fell|drop(?:s|ped|ping)?|declin(?:e|es|ed|ing)|los(?:e|es|t|ing)"
    r"|decreas(?:e|es|ed|ing)|shed(?:s|ding)?|slump(?:s|ed)?|sink(?:s|ing)?|sank)"
    r"(?: (?:by|of|about|around|roughly|nearly|almost|some|just|only|a|an))*\s*[~≈]?\s*$",
    re.IGNORECASE,
)
# Somewhere near: a number that the data hold as negative may stand without its sign.
LOWER = re.compile(
    r"\b(?:lower|below|under|worse|loss|losses|bearish|downside|minus|negative|down|fall\w*|fell|drop\w*|declin\w+|los\w+"
    r"|decreas\w+|less|shed\w*|slump\w*|sink\w*|sank|underperform\w*)\b",
    re.IGNORECASE,
)
COUNTED = re.compile(
    r"[ -](?:evaluated |trading |calendar |correct |past |out-of-sample |official )*(?:days?|sessions?|epochs?|rows?"
    r"|tickers?|stocks?|headlines?|predictions?|forecasts?|directions?|hits?|models?|times|names|bullish|bearish|neutral"
    r"|mondays?|of\b|out of)",
    re.IGNORECASE,
)
VALUED = re.compile(
    r"\b(?:at|to|near|around|about|above|below|under|over|reach(?:es|ing|ed)?|clos(?:e|es|ed|ing)|prices?|priced|target)"
    r"(?: (?:of|is|was|at|about|around|near))*\s*$",
    re.IGNORECASE,
)


def value_of(words: str) -> Decimal | None:
    """The number that a run of number words says; None for "one" alone and "twenty ten"."""
    whole, _, fraction = words.lower().partition(" point ")
    parts = [part for part in re.split(r"[ -]", whole) if part not in ("and", "a", "an", "")]
    if not fraction and parts == ["one"]:
        return None
    total, group, last = 0, 0, 10**15
    for part in parts:
        if part in _SMALL:
            value = _SMALL[part]
            if group % 100 and not (group % 10 == 0 and group % 100 >= 20 and 0 < value < 10):
                return None
            group += value
        elif part == "hundred":
            group = max(group, 1) * 100
        else:
            scale = _SCALES[part]
            if scale >= last:
                return None
            total, group, last = total + max(group, 1) * scale, 0, scale
    digits = "".join(str(_SMALL[digit]) for digit in fraction.split())
    return Decimal(f"{total + group}.{digits}") if digits else Decimal(total + group)
