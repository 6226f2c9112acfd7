"""The warehouse's connection pool, as a Dagster resource."""

import os
from functools import cache
from typing import Any

import dagster as dg
import sqlalchemy as sa


class Database(dg.ConfigurableResource[Any]):
    """Our PostgreSQL database. Its URL may hold a password, so the configuration names a variable and not the URL."""

    url_variable: str = "LDTM_DATABASE_URL"

    def engine(self) -> sa.Engine:
        """The process's one engine for that URL."""
        url = os.environ.get(self.url_variable)
        if not url:
            raise dg.Failure(
                f"{self.url_variable} is not set: start Dagster with `ldtm up`, which starts PostgreSQL too"
            )
        return _engine(url)


@cache
def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url, pool_pre_ping=True)
