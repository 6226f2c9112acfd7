"""Randomness that belongs to one ticker: the same whatever else is trained, in whatever order, by however many."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def stream_seed(seed: int, ticker: str, purpose: str) -> int:
    """A seed of 63 bits for one purpose of one ticker."""
    digest = hashlib.sha256(f"{seed}|{ticker}|{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def epoch_order(seed: int, ticker: str, epoch: int, count: int) -> Tensor:
    """The order in which an epoch takes the training examples: a permutation of 0..count-1."""
    generator = torch.Generator().manual_seed(stream_seed(seed, ticker, f"order of epoch {epoch}"))
    return torch.randperm(count, generator=generator)


@contextmanager
def own_randomness(seed: int, ticker: str, device: torch.device) -> Iterator[None]:
    """Initial weights and dropout inside the block come from the ticker's own stream; the process's is left alone."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(stream_seed(seed, ticker, "weights and dropout"))
        yield
