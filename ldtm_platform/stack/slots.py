"""The limit of the pool that trainings wait in: as many as the GPUs have room for."""

import time
from collections.abc import Callable
from itertools import takewhile

import dagster as dg
from dagster._core.storage.tags import POOL_TAG_PREFIX

from ldtm_platform.gpu import Card, training_slots
from ldtm_platform.stack.orphans import IN_FLIGHT, report_orphans

GPU_POOL = "gpu"


def apply_slots(instance: dg.DagsterInstance, cards: list[Card]) -> tuple[int, bool]:
    """Give the pool the cards' slots; returns how many, and whether that is a change.

    Runs that hold a slot when the limit falls keep it until they end; runs beyond the limit wait in the queue.
    """
    slots = training_slots(cards)
    present = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
    if present.get(GPU_POOL) == slots:
        return slots, False
    instance.event_log_storage.set_concurrency_slots(GPU_POOL, slots)
    return slots, True


def trainings_ahead(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """The runs under way that hold slots of the pool and were made before a run that is under way, oldest first."""
    holding = dg.RunsFilter(statuses=IN_FLIGHT, tags={f"{POOL_TAG_PREFIX}{GPU_POOL}": "true"})
    runs = [record.dagster_run.run_id for record in instance.get_run_records(holding, ascending=True)]
    return list(takewhile(lambda each: each != run_id, runs))


def wait_for_slot(instance: dg.DagsterInstance, run_id: str, cards: list[Card], say: Callable[[str], None]) -> None:
    """Return when the cards have a slot left for a training that is under way; `say` is told what it waits for.

    Dagster's queue sees to that before it starts a run; a terminal executes its own, which the queue only counts.
    """
    while len(ahead := trainings_ahead(instance, run_id)) >= training_slots(cards):
        say(f"every slot is taken ({described(cards)}); waits for run {', '.join(each[:8] for each in ahead)}")
        time.sleep(1)
        report_orphans(instance, of_daemon=False)


def described(cards: list[Card]) -> str:
    """The cards in words."""
    if not cards:
        return "no GPU: one training at a time, on the CPU"
    return ", ".join(f"{card.name} ({_memory(card)}): {card.slots} slots" for card in cards)


def _memory(card: Card) -> str:
    return "memory not readable" if card.memory_mib is None else f"{card.memory_mib:,} MiB"
