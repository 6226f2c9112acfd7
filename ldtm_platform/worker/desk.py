"""What the worker does with a question: the run of `ldtm infer`, on connections and models that are kept warm."""

from dataclasses import asdict
from datetime import date

from ldtm_platform.cli.pipeline import forecasts_of, infer_run
from ldtm_platform.cli.running import Workbench
from ldtm_platform.worker.messages import Answer, Question


def answer(bench: Workbench, question: Question) -> Answer:
    """The run, recorded like any other, and its forecasts."""
    session = date.fromisoformat(question.session)
    report = infer_run(bench, question.tickers, session)
    return Answer(asdict(report), forecasts_of(bench, question.tickers, session))
