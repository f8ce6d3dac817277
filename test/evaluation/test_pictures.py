"""Pictures show every layer and hypothesis, whatever the scene."""

from dataclasses import replace

import numpy as np
import pytest
from seq_amodal_ros.evaluation.pictures import (
    draw_by_layer,
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
