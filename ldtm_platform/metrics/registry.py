"""The metrics of one dashboard server: its own process, and what the tables say when they are asked."""

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from ldtm_platform.metrics.collector import WarehouseCollector


def create_registry(engine: sa.Engine) -> CollectorRegistry:
    """A registry of its own, so that two servers in one process do not share series."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(WarehouseCollector(engine))
    return registry
