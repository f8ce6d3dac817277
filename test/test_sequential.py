"""Alg. 2, rule by rule, with samplers that answer from a list."""

import numpy as np
from seq_amodal_ros.sequential import (
    Answers,
    representative,
    segment_together,
    StopRules,
)

SIZE = 16
SHAPE = (SIZE, SIZE)
RULES = StopRules(max_layers=8, min_area=10)


def square(row, column, side=4):
    """Return a probability map that is 1 in a square."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[row:row + side, column:column + side] = 1
    return mask


def answers(*rounds):
    """Return a sampler that gives the rounds in turn, then blank masks, and what it was given."""
    given, left = [], list(rounds)

    def sample(cumulative):
        given.append(cumulative.copy())
        masks = left.pop(0) if left else [np.zeros((SIZE, SIZE), np.float32)]
        return np.array(masks)

    return sample, given


def segment_layers(sample, rules):
    """Return the layers of one image, sampled by a function of its cumulative mask."""
    return segment_together(lambda _, cumulative: Answers(sample(cumulative[0])[None]), 1, SHAPE,
                            rules)[0]


def test_each_layer_is_sampled_given_the_union_of_those_before():
    first, second = square(0, 0), square(2, 2)
    sample, given = answers([first], [second])
    layers = segment_layers(sample, RULES)
    assert len(layers) == 2
    assert (layers[0].chosen == first).all()
    assert (layers[1].chosen == second).all()
    assert not given[0].any()
    assert (given[1] == (first > 0)).all()
    assert (given[2] == (first + second > 0)).all()


def test_the_mask_nearest_to_the_mean_of_the_non_null_ones_is_chosen():
    masks = np.array([np.zeros((SIZE, SIZE)), square(0, 0), square(0, 1), square(0, 3)]) > 0
    assert representative(masks) == 2


def test_null_masks_do_not_pull_the_mean():
    # With the two null masks in the mean the small one would win.
    small, large, larger = square(0, 0, 3), square(0, 0, 7), square(0, 0, 8)
    null = np.zeros((SIZE, SIZE))
    assert representative(np.array([null, null, small, large, larger]) > 0) == 3


def test_all_null_has_no_representative():
    assert representative(np.zeros((3, SIZE, SIZE), bool)) is None


def test_it_stops_when_all_masks_are_empty():
    sample, given = answers()
    assert segment_layers(sample, RULES) == []
    assert len(given) == 1


def test_it_stops_below_the_smallest_area():
    sample, _ = answers([square(0, 0)], [square(2, 2, 3)])
    assert len(segment_layers(sample, StopRules(8, 10))) == 1
    sample, _ = answers([square(0, 0)], [square(2, 2, 3)])
    assert len(segment_layers(sample, StopRules(8, 9))) == 2


def test_it_stops_at_the_largest_number_of_layers():
    sample, given = answers(*([square(i, i)] for i in range(10)))
    assert len(segment_layers(sample, StopRules(3, 10))) == 3
    assert len(given) == 3


def test_a_mask_that_does_not_touch_the_previous_layer_joins_it():
    sample, given = answers([square(0, 0)], [square(8, 8)], [square(10, 10)])
    layers = segment_layers(sample, RULES)
    assert len(layers) == 2
    assert (layers[0].mask == (square(0, 0) + square(8, 8) > 0)).all()
    assert (layers[1].mask == (square(10, 10) > 0)).all()
    assert (given[2] == layers[0].mask).all()


def test_a_layer_keeps_the_seams_of_what_joined_it():
    masks = iter([square(0, 0), square(8, 8), square(10, 10)])
    seams = iter([np.full(SHAPE, value, np.float32) for value in (0.1, 0.2, 0.3)])

    def sample(_, cumulative):
        return Answers(next(masks, np.zeros(SHAPE, np.float32))[None, None],
                       next(seams, np.zeros(SHAPE, np.float32))[None])

    first, second = segment_together(sample, 1, SHAPE, RULES)[0]
    assert (first.seams[square(0, 0) > 0] == np.float32(0.1)).all()
    assert (first.seams[square(8, 8) > 0] == np.float32(0.2)).all()
    assert (second.seams == np.float32(0.3)).all()


def test_joining_is_bounded():
    corners = iter(range(1000))

    def never_touching(cumulative):
        i = next(corners)
        return square(5 * (i % 3), 5 * (i // 3 % 3))[None]

    rules = StopRules(4, 10)
    assert len(segment_layers(never_touching, rules)) <= 4
    assert next(corners) <= 2 * rules.max_layers


def test_all_hypotheses_are_kept():
    sample, _ = answers([square(0, 0), square(0, 1), np.zeros((SIZE, SIZE), np.float32)])
    assert segment_layers(sample, RULES)[0].hypotheses.shape == (3, SIZE, SIZE)


def test_images_segmented_together_get_what_each_gets_alone():
    one = [[square(0, 0)], [square(2, 2)], [square(4, 4)]]
    other = [[square(8, 8)]]
    samplers = [answers(*rounds)[0] for rounds in (one, other)]
    asked = []

    def sample(numbers, cumulative):
        asked.append(list(numbers))
        return Answers(np.array([samplers[i](mask) for i, mask in zip(numbers, cumulative)]))

    together = segment_together(sample, 2, SHAPE, RULES)
    alone = [segment_layers(answers(*rounds)[0], RULES) for rounds in (one, other)]
    assert [[layer.mask.tolist() for layer in layers] for layers in together] == \
        [[layer.mask.tolist() for layer in layers] for layers in alone]
    assert asked == [[0, 1], [0, 1], [0], [0]]  # who has ended is not sampled any more


def test_another_choice_may_be_kept():
    rounds = [square(0, 0, 4), square(0, 0, 8)]
    layers = segment_together(lambda _, cumulative: Answers(np.array(
        [rounds if not cumulative.any() else [0 * rounds[0]] * 2])), 1, SHAPE, RULES,
        lambda masks: masks.mean(axis=0))
    assert np.allclose(layers[0][0].chosen, (square(0, 0, 4) + square(0, 0, 8)) / 2)


def test_a_layer_keeps_the_hypotheses_of_what_joined_it():
    sample, _ = answers([square(0, 0)], [square(8, 8)])
    layer, = segment_layers(sample, RULES)
    assert (layer.hypotheses[0] == square(0, 0) + square(8, 8)).all()


def test_what_touches_only_an_earlier_layer_joins_the_last():
    sample, _ = answers([square(0, 0, 6)], [square(5, 5)], [square(0, 0)])
    layers = segment_layers(sample, RULES)
    assert [np.count_nonzero(layer.mask) for layer in layers] == [36, 16 + 16]


def test_a_pixel_of_one_half_is_not_the_layers():
    layers = segment_layers(lambda cumulative: (square(0, 0) + square(8, 0) / 2)[None]
                            if not cumulative.any() else square(0, 0, 0)[None], RULES)
    assert (layers[0].mask == (square(0, 0) > 0)).all()
