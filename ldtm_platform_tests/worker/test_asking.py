"""The worker over its real socket, in a real process: whatever comes, whoever dies, an answer is right or none."""

import os
import shutil
import signal
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from ldtm_platform.settings import Settings
from ldtm_platform.worker import asking
from ldtm_platform.worker.agreement import settings_print
from ldtm_platform.worker.asking import ask
from ldtm_platform.worker.messages import Answer, BadMessage, Declined, Question, receive_reply, send
from ldtm_platform_tests.worker.desk import desk, said

DAY = date(2024, 7, 31)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    # A short path: a unix socket's may not be longer than 103 bytes.
    home = Path(tempfile.mkdtemp(prefix="ldtm-worker-"))
    (home / "universe.toml").write_text('[sectors]\nsemis = ["NVDA"]\n')
    monkeypatch.chdir(home)
    # A machine that is busy with other tests keeps nobody from an answer here.
    monkeypatch.setattr(asking, "PATIENCE_SEC", 60)
    yield Settings(home=home, universe=home / "universe.toml")
    shutil.rmtree(home)


def connected(settings: Settings) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(settings.home / "worker.sock"))
    return connection


def test_an_answer_comes_with_every_bit_of_its_numbers(settings: Settings) -> None:
    with desk(settings):
        answer = ask(settings, ["NVDA", "AMD"], DAY)
    assert answer == Answer({"success": True}, [{"ticker": t, "next_day_close": 0.1 + 0.2} for t in ("NVDA", "AMD")])


def test_only_the_owner_may_connect(settings: Settings) -> None:
    with desk(settings):
        assert (settings.home / "worker.sock").stat().st_mode & 0o777 == 0o600


def test_without_a_worker_or_with_a_dead_ones_socket_there_is_no_answer(settings: Settings) -> None:
    assert ask(settings, ["NVDA"], DAY) is None
    with desk(settings) as process:
        process.kill()
        process.wait()
        assert (settings.home / "worker.sock").is_socket()
        assert ask(settings, ["NVDA"], DAY) is None
    with desk(settings):
        assert ask(settings, ["NVDA"], DAY) is not None


def test_a_home_whose_path_is_too_long_for_a_socket_has_no_worker(settings: Settings) -> None:
    long = settings.model_copy(update={"home": settings.home / ("long" * 30)})
    assert ask(long, ["NVDA"], DAY) is None


def test_a_worker_that_is_killed_over_a_question_leaves_it_to_who_asked(settings: Settings) -> None:
    with desk(settings) as process, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, settings, ["SLOW"], DAY)
        said(process, "working")
        process.kill()
        assert waiting.result(60) is None


def test_a_busy_or_stopped_worker_is_not_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(settings) as process:
        process.send_signal(signal.SIGSTOP)
        with monkeypatch.context() as hurried:
            hurried.setattr(asking, "PATIENCE_SEC", 0.3)
            assert ask(settings, ["NVDA"], DAY) is None
        process.send_signal(signal.SIGCONT)
        assert ask(settings, ["NVDA"], DAY) is not None
        # What was not waited for was not done either.
        said(process, "working")
        process.kill()
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_other_settings_are_declined(settings: Settings) -> None:
    with desk(settings, agreed="another"):
        assert ask(settings, ["NVDA"], DAY) is None
    with desk(settings):
        assert ask(settings.model_copy(update={"seed": 1}), ["NVDA"], DAY) is None
        assert ask(settings, ["NVDA"], DAY) is not None


def test_a_worker_whose_universe_has_changed_declines_and_ends(settings: Settings) -> None:
    with desk(settings) as process:
        assert ask(settings, ["NVDA"], DAY) is not None
        settings.universe.write_text('[sectors]\nsemis = ["NVDA", "AMD"]\n')
        assert ask(settings, ["NVDA"], DAY) is None
        assert process.wait(60) == 0
    assert not (settings.home / "worker.sock").exists()


BAD = (
    b"",
    b"\x00\x00",
    struct.pack("!I", 12) + b"short",
    struct.pack("!I", 2**32 - 1) + b"x",
    struct.pack("!I", 4) + b"\x80\x04ci",
    struct.pack("!I", 2) + b"{}",
)


def test_bad_messages_end_their_own_connection_only(settings: Settings) -> None:
    with desk(settings):
        for content in BAD:
            with connected(settings) as connection:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                reply = receive_reply(connection)
            assert isinstance(reply, Declined), content
        assert ask(settings, ["NVDA"], DAY) is not None


def test_whoever_says_nothing_or_goes_away_keeps_nobody_from_an_answer(settings: Settings) -> None:
    with desk(settings):
        silent, gone = connected(settings), connected(settings)
        send(gone, Question(settings="", code="", session="", tickers=()))
        gone.close()
        with silent:
            assert ask(settings, ["NVDA"], DAY) is not None


def test_many_who_ask_at_once_all_get_their_own_answer(settings: Settings) -> None:
    start = threading.Barrier(8)

    def one(number: int) -> Answer | None:
        start.wait()
        return ask(settings, [f"T{number}"], DAY)

    with desk(settings), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))
    assert [answer and answer.forecasts[0]["ticker"] for answer in answers] == [f"T{number}" for number in range(8)]


def test_nothing_secret_is_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    monkeypatch.setenv("LDTM_ALPACA_SECRET", "hunter2")
    path = settings.home / "worker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        asker = threading.Thread(target=ask, args=(Settings(home=settings.home), ["NVDA"], DAY))
        asker.start()
        connection, _ = server.accept()
        with connection:
            heard = connection.recv(2**16)
        asker.join()
    assert b"NVDA" in heard
    assert b"hunter2" not in heard
    # Not even by a fingerprint that could be guessed at.
    monkeypatch.setenv("DB_PASSWORD", "hunter3")
    monkeypatch.setenv("LDTM_ALPACA_SECRET", "hunter3")
    other = settings_print(Settings(home=settings.home))
    assert other.encode() in heard


def test_where_pages_are_served_is_no_other_setting_but_the_seed_is() -> None:
    agreed = settings_print(Settings())
    assert settings_print(Settings(ui_port=3001, dashboard_port=8502, llm_model="other")) == agreed
    assert settings_print(Settings(seed=1)) != agreed


def test_a_reply_that_is_none_is_no_answer(settings: Settings) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(struct.pack("!I", 13) + b'{"report": 1}')
        with pytest.raises(BadMessage, match="no reply"):
            receive_reply(here)
        os.close(there.detach())
        with pytest.raises(BadMessage, match="ended after 0 of 4 bytes"):
            receive_reply(here)
