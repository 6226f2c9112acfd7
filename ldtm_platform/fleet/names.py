"""The names by which engines are asked for; without PyTorch, as the settings have them."""

from typing import Literal

FleetEngine = Literal["auto", "loop", "stacked"]
CpuEngine = Literal["auto", "bfloat16", "float32", "pytorch"]
