"""Weights as bytes that loading cannot execute: the safetensors format."""

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from ldtm_platform.models.base import UnusableWeights


def weights_of(network: nn.Module) -> bytes:
    """The network's parameters as safetensors; equal parameters give equal bytes."""
    return save({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()})


def load_weights(network: nn.Module, weights: bytes) -> None:
    """Put weights in the place of the network's own. Raises UnusableWeights unless names and shapes agree."""
    try:
        state = load(weights)
    except SafetensorError as error:
        raise UnusableWeights(f"the weights are no safetensors file ({error}): train the ticker again") from None
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    if differing := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        name = differing[0]
        raise UnusableWeights(
            f"the weights are of another network: {name} is {found.get(name, 'missing')}, this family's is "
            f"{expected.get(name, 'unknown')} ({len(differing)} such parts): train the ticker again"
        )
    network.load_state_dict(state, assign=True)
