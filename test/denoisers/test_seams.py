"""The seams between objects: shapes, and that every input matters."""

import pytest
from seq_amodal_ros.denoisers.seams import SeamNet
import torch


@pytest.fixture(scope='module')
def net():
    """Return a small network whose zero-initialised outputs were stirred."""
    torch.manual_seed(0)
    net = SeamNet(16, 32, patch=2)
    for parameter in net.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return net.eval()


@torch.no_grad()
def seams(net, fine=0.0, middle=0.0, cumulative=0.0, mask=0.0):
    """Return the logits for inputs of that strength, of masks of 16 x 32 pixels."""
    blank = torch.zeros(2, 1, 16, 32)
    chance = torch.Generator().manual_seed(1)
    pyramid = (fine * torch.randn((2, 16, 8, 16), generator=chance),
               middle * torch.randn((2, 32, 4, 8), generator=chance))
    return net(pyramid, blank + cumulative, blank + mask)


def test_logits_have_the_shape_of_the_mask(net):
    assert seams(net).shape == (2, 1, 16, 32)


@torch.no_grad()
def test_there_are_no_seams_until_they_are_learnt():
    assert (seams(SeamNet(16, 32, patch=2), fine=1.0, mask=1.0).sigmoid() < 0.05).all()


@pytest.mark.parametrize('name', ['fine', 'middle', 'cumulative', 'mask'])
def test_every_input_matters(net, name):
    assert not torch.allclose(seams(net), seams(net, **{name: 1.0}))
