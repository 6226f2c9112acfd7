"""Weights as bytes that loading cannot execute: the safetensors format, read into a network of PyTorch's."""

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from ldtm_platform.models.fitting_weights import no_weights, require_fitting


def weights_of(network: nn.Module) -> bytes:
    """The network's parameters as safetensors; equal parameters give equal bytes."""
    return save({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()})


def load_weights(network: nn.Module, weights: bytes) -> None:
    """Put weights in the place of the network's own. Raises UnusableWeights unless names and shapes agree."""
    try:
        state = load(weights)
    except SafetensorError as error:
        raise no_weights(error) from None
    require_fitting(
        {name: tuple(value.shape) for name, value in state.items()},
        {name: tuple(value.shape) for name, value in network.state_dict().items()},
    )
    network.load_state_dict(state, assign=True)
