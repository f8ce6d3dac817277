"""Muon turns every direction of a matrix alike; what is no matrix is AdamW's."""

import copy

import pytest
import torch
from torch import nn
from training.muon import ADAM_SIZE, is_matrix, MOMENTUM, Muon, orthogonal

BETAS = (0.9, 0.99)


@pytest.mark.parametrize('rows, columns', [(16, 40), (40, 16), (24, 24)])
def test_singular_values_of_a_step_lie_near_1_whatever_those_of_the_gradient(rows, columns):
    generator = torch.Generator().manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(rows, columns, generator=generator),
                               full_matrices=False)
    given = u @ torch.diag(torch.logspace(-1.5, 3, len(v))) @ v  # a largest one of 1000
    turned = orthogonal(given / 7)
    values = torch.linalg.svdvals(turned)
    large = torch.linalg.svdvals(given) > 5
    assert values[large].min() > 0.6
    assert values.max() < 1.2
    assert torch.allclose(orthogonal(given), turned, atol=1e-4)  # the length plays no part


def test_filters_over_channels_and_matrices_are_turned_and_nothing_else():
    def shaped(*shape):
        return is_matrix(nn.Parameter(torch.zeros(shape)))

    assert shaped(32, 16)
    assert shaped(16, 2, 3, 3)
    assert not shaped(64)
    assert not shaped(64, 1, 5, 5)  # depthwise
    assert not shaped(4, 48, 3, 3)  # too narrow
    assert not shaped(48, 4)


def test_a_first_step_is_as_large_as_adamws_and_shrinks_the_weight_by_the_decay():
    torch.manual_seed(0)
    weight, bias = nn.Parameter(torch.randn(64, 32)), nn.Parameter(torch.ones(64))
    before = weight.detach().clone()
    muon = Muon([{'params': [weight], 'lr': 0.01, 'orthogonal': True},
                 {'params': [bias], 'lr': 0.01, 'orthogonal': False}], 0.5, BETAS)
    weight.grad, bias.grad = torch.randn(64, 32) * 1e-3, torch.full((64,), -3.0)
    muon.step()
    change = weight.detach() - before * (1 - 0.01 * 0.5)
    assert change.square().mean().sqrt().item() == pytest.approx(ADAM_SIZE * 0.01, rel=0.2)
    assert (change * weight.grad).sum() < 0
    assert torch.allclose(bias.detach(), torch.full((64,), 1 - 0.005 + 0.01))


def test_it_finds_a_linear_map_and_a_restored_one_goes_on_as_it_would():
    torch.manual_seed(0)
    truth, given = torch.randn(16, 16) / 4, torch.randn(256, 16)

    def begun():
        layer = nn.Linear(16, 16)
        return layer, Muon([{'params': [layer.weight], 'lr': 0.05, 'orthogonal': True},
                            {'params': [layer.bias], 'lr': 0.05, 'orthogonal': False}], 0, BETAS)

    def learnt(layer, muon, steps):
        for _ in range(steps):
            muon.zero_grad()
            loss = (layer(given) - given @ truth.T).square().mean()
            loss.backward()
            muon.step()
        return loss.item()

    layer, muon = begun()
    first = learnt(layer, muon, 1)
    assert learnt(layer, muon, 60) < first / 10
    other, restored = begun()
    other.load_state_dict(layer.state_dict())
    restored.load_state_dict(copy.deepcopy(muon.state_dict()))
    learnt(layer, muon, 3)
    learnt(other, restored, 3)
    assert torch.equal(layer.weight, other.weight)


def test_a_step_looks_ahead_along_the_momentum():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(32, 16))
    muon = Muon([{'params': [weight], 'lr': 0.01, 'orthogonal': True}], 0, BETAS)
    first, second = torch.randn(2, 32, 16)
    weight.grad = first.clone()
    muon.step()
    before = weight.detach().clone()
    weight.grad = second.clone()
    muon.step()
    momentum = MOMENTUM * (1 - MOMENTUM) * first + (1 - MOMENTUM) * second
    ahead = (1 - MOMENTUM) * second + MOMENTUM * momentum  # Nesterov's
    expected = -0.01 * ADAM_SIZE * 32 ** 0.5 * orthogonal(ahead)
    assert torch.allclose(weight.detach() - before, expected, atol=1e-5)


def test_a_gradient_of_nothing_turns_nothing():
    assert not orthogonal(torch.zeros(16, 24)).any()


def test_what_has_no_gradient_stays_and_a_closure_says_the_loss():
    weight, bias = nn.Parameter(torch.ones(16, 16)), nn.Parameter(torch.ones(16))
    muon = Muon([{'params': [weight], 'lr': 0.01, 'orthogonal': True},
                 {'params': [bias], 'lr': 0.01, 'orthogonal': False}], 0.5, BETAS)
    assert muon.step(lambda: 7.0) == 7
    assert (weight == 1).all() and (bias == 1).all()
