"""Prometheus metrics that are read from the tables at scrape time: nothing is counted, so nothing is lost or stale.

When the database does not answer, ldtm_database_up is 0 and the other series are absent: an alert on absence holds.
"""

from collections.abc import Callable, Iterator
from importlib.metadata import version

import sqlalchemy as sa
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from ldtm_platform.metrics import families


class WarehouseCollector(Collector):
    """Reads every family anew at each scrape; what takes seconds is remembered until something was written."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def describe(self) -> list[Metric]:
        """No names in advance: registering must not read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families of this moment."""
        yield InfoMetricFamily("ldtm", "The platform", {"version": version("ldtm_platform")})
        try:
            found = [metric for read in FAMILIES for metric in read(self._engine)]
        except sa.exc.SQLAlchemyError:
            yield GaugeMetricFamily("ldtm_database_up", "Whether the database could be read", 0)
            return
        yield GaugeMetricFamily("ldtm_database_up", "Whether the database could be read", 1)
        yield from found


FAMILIES: tuple[Callable[[sa.Engine], Iterator[Metric]], ...] = (
    families.stages,
    families.ingest,
    families.targets,
    families.skill,
    families.models,
    families.runs,
    families.quarantine,
    families.news,
)
