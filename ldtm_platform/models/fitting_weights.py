"""Whether weights are those of a network: by their names and shapes, whatever reads them."""

from collections.abc import Mapping

from safetensors import SafetensorError

from ldtm_platform.models.base import UnusableWeights

Shapes = Mapping[str, tuple[int, ...]]


def no_weights(error: SafetensorError) -> UnusableWeights:
    """What to raise for bytes that are no weights at all."""
    return UnusableWeights(f"the weights are no safetensors file ({error}): train the ticker again")


def require_fitting(found: Shapes, expected: Shapes) -> None:
    """Raise UnusableWeights, naming a part that differs, unless names and shapes agree."""
    if differing := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        name = differing[0]
        raise UnusableWeights(
            f"the weights are of another network: {name} is {found.get(name, 'missing')}, this family's is "
            f"{expected.get(name, 'unknown')} ({len(differing)} such parts): train the ticker again"
        )
