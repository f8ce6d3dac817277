"""Pictures agree with the geometry: depth with places, windows with the whole, ids with bodies."""

import numpy as np
import pytest
from training.meshes.registry import mesh_objects, MeshError, MeshObject
from training.meshes.render import look_at, random_light, Stage
from training.meshes.textures import random_texture

pytest.importorskip('pybullet', reason='pybullet has wheels only for CPython 3.10 and 3.11 on '
                                       'Linux x86-64')
LIGHT = random_light(np.random.default_rng(0), np.array([0.0, 0, 1]))
CAMERA = look_at((0, 0, 1), (0, 0, 0), 40)


@pytest.fixture
def stage():
    """Return an empty stage."""
    with Stage() as stage:
        yield stage


def test_depth_gives_places_in_the_world(stage):
    stage.box((1, 1, 0.1), (0, 0, 0))
    points = CAMERA.points(stage.picture(CAMERA, LIGHT, 32).depth)
    assert np.allclose(points[..., 2], 0.1, atol=1e-3)
    assert points[0, -1, 0] > 0.2 and points[0, -1, 1] > 0.2  # up and right in the picture


def test_a_window_shows_a_part_of_the_picture(stage):
    body = stage.load(mesh_objects('test')[0], 0.6)
    whole = stage.picture(CAMERA, LIGHT, 64).ids == body
    corner = stage.picture(CAMERA.window(-1, 0, 1), LIGHT, 32).ids == body
    assert corner.any() and (corner == whole[:32, :32]).mean() > 0.98


def test_bodies_are_as_large_as_asked_for_lit_and_textured(stage):
    body = stage.load(mesh_objects('test')[1], 0.5)
    low, high = stage.bounds(body)
    assert (high - low).max() == pytest.approx(0.5, rel=0.05)
    picture = stage.picture(CAMERA, LIGHT, 64)
    colour = stage.painted(picture, CAMERA, {body: random_texture(np.random.default_rng(3), 0.5)})
    inside = picture.ids == body
    assert picture.shade[inside].mean() > 0.2
    assert not np.allclose(colour[inside], picture.shade[inside])
    assert np.array_equal(colour[~inside], picture.shade[~inside])


def test_an_object_alone_is_seen_whole_and_put_back(stage):
    below = stage.box((0.1, 0.1, 0.1), (0, 0, 0))
    above = stage.box((0.1, 0.1, 0.01), (0.05, 0, 0.3))
    before = stage.picture(CAMERA, LIGHT, 64)
    whole, _ = stage.alone([below, above], CAMERA, LIGHT, 64)
    after = stage.picture(CAMERA, LIGHT, 64)
    assert np.array_equal(before.ids, after.ids)
    assert (whole.ids != above).all()
    assert np.count_nonzero(whole.ids == below) > np.count_nonzero(before.ids == below) > 0


def test_meshes_that_do_not_load_are_named(stage, tmp_path):
    with pytest.raises(MeshError, match=r'no\.urdf: not a mesh'):
        stage.load(MeshObject('no', tmp_path / 'no.urdf'))
