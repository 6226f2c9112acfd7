"""What became of one ticker's ingest."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

State = Literal["ok", "incomplete", "no_data", "failed", "delisted"]


@dataclass(frozen=True)
class IngestOutcome:
    """One ticker's ingest. rows, first_date and last_date are of all that is stored afterwards; source: whose answer it
    was, empty where nothing was stored.

    state: 'ok'; 'incomplete' (sessions lack a bar and no halt explains it: the message names them); 'no_data' (the
    source has none); 'failed' (nothing was stored, the message says why and what to do); 'delisted' (no bars any more,
    see listing.py).
    """

    ticker: str
    state: State
    message: str
    rows: int = 0
    rows_new: int = 0
    rows_changed: int = 0
    rows_quarantined: int = 0
    rows_repaired: int = 0
    splits: int = 0
    first_date: date | None = None
    last_date: date | None = None
    source: str = ""
