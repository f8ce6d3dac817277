import pytest
import torch
from training.engine.randomness import SceneRandom


def draws(scenes, seed=7):
    return SceneRandom(seed, torch.tensor(scenes))


def test_a_scene_gets_the_same_numbers_in_any_batch():
    together, alone = draws([3, 4, 70_000]), draws([70_000])
    for _ in range(3):
        assert torch.equal(together.uniform((5,))[2:], alone.uniform((5,)))
        assert torch.equal(together.normal((2, 2))[2:], alone.normal((2, 2)))
    assert torch.equal(together.choices((4,), torch.tensor([1.0, 2.0]))[2:],
                       alone.choices((4,), torch.tensor([1.0, 2.0])))


def test_scenes_seeds_and_draws_differ():
    first = draws([0, 1])
    a, b = first.uniform((100,)), first.uniform((100,))
    others = [a[1], b[0], draws([0], seed=8).uniform((100,))[0],
              draws([1 << 16]).uniform((100,))[0]]
    assert all((a[0] != other).float().mean() > 0.99 for other in others)


def test_uniform_is_even_and_without_memory():
    values = draws(range(200)).uniform((1000,))
    assert values.min() >= 0
    assert values.max() < 1
    shares = torch.histc(values, 20, 0, 1) / values.numel()
    assert torch.allclose(shares, torch.tensor(0.05), atol=0.002)
    near = torch.corrcoef(torch.stack([values[:, :-1].flatten(), values[:, 1:].flatten()]))
    apart = torch.corrcoef(torch.stack([values[:-1].flatten(), values[1:].flatten()]))
    assert abs(near[0, 1]) < 0.01
    assert abs(apart[0, 1]) < 0.01


def test_normal_has_mean_0_and_deviation_1():
    values = draws(range(100)).normal((1000,))
    assert values.mean().item() == pytest.approx(0, abs=0.02)
    assert values.std().item() == pytest.approx(1, abs=0.02)
    assert (values.abs() < 1.96).float().mean().item() == pytest.approx(0.95, abs=0.01)


def test_integers_reach_both_ends_and_no_further():
    values = draws(range(50)).integers((100,), 3, 6)
    assert set(values.unique().tolist()) == {3, 4, 5}


def test_choices_follow_the_weights_of_each_scene():
    weights = torch.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 0.0]])
    chosen = draws([0, 1]).choices((4000,), weights)
    shares = torch.bincount(chosen[0], minlength=3) / 4000
    assert torch.allclose(shares, torch.tensor([0.0, 0.25, 0.75]), atol=0.03)
    assert (chosen[1] == 0).all()


@pytest.mark.parametrize('before', range(66))
def test_a_part_of_the_scenes_repeats_no_numbers_whenever_it_is_taken(before):
    random = draws([0, 1])
    seen = [tuple(random.uniform((2,)).flatten().tolist()) for _ in range(before)]
    part = random.select(torch.tensor([1]))
    seen += [tuple(random.uniform((2,)).flatten().tolist()) for _ in range(70)]
    assert len(set(seen)) == before + 70
    assert part.uniform((2,))[0].tolist() not in [list(values[2:]) for values in seen]
