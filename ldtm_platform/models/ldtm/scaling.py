"""How a window is scaled for the network, in NumPy: bit for bit what windows.py does with PyTorch's tensors."""

import numpy as np
from numpy.typing import NDArray

from ldtm_platform.features.feature_set import FEATURES

EPSILON = 1e-8
CLOSE = FEATURES.index("close")


def scaled_windows(windows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Windows (n, length, features), each feature by its own minimum and maximum within its window."""
    low, high = windows.min(axis=1, keepdims=True), windows.max(axis=1, keepdims=True)
    scaled: NDArray[np.float32] = ((windows - low) / (high - low + EPSILON)).astype(np.float32)
    return scaled


def closes_of(outputs: NDArray[np.float32], windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """A network's outputs (n, horizons) as closes, by the range of the closes in each window."""
    closes = windows[:, :, CLOSE]
    low, high = closes.min(axis=1, keepdims=True), closes.max(axis=1, keepdims=True)
    unscaled: NDArray[np.float64] = outputs.astype(np.float64) * (high - low + EPSILON) + low
    return unscaled
