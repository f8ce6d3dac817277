"""Pictures show every layer and hypothesis, whatever the scene."""

from dataclasses import replace

import numpy as np
import pytest
from seq_amodal_ros.evaluation.pictures import (
    CAPTION,
    colour,
    draw_by_layer,
    draw_hypothesis,
    draw_layers,
    draw_uncertainty,
    overview,
    PANEL,
)
from seq_amodal_ros.scene import AmodalObject, LayeredScene


@pytest.fixture
def image():
    """Return a plain grey picture."""
    return np.full((60, 80, 3), 128, np.uint8)


@pytest.fixture
def scene():
    """Return two objects, one under the other; their second hypotheses are empty or smaller."""
    front, back = np.zeros((2, 60, 80), bool)
    front[5:30, 5:30], back[20:50, 20:60] = True, True
    smaller = back.copy()
    smaller[:, 40:] = False
    return LayeredScene(60, 80, (
        AmodalObject(1, 1, front, np.array([front, np.zeros_like(front)]), 0.5),
        AmodalObject(2, 2, back, np.array([back, smaller]), 0.8, (1,))))


def test_only_objects_are_painted(image, scene):
    painted = (draw_layers(image, scene) != image).any(axis=2)
    assert painted[10, 10] and painted[45, 55]
    assert not painted[55:].any()


def test_a_layer_alone_shows_how_sure_its_objects_are(image, scene):
    front, back = scene.objects
    surer = replace(scene, objects=(replace(front, score=0.9), back))
    assert (draw_layers(image, scene) == draw_layers(image, surer)).all()
    assert (draw_layers(image, scene, 1) != draw_layers(image, surer, 1)).any()
    assert (draw_layers(image, scene, 2) == draw_layers(image, surer, 2)).all()


def test_uncertainty_is_where_hypotheses_disagree(image, scene):
    drawn = draw_uncertainty(image, scene).astype(int)
    coloured = np.ptp(drawn, axis=2) > 30
    assert coloured[10, 10] and coloured[45, 55]
    assert not coloured[45, 30] and not coloured[55, 70]


def test_the_sheet_grows_with_layers_and_hypotheses(image, scene):
    none = overview(image, LayeredScene(60, 80, ()))
    both = overview(image, scene)
    assert both.shape[0] == 3 * none.shape[0]
    assert both.dtype == np.uint8


def test_objects_of_a_layer_share_its_colour(image, scene):
    front, back = scene.objects
    beside = AmodalObject(2, 1, np.roll(front.mask, 45, 1), front.hypotheses, 0.5)
    painted = draw_by_layer(image, LayeredScene(60, 80, (front, beside, replace(back, id=3))))
    assert (painted[7, 7] == painted[7, 52]).all()
    assert (painted[7, 7] != painted[45, 55]).any()


@pytest.mark.parametrize('height, width', [(3000, 1), (1, 3000), (300, 100)])
def test_a_long_picture_makes_no_huge_sheet(height, width):
    mask = np.ones((1, height, width), bool)
    scene = LayeredScene(height, width, (AmodalObject(1, 1, mask[0], mask, 0.5),))
    sheet = overview(np.zeros((height, width, 3), np.uint8), scene)
    assert sheet.shape[1] > 3 * PANEL
    assert sheet.size < 10e6


def test_what_is_in_doubt_is_warm(image, scene):
    red, _, blue = draw_uncertainty(image, scene)[45, 55].astype(int)
    assert red > blue + 30


def test_each_hypothesis_is_drawn(image, scene):
    outlines = [(draw_hypothesis(image, scene, k) != draw_hypothesis(
        image, LayeredScene(60, 80, ()), k)).any(axis=2) for k in range(2)]
    assert outlines[0][30, 59] and not outlines[1][30, 59]
    assert outlines[1][30, 39] and not outlines[0][30, 39]


def test_hidden_parts_are_outlined_but_not_filled(image, scene):
    drawn, front = draw_layers(image, scene), replace(scene, objects=scene.objects[:1])
    assert (drawn[25, 25] == draw_layers(image, front)[25, 25]).all()  # inside both
    assert (drawn[20, 27] != draw_layers(image, front)[20, 27]).any()  # where the hidden one ends


def test_the_sheet_shows_the_image_in_its_colours_and_every_layer(scene):
    image = np.full((60, 80, 3), (200, 10, 20), np.uint8)
    scene = LayeredScene(240, 320, tuple(replace(
        item, mask=np.kron(item.mask, np.ones((4, 4), bool)),
        hypotheses=np.kron(item.hypotheses, np.ones((1, 4, 4), bool))) for item in scene.objects))
    image = np.full((240, PANEL, 3), (200, 10, 20), np.uint8)
    sheet = overview(image, scene)
    row = 240 + CAPTION
    assert (sheet[CAPTION:row, :PANEL] == image).all()
    for i in (1, 2):
        left = (i - 1) * (PANEL + 4)
        assert (sheet[row + CAPTION:2 * row, left:left + PANEL] ==
                draw_layers(image, scene, i)).all()


def test_the_outline_of_what_lies_in_front_is_on_top(image, scene):
    crossing = draw_layers(image, scene)[20, 29].astype(int)  # of both outlines
    front, back = (np.abs(crossing - colour(item.id)).sum() for item in scene.objects)
    assert front < back
