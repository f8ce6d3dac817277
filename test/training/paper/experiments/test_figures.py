"""The gallery shows every image's layers, true above predicted."""

import numpy as np
from training.paper.experiments import data
from training.paper.experiments.figures import gallery, GAP, PANEL


def test_a_gallery_has_two_rows_an_image_and_a_column_a_layer(truth, right):
    side = PANEL + GAP
    picture = gallery(truth, right, columns=3)
    assert picture.shape == (2 * 2 * side, (1 + 3) * side, 3)
    true, found = picture[:side, side:2 * side], picture[side:2 * side, side:2 * side]
    assert (true[GAP + 4, GAP + 4] == found[GAP + 4, GAP + 4]).all()  # within the first square
    assert (found != true).any()  # the chosen mask is outlined


def test_layers_that_were_not_found_stay_white(truth):
    side = PANEL + GAP
    picture = gallery(truth[:1], [[]], columns=3)
    assert (picture[side:] == 255).all()


def test_images_larger_than_a_panel_are_drawn_at_their_size():
    large = data.TestImage(np.zeros((256, 256, 3), np.uint8), np.ones((1, 256, 256), bool),
                           np.array([1]))
    assert gallery([large], [[]], columns=1).shape == (2 * (256 + GAP), 2 * (256 + GAP), 3)
