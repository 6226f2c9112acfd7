"""Training slots: the specification's formula, what NVML itself answers, and the pool's limit that follows."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import instance_for_test

from ldtm_platform.defs.sensors import gpu_slots
from ldtm_platform.gpu import Card, memory_of_a_training, read_cards, runs_at_once, training_slots
from ldtm_platform.stack.slots import GPU_POOL, apply_slots, described

FAKE = Path(__file__).with_name("fake_nvml.c")
READ = "import json; from ldtm_platform.gpu import read_cards; print(json.dumps([c.memory_mib for c in read_cards()]))"
CHOOSE = "import sys; from ldtm_platform.gpu import roomiest; print(roomiest(sys.argv[1:]))"


@pytest.mark.parametrize(
    ("mib", "slots"), [(100, 1), (600, 1), (1199, 1), (1200, 2), (8192, 13), (9600, 16), (81920, 16), (None, 4)]
)
def test_a_card_has_a_slot_per_600_mib_up_to_sixteen_and_four_where_its_memory_cannot_be_read(
    mib: int | None, slots: int
) -> None:
    assert Card("a card", mib).slots == slots


@pytest.mark.parametrize(
    ("free", "total", "taken"),
    [
        (80_000, 81_920, 63_500),  # fifteen other slots keep 1,100 each, their processes' contexts included
        (14_000, 8_192, 800),
        (7_900, 8_192, 600),
        (3_000, 8_192, 600),  # others train already: its own slot
        (400, 8_192, 400),
        (900, 1_000, 900),
    ],
)
def test_a_training_takes_its_slot_of_a_card_and_what_is_promised_to_no_other(
    free: int, total: int, taken: int
) -> None:
    assert memory_of_a_training(free * 2**20, total * 2**20) == taken * 2**20


def test_several_cards_add_up_and_no_card_means_one_training_on_the_cpu() -> None:
    assert training_slots([Card("a", 2400), Card("b", None)]) == 8
    assert training_slots([]) == 1
    assert described([]) == "no GPU: one training at a time, on the CPU"
    assert described([Card("GB10", None)]) == "GB10 (memory not readable): 4 slots"


@pytest.mark.parametrize(
    ("cards", "memory_mib", "runs"),
    [
        ([], 16_000, 4),
        ([], 1_000, 4),
        ([Card("a", 81920)], 128_000, 20),
        ([Card("a", 81920), Card("b", 81920)], 128_000, 36),
        ([Card("a", 81920)], 6_000, 10),
        ([Card("GB10", None)], 128_000, 8),
    ],
)
def test_every_slot_can_be_used_beside_other_runs_as_far_as_main_memory_goes(
    cards: list[Card], memory_mib: int, runs: int
) -> None:
    assert runs_at_once(cards, memory_mib) == runs


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a driver library that answers as FAKE_NVML says."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a stand-in for NVIDIA's driver library")
    folder = tmp_path_factory.mktemp("driver")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "libnvidia-ml.so.1", FAKE], check=True)
    return folder


def said(driver: Path, cards: str, program: str, *arguments: str) -> str:
    """What a program prints beside that driver, on a machine with those cards."""
    variables = {**os.environ, "LD_LIBRARY_PATH": str(driver), "FAKE_NVML": cards}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("cards", "memory"), [("81920", [81920]), ("4096,?", [4096, None]), ("0", [None])])
def test_the_driver_is_asked_card_by_card(driver: Path, cards: str, memory: list[int | None]) -> None:
    assert json.loads(said(driver, cards, READ)) == memory


@pytest.mark.parametrize(
    ("cards", "uuids", "chosen"),
    [
        ("4096,8192,2048", ["0", "1", "2"], 1),
        ("4096,8192,2048", ["2", "0"], 1),  # CUDA_VISIBLE_DEVICES hides and reorders
        ("4096,4096", ["0", "1"], 0),
        ("?,8192", ["0", "1"], 0),
        ("4096,8192", ["0", "7"], 0),
    ],
)
def test_of_several_cards_the_one_with_most_free_memory_is_taken_and_the_first_where_one_cannot_be_read(
    driver: Path, cards: str, uuids: list[str], chosen: int
) -> None:
    assert int(said(driver, cards, CHOOSE, *uuids)) == chosen


def test_the_pools_limit_follows_the_cards_and_is_left_alone_while_they_stay() -> None:
    with instance_for_test() as instance:

        def limit() -> int:
            return {each.name: each.limit for each in instance.event_log_storage.get_pool_limits()}[GPU_POOL]

        assert apply_slots(instance, [Card("a", 4800)]) == (8, True)
        assert apply_slots(instance, [Card("a", 4800)]) == (8, False)
        assert limit() == 8
        assert apply_slots(instance, []) == (1, True)
        assert limit() == 1


def test_the_sensor_applies_what_it_reads_and_says_so() -> None:
    with instance_for_test() as instance, dg.build_sensor_context(instance=instance) as context:
        cards = read_cards()
        tick = gpu_slots.evaluate_tick(context)
        assert tick.skip_message == f"{described(cards)}; now {training_slots(cards)} in all"
