"""The language model as a resource: it reads the settings when it is asked, and answers from the tables."""

import dagster as dg
import pytest
import sqlalchemy as sa

from ldtm_platform.resources.language_model import LanguageModel
from ldtm_platform_tests.llm.dialects import vllm
from ldtm_platform_tests.llm.model_server import serving


def test_it_answers_from_the_tables_and_checks(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: vllm("AAPL: 123.45")) as server:
        monkeypatch.setenv("LLM_BASE_URL", server.url)
        answer = LanguageModel().answer(engine, "How is AAPL?", group="mega_cap")
    assert answer.checked is not None
    assert answer.checked.count("missing") == 1


def test_without_a_server_it_says_what_to_set(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLM_BASE_URL", raising=False)
    with pytest.raises(dg.Failure, match="name an OpenAI-compatible server in LLM_BASE_URL"):
        LanguageModel().answer(engine, "How is AAPL?")
