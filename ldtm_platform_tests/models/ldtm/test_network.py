"""The LD-TM network is what the specification says."""

import torch

from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.ldtm.network import LdtmNetwork


def test_the_network_has_229251_parameters() -> None:
    assert sum(parameter.numel() for parameter in LdtmNetwork(LdtmConfig()).parameters()) == 229_251


def test_the_layers_are_those_of_the_specification() -> None:
    network = LdtmNetwork(LdtmConfig())
    assert (network.lstm.input_size, network.lstm.hidden_size, network.lstm.num_layers) == (11, 128, 2)
    assert network.lstm.dropout == 0.2
    assert network(torch.zeros(4, 30, 11)).shape == (4, 3)


def test_training_is_set_up_as_specified() -> None:
    recipe = Ldtm().recipe
    assert (recipe.batch_size, recipe.max_epochs, recipe.patience) == (32, 100, 10)
    assert (recipe.learning_rate, recipe.weight_decay) == (1e-3, 1e-4)


def test_outputs_depend_on_the_last_hidden_state_of_the_whole_window() -> None:
    torch.manual_seed(0)
    network = LdtmNetwork(LdtmConfig()).eval()
    inputs = torch.rand(1, 30, 11, generator=torch.Generator().manual_seed(1))
    changed = inputs.clone()
    changed[0, 0, 0] += 1
    assert not torch.equal(network(inputs), network(changed))
