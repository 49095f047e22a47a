"""How a label enters the discriminator."""

import pytest
import torch

from pofx.families.adversarial.networks import CellDiscriminator, MLPDiscriminator, ResidualDiscriminator


@pytest.mark.parametrize("kind", [MLPDiscriminator, CellDiscriminator, ResidualDiscriminator])
def test_a_label_adds_the_mean_product_of_its_embedding_and_the_features(kind):
    torch.manual_seed(0)
    network = kind((1, 16, 16), 3, 4, 1).double()
    u, y = torch.randn(5, 1, 16, 16, dtype=torch.float64), torch.eye(3, dtype=torch.float64)[[0, 1, 2, 2, 0]]
    features, embedding = network.features(u), network.label.weight.T  # (n, F), (classes, F)
    expected = network.head(features)[:, 0] + (embedding[[0, 1, 2, 2, 0]] * features).mean(dim=1)
    torch.testing.assert_close(network(u, y), expected)
