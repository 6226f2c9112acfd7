"""How checks speak: facts about some tickers warn and name them; about most of the fleet they block.

A check that stands between stages must not stop a hundred tickers for three; each ticker's own trouble already keeps it
out of the next stage by name.
"""

from collections.abc import Mapping

import dagster as dg

# More than this share of the fleet at once is no ticker's trouble but a vendor's or ours.
OUTAGE_SHARE = 0.5


def named_tickers(troubled: Mapping[str, str], fleet: int) -> dg.AssetCheckResult:
    """Passed when no ticker is troubled; a warning that names a few, an error (blocking) when it is an outage."""
    outage = len(troubled) > OUTAGE_SHARE * fleet
    severity = dg.AssetCheckSeverity.ERROR if outage else dg.AssetCheckSeverity.WARN
    names = ", ".join(list(troubled)[:10])
    return dg.AssetCheckResult(
        passed=not troubled,
        severity=severity,
        description=f"{len(troubled)} of {fleet} tickers: {names}" if troubled else f"all {fleet} tickers",
        metadata={"tickers": dg.MetadataValue.json(dict(troubled)), "count": len(troubled)},
    )


def opinion(rows: list[dict[str, object]], what: str) -> dg.AssetCheckResult:
    """A warning with the rows that caused it, or a pass when there is none."""
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(rows) or 'no'} {what}",
        metadata={"rows": dg.MetadataValue.md(markdown_table(rows[:50])), "count": len(rows)},
    )


def markdown_table(rows: list[dict[str, object]]) -> str:
    """A Markdown table of rows that share their keys; a dash when there is none."""
    if not rows:
        return "-"
    lines = [" | ".join(rows[0]), " | ".join("---" for _ in rows[0])]
    lines += [" | ".join(f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values()) for row in rows]
    return "\n".join(lines)
