"""Thousands of small launches as one: a computation is captured as a CUDA graph at its first call and replayed."""

from collections.abc import Callable

import torch


class Replay:
    """The graphs of one computation over the first so many rows of a stack, by that number.

    The computation must read and write only tensors that keep their place in memory, and end the same however often
    it is run: capturing runs it once more. On a CPU it is simply called. All graphs share one pool of memory: none
    needs what another left.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def run(self, computation: Callable[[int], None], rows: int) -> None:
        """Run the computation, always the same, over that many rows.

        It is not kept: its owner, which keeps this, would then never be freed in time for the next stack.
        """
        if self._device.type != "cuda":
            computation(rows)
            return
        if rows not in self._graphs:
            self._graphs[rows] = self._captured(computation, rows)
        self._graphs[rows].replay()

    def _captured(self, computation: Callable[[int], None], rows: int) -> torch.cuda.CUDAGraph:
        with torch.cuda.device(self._device):
            # Kernels are loaded and libraries take their workspaces outside the capture, which allows neither.
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                computation(rows)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            pool = next((other.pool() for other in self._graphs.values()), None)
            with torch.cuda.graph(graph, pool=pool):
                computation(rows)
        return graph
