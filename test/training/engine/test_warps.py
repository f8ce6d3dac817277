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


def everywhere(scenes, objects):
    """Return all pixels of the image, of each object."""
    begin = torch.zeros(scenes, objects, SIDE, dtype=torch.int64)
    return pixels_of(begin, begin + SIDE)


def test_boxes_are_wide_where_the_object_is_bent_wide():
    pose = straight(0.5, [0.0, 0.0])
    waves = torch.tensor([[[[0.3, 3.0, 0.0], [0.0, 1.0, 0.0]]]])
    bent = Poses(pose.to_image, waves, pose.size, pose.place)
    box = bent.boxes(SIDE, 0.0, torch.zeros(1, 1, 2))[0, 0]
    points = everywhere(1, 1)
    u, v = bent.on_object(points.item, points.x, points.y)
    shows = points.pixel[(u.abs() <= 1) & (v.abs() <= 1)]
    assert box[0] <= (shows % SIDE).min() < 16  # an unbent one begins there
    assert box[2] > (shows % SIDE).max() >= 48
    assert box[[1, 3]].tolist() == [16, 48]


def test_boxes_hold_every_pixel_that_shows_the_object(poses):
    points = everywhere(3, 5)
    u, v = poses.on_object(points.item, points.x, points.y)
    shows = (u.abs() <= 1) & (v.abs() <= 1)
    boxes = poses.boxes(SIDE, 0.05, torch.zeros(3, 5, 2)).reshape(15, 4)
    left, top, right, bottom = boxes[points.item].unbind(1)
    row, column = points.pixel % SIDE ** 2 // SIDE, points.pixel % SIDE
    held = (column >= left) & (column < right) & (row >= top) & (row < bottom)
    assert shows.any()
    assert held[shows].all()


@pytest.mark.parametrize('seed', range(20))
def test_rows_hold_every_pixel_of_an_object_and_its_shadow_and_few_more(seed):
    draw = SceneRandom(seed, torch.arange(8))
    poses = draw_poses(draw, draw.uniform((6,), 0.1, 0.6), draw.uniform((6, 2), -0.9, 0.9))
    move = draw.uniform((6, 2), -0.1, 0.1)
    rows = poses.rows(torch.tensor([0, 0, SIDE, SIDE]).expand(8, 6, 4), SIDE, 1.1, move)
    points = everywhere(8, 6)
    right, down = move.flatten(0, 1)[points.item].unbind(1)
    shows = torch.zeros(len(points.item), dtype=torch.bool)
    for x, y in ((points.x, points.y), (points.x - right, points.y - down)):
        u, v = poses.on_object(points.item, x, y)
        shows |= (u.abs() <= 1.1) & (v.abs() <= 1.1)
    row, column = points.pixel % SIDE ** 2 // SIDE, points.pixel % SIDE
    begin, end = (part.flatten(0, 1)[points.item, row] for part in rows)
    held = (column >= begin) & (column < end)
    assert held[shows].all()
    assert held.sum() < 1.6 * shows.sum()


def test_rows_are_cut_by_boxes():
    box = torch.tensor([[[30, 20, 40, 22]]])
    begin, end = straight(0.5, [0.0, 0.0]).rows(box, SIDE, 1.0, torch.zeros(1, 1, 2))
    held = (end - begin).clamp(min=0)[0, 0]
    assert held.nonzero().flatten().tolist() == [20, 21]
    assert begin[0, 0, 20:22].tolist() == [30, 30]
    assert end[0, 0, 20:22].tolist() == [40, 40]


def test_pixels_are_those_of_the_rows_grouped_by_slot():
    begin, end = torch.zeros(2, 2, 2, 8, dtype=torch.int64)
    begin[0, 0, 2], end[0, 0, 2] = 1, 3
    end[1, 0, 0] = end[1, 0, 1] = 1
    begin[1, 1, 5], end[1, 1, 5] = 5, 6
    begin[0, 1, 3] = 4  # ends before it begins
    points = pixels_of(begin, end)
    assert points.item.tolist() == [0, 0, 2, 2, 3]
    assert points.pixel.tolist() == [17, 18, 64, 72, 64 + 45]
    assert torch.allclose(points.x[:2], torch.tensor([1.5, 2.5]) / 4 - 1)
    assert torch.allclose(points.y[:2], torch.tensor(2.5) / 4 - 1)


def test_boxes_reach_as_far_as_the_shadow():
    move = torch.tensor([[[0.5, -0.25]]])
    assert straight(0.25, [0, 0]).boxes(64, 0.0, move)[0, 0].tolist() == [24, 16, 56, 40]
