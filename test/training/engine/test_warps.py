import pytest
import torch
from training.engine.randomness import SceneRandom
from training.engine.warps import draw_poses, pixels_of, Poses

SIDE = 64


@pytest.fixture
def poses():
    """Return poses of five objects in each of three scenes."""
    draw = SceneRandom(0, torch.arange(3))
    place = draw.uniform((5, 2), -0.9, 0.9)
    return draw_poses(draw, draw.uniform((5,), 0.1, 0.5), place)


def straight(size, place):
    """Return the pose of one object that is moved and scaled alone."""
    matrix = torch.tensor([[size, 0, place[0]], [0, size, place[1]], [0, 0, 1]])
    return Poses(matrix[None, None], torch.zeros(1, 1, 2, 3), torch.tensor([[size]]),
                 torch.tensor([[place]]))


def test_the_middle_of_an_object_is_where_it_was_placed(poses):
    flat = Poses(poses.to_image, poses.waves * 0, poses.size, poses.place)
    x, y = poses.place.flatten(0, 1).unbind(1)
    u, v = flat.on_object(torch.arange(15), x, y)
    assert torch.allclose(torch.stack([u, v]), torch.zeros(2, 15), atol=1e-5)


def test_a_point_of_the_object_is_found_where_its_homography_puts_it(poses):
    flat = Poses(poses.to_image, poses.waves * 0, poses.size, poses.place)
    point = torch.tensor([0.4, -0.8, 1.0])
    seen = (flat.to_image @ point).flatten(0, 1)
    u, v = flat.on_object(torch.arange(15), seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2])
    assert torch.allclose(u, torch.tensor(0.4), atol=1e-4)
    assert torch.allclose(v, torch.tensor(-0.8), atol=1e-4)


def test_size_is_the_share_of_the_image():
    pose = straight(0.25, [0.5, -0.5])
    assert pose.boxes(SIDE, 0.0, torch.zeros(1, 1, 2))[0, 0].tolist() == [40, 8, 56, 24]


def test_boxes_hold_every_pixel_that_shows_the_object(poses):
    everywhere = torch.tensor([[[0, 0, SIDE, SIDE]] * 5] * 3)
    points = pixels_of(everywhere, SIDE)
    u, v = poses.on_object(points.item, points.x, points.y)
    shows = (u.abs() <= 1) & (v.abs() <= 1)
    boxes = poses.boxes(SIDE, 0.05, torch.zeros(3, 5, 2)).reshape(15, 4)
    left, top, right, bottom = boxes[points.item].unbind(1)
    row, column = points.pixel % SIDE ** 2 // SIDE, points.pixel % SIDE
    held = (column >= left) & (column < right) & (row >= top) & (row < bottom)
    assert shows.any()
    assert held[shows].all()


def test_pixels_are_those_of_the_boxes_grouped_by_slot():
    boxes = torch.tensor([[[1, 2, 3, 3], [0, 0, 0, 0]], [[0, 0, 1, 2], [5, 5, 6, 6]]])
    points = pixels_of(boxes, 8)
    assert points.item.tolist() == [0, 0, 2, 2, 3]
    assert points.pixel.tolist() == [17, 18, 64, 72, 64 + 45]
    assert torch.allclose(points.x[:2], torch.tensor([1.5, 2.5]) / 4 - 1)
    assert torch.allclose(points.y[:2], torch.tensor(2.5) / 4 - 1)


def test_boxes_reach_as_far_as_the_shadow():
    move = torch.tensor([[[0.5, -0.25]]])
    assert straight(0.25, [0, 0]).boxes(64, 0.0, move)[0, 0].tolist() == [24, 16, 56, 40]
