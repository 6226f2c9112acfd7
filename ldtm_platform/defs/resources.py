"""Resources by the names that assets ask for, and the executor of every run."""

import dagster as dg

from ldtm_platform.resources.database import Database
from ldtm_platform.resources.hourly_data import HourlyData
from ldtm_platform.resources.language_model import LanguageModel
from ldtm_platform.resources.market_data import MarketData
from ldtm_platform.resources.model_store import ModelStore
from ldtm_platform.resources.news import News
from ldtm_platform.resources.progress import Progress


@dg.definitions
def resources() -> dg.Definitions:
    """What assets are given.

    Steps run in the run's own process: one more process a step costs two seconds, and torch's import two more.
    """
    return dg.Definitions(
        resources={
            "database": Database(),
            "language_model": LanguageModel(),
            "market_data": MarketData(),
            "hourly_data": HourlyData(),
            "models": ModelStore(),
            "news": News(),
            "progress": Progress(),
        },
        executor=dg.in_process_executor,
    )
