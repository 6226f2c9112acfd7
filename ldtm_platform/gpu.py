"""How many trainings fit on this machine's GPUs at once: slots of 600 MiB, as NVML reads the cards' memory.

Nothing here needs torch: Dagster's daemon looks every minute. What NVML cannot read counts as four slots a card, as
on machines where CPU and GPU share their memory (a GB10), which answer NOT_SUPPORTED.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

SLOT_MIB = 600  # what one training takes
# What CUDA takes of a card for each process, beside what PyTorch allocates: assumed (300 to 500 are usual), not seen.
CONTEXT_MIB = 500
MOST_SLOTS = 16  # a card's, however large: more trainings at once only wait for each other
UNREADABLE_SLOTS = 4
# Runs that train nothing, and what a run takes of main memory once it has imported PyTorch (550 MiB were measured).
OTHER_RUNS = 4
RUN_MIB = 600


@dataclass(frozen=True)
class Card:
    """One GPU; memory_mib is None where it cannot be read."""

    name: str
    memory_mib: int | None

    @property
    def slots(self) -> int:
        """max(1, min(16, MiB // 600)), or four where the memory cannot be read."""
        if self.memory_mib is None:
            return UNREADABLE_SLOTS
        return max(1, min(MOST_SLOTS, self.memory_mib // SLOT_MIB))


def memory_of_a_training(free: int, total: int) -> int:
    """What one training may take of a card, in bytes: its own slot, and what is free and promised to no other slot.

    Every other slot is promised its process's context too: PyTorch's limit holds for what PyTorch allocates only.
    """
    others = Card("", total // 2**20).slots - 1
    return min(free, max(SLOT_MIB * 2**20, free - others * (SLOT_MIB + CONTEXT_MIB) * 2**20))


def read_cards() -> list[Card]:
    """The NVIDIA GPUs of this machine; none where there is no driver."""
    import pynvml

    try:
        with _driver():
            handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
            return [Card(_name(handle), _memory_mib(handle)) for handle in handles]
    except pynvml.NVMLError:
        # No driver, or a card that has fallen off the bus: whatever is wrong with it, nothing can be trained there.
        return []


def roomiest(uuids: Sequence[str]) -> int:
    """Which of these cards has most free memory: its position; the first where NVML cannot tell of every one.

    uuids: as PyTorch writes them, without NVML's "GPU-". NVML is asked, as CUDA would make a context on each card.
    """
    import pynvml

    try:
        with _driver():
            handles = [pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}") for uuid in uuids]
            free = [int(pynvml.nvmlDeviceGetMemoryInfo(handle).free) for handle in handles]
    except pynvml.NVMLError:
        return 0
    return free.index(max(free))


def training_slots(cards: list[Card]) -> int:
    """How many trainings may run at once: the cards' slots together, or one, on the CPU, where there is no card."""
    return sum(card.slots for card in cards) or 1


def runs_at_once(cards: list[Card], memory_mib: int) -> int:
    """How many runs may be under way: a training in every slot and four others, as far as main memory holds them."""
    slots = sum(card.slots for card in cards)
    return max(OTHER_RUNS, min(OTHER_RUNS + slots, memory_mib // RUN_MIB))


@contextmanager
def _driver() -> Iterator[None]:
    import pynvml

    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def _name(handle: object) -> str:
    import pynvml

    return str(pynvml.nvmlDeviceGetName(handle))


def _memory_mib(handle: object) -> int | None:
    import pynvml

    try:
        total = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    except pynvml.NVMLError:
        return None
    return total // 2**20 or None
