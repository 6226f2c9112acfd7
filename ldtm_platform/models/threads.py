"""How many threads PyTorch uses."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread of this process inside the block.

    So results do not depend on the machine's cores; and several processes whose threads wait for each other lose
    tenfold to spinning.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
