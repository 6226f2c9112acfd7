"""The limit of the pool that trainings wait in: as many as the GPUs have room for."""

import dagster as dg

from ldtm_platform.gpu import Card, training_slots

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


def described(cards: list[Card]) -> str:
    """The cards in words."""
    if not cards:
        return "no GPU: one training at a time, on the CPU"
    return ", ".join(f"{card.name} ({_memory(card)}): {card.slots} slots" for card in cards)


def _memory(card: Card) -> str:
    return "memory not readable" if card.memory_mib is None else f"{card.memory_mib:,} MiB"
