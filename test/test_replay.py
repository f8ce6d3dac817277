"""A function replayed as a CUDA graph answers as the function, and asks nothing of the host."""

from contextlib import nullcontext

import pytest
from seq_amodal_ros.checkpoint import load_checkpoint
from seq_amodal_ros.inference import Network, Way
from seq_amodal_ros.replay import KEPT, Replayed
import torch

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason='captures a graph on CUDA')


def scaled(way, *tensors):
    """Return each tensor times `way`."""
    return tuple(tensor * way for tensor in tensors)


def test_elsewhere_the_function_is_called():
    replayed = Replayed(scaled, torch.device('cpu'))
    one, other = replayed(3, torch.ones(2), torch.zeros(4))
    assert one.tolist() == [3, 3]
    assert other.tolist() == [0, 0, 0, 0]
    assert replayed(2, torch.ones(2))[0].tolist() == [2, 2]


@pytest.mark.parametrize('sampler, steps', [('ddim', 1), ('ddim', 4), ('dpm', 4)])
@pytest.mark.parametrize('images, draws, seams', [(1, 3, True), (2, 1, False)])
def test_a_frame_asks_nothing_of_the_host(monkeypatch, sampler, steps, images, draws, seams):
    # On the meta device there are no values: whoever asks for one, as no graph can, raises.
    monkeypatch.setattr(Network, 'precision', lambda self: nullcontext())
    monkeypatch.setattr('seq_amodal_ros.inference.computes_in_bfloat16', lambda device: False)
    network = Network(load_checkpoint(), torch.device('meta'))
    views = images * draws
    features = network.encode(torch.zeros(views, 3, 64, 96, device='meta'))
    answer = network.layer(Way(sampler, steps, draws, seams),
                           lambda: torch.zeros(views, 1, 32, 48, device='meta'),
                           torch.zeros(images, 1, 32, 48, device='meta'), features)
    assert answer.shape == (images, draws + seams, 32, 48)


@cuda
def test_a_graph_answers_anew_and_keeps_what_it_gave():
    replayed = Replayed(scaled, torch.device('cuda'))
    first, = replayed(3, torch.ones(2, device='cuda'))
    second, = replayed(3, torch.full((2,), 5.0, device='cuda'))
    assert first.tolist() == [3, 3]
    assert second.tolist() == [15, 15]


@cuda
def test_other_ways_and_shapes_are_graphs_of_their_own_and_old_ones_go():
    replayed = Replayed(scaled, torch.device('cuda'))
    for _ in range(2):
        for size in range(1, KEPT + 3):
            answer, = replayed(size, torch.ones(size, device='cuda'))
            assert answer.tolist() == [size] * size
    assert len(replayed._known) == KEPT


@cuda
@pytest.mark.parametrize('steps', [1, 4])
def test_the_network_replayed_is_the_network_called(steps):
    network = Network(load_checkpoint(), torch.device('cuda'))
    way, answers = Way('ddim', steps, 3, True), []
    noise = torch.randn(3, 1, 112, 112, device='cuda')
    covered = torch.zeros(1, 1, 112, 112, device='cuda')
    with torch.inference_mode():
        features = network.encode(torch.rand(3, 3, 224, 224, device='cuda'))
        for captures in (True, True, False):
            for graph in network.graphs:
                graph.captures = captures
            answers.append(network.layer(way, lambda: noise, covered, features))
    assert torch.equal(answers[0], answers[1])
    assert torch.allclose(answers[0], answers[2], atol=0.02)  # bfloat16: kernels may differ
