"""Alg. 1's samples follow from the scenes: cumulative mask in, layer out, blank at the end."""

import torch
from training.paper.batches import cumulative_batch, layer_batch, layer_mask

SIZE = 32


def generator():
    """Return a seeded generator."""
    return torch.Generator().manual_seed(0)


def test_each_target_is_the_layer_below_its_cumulative_mask(given):
    batch = cumulative_batch(given, 0, 64, SIZE, 0.0, generator())
    squares = [given.scenes(1).masks[0, i].float() for i in range(1)]
    given.next = 0
    stack = given.scenes(1).masks[0].float()
    pairs = {(0, 1): 'one', (1, 2): 'two', (2, 3): 'three'}
    seen = set()
    for cumulative, target in zip(batch.cumulative[:, 0], batch.target[:, 0]):
        for above, upto in pairs:
            if torch.equal(cumulative, stack[:above].amax(0) if above else 0 * stack[0]) and \
                    torch.equal(target, stack[above]):
                seen.add(upto)
        if not target.any():
            seen.add('blank')
            assert torch.equal(cumulative, stack.amax(0)) or torch.equal(cumulative, squares[0])
    assert seen == {1, 2, 3, 'blank'}


def test_as_many_samples_as_asked_and_the_same_for_the_same_step(given):
    one, again = (cumulative_batch(given, 10, 7, SIZE, 0.0, generator()) for _ in range(2))
    assert len(one.target) == 7
    assert torch.equal(one.target, again.target)
    assert torch.equal(one.cumulative, again.cumulative)


def test_noise_takes_one_deeper_layer_that_it_held_out_of_the_cumulative_mask(given):
    clean = cumulative_batch(given, 0, 256, SIZE, 0.0, generator())
    noisy = cumulative_batch(given, 0, 256, SIZE, 1.0, generator())
    assert torch.equal(clean.target, noisy.target)
    given.next = 0
    stack = given.scenes(1).masks[0].float()
    held = {2: [1], 3: [1, 2]}  # layers above: those of index 1 on that may go
    seen = set()
    for before, after in zip(clean.cumulative[:, 0], noisy.cumulative[:, 0]):
        above = next((n for n in held if torch.equal(before, stack[:n].amax(0))), 0)
        gone = [i for i in held.get(above, []) if torch.equal(after, before * (1 - stack[i]))]
        assert gone or torch.equal(after, before)  # P = CM - M_i
        assert above == 0 or gone
        seen |= {(above, i) for i in gone}
    assert seen == {(2, 1), (3, 1), (3, 2)}


def test_dis_gets_one_layer_and_blank_where_there_is_none(given):
    batch = layer_batch(given, 0, 4, SIZE, layer=2)
    given.next = 0
    second = given.scenes(1).masks[0, 1].float()
    assert [bool(target.any()) for target in batch.target] == [True, False, True, False]
    assert torch.equal(batch.target[0, 0], second)
    assert not batch.cumulative.any()


def test_a_layers_mask_is_that_of_its_objects(given):
    scenes = given.scenes(2)
    masks = layer_mask(scenes, torch.tensor([0, 1]), torch.tensor([3, 1]), SIZE)
    assert torch.equal(masks[0, 0], scenes.masks[0, 2].float())
    assert torch.equal(masks[1, 0], scenes.masks[1, 0].float())
