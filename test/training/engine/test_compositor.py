from dataclasses import replace

import pytest
import torch
from training.cutouts import Cutouts, SIDE
from training.engine.compositor import Compositor
from training.engine.protocols import read_protocol
from training.engine.randomness import SceneRandom

PROTOCOLS = ['mixed', 'fruit', 'bin', 'tools', 'close', 'stacks', 'flat', 'room']


def equal(first, second):
    return (torch.equal(first.masks, second.masks) and torch.equal(first.layers, second.layers)
            and torch.allclose(first.image, second.image, atol=1e-5))


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_scenes_are_pictures_with_masks(compositor, protocol):
    scenes = compositor(protocol, 64).scenes(6)
    assert scenes.image.shape == (6, 3, 64, 64)
    assert scenes.image.min() >= 0
    assert scenes.image.max() <= 1
    assert scenes.masks.any()


def test_a_scene_is_the_same_in_any_batch(compositor):
    together = compositor('mixed', 64, seed=5).scenes(7)
    maker = compositor('mixed', 64, seed=5)
    apart = [maker.scenes(count) for count in (1, 4, 2)]
    assert torch.equal(together.masks, torch.cat([part.masks for part in apart]))
    assert torch.allclose(together.image, torch.cat([part.image for part in apart]), atol=1e-5)


def test_a_batch_shared_among_the_cores_is_the_same(compositor, monkeypatch):
    monkeypatch.setattr('training.engine.compositor.CHUNK', 3 * 16 * 64 ** 2)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(compositor('mixed', 64, seed=5).scenes(8))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    assert equal(*found)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='compares a CUDA device with the CPU')
def test_a_scene_is_the_same_on_any_device(compositor):
    here = compositor('mixed', 64, seed=5).scenes(32)
    there = compositor('mixed', 64, seed=5, device='cuda').scenes(32)
    assert torch.equal(here.layers, there.layers.cpu())
    assert (here.masks != there.masks.cpu()).float().mean() < 1e-4  # rims, by rounding
    assert (here.image - there.image.cpu()).abs().mean() < 1e-3


def test_a_scene_can_be_made_again_by_its_number(compositor):
    maker = compositor('mixed', 64, seed=5)
    maker.scenes(3)
    assert equal(maker.scenes(2), compositor('mixed', 64, seed=5, first=3).scenes(2))


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_no_scene_has_fewer_objects_than_its_protocol_says(compositor, protocol):
    counts = (compositor(protocol, 64, seed=3).scenes(100).layers > 0).sum(dim=1)
    least, most = read_protocol(protocol).objects
    assert least <= counts.min()
    assert counts.max() <= most


def test_only_scenes_of_too_few_objects_are_drawn_again(compositor):
    first = compositor('mixed', 64, seed=3)._composed(torch.arange(100))
    given = compositor('mixed', 64, seed=3).scenes(100)
    lacked = (first.layers > 0).sum(dim=1) < 2
    assert 0 < lacked.sum() < 10
    assert torch.equal(first.image[~lacked], given.image[~lacked])
    assert torch.equal(first.masks[~lacked], given.masks[~lacked])


def test_cutouts_that_nobody_can_see_give_scenes_all_the_same():
    faint = torch.full((2, 4, SIDE, SIDE), 3, dtype=torch.uint8)
    source = Cutouts('faint', faint, ('a', 'b'), ('a', 'b'))
    assert not Compositor([source], [1.0], read_protocol('tools'), 64).scenes(2).masks.any()


def test_a_scene_is_made_again_of_some_of_its_objects(compositor):
    maker = compositor('mixed', 64, seed=3)
    whole = maker.scenes(6)
    for number in range(6):
        there = whole.layers[number] > 0
        assert equal(maker.scene(number), maker.scene(number, there))
        assert torch.equal(maker.scene(number, there).masks[0], whole.masks[number])
        there[int(there.nonzero()[0])] = False
        rest = maker.scene(number, there)
        assert torch.equal(rest.masks[0, there], whole.masks[number, there])
        assert not rest.masks[0, ~there].any()


def test_boxes_cut_nothing_off(compositor, monkeypatch):
    narrow = compositor('mixed', 64, seed=5).scenes(16)
    monkeypatch.setattr('training.engine.compositor.MARGIN', 1.0)
    assert equal(narrow, compositor('mixed', 64, seed=5).scenes(16))


def test_other_seeds_give_other_scenes(compositor):
    assert not equal(compositor('mixed', 64, seed=1).scenes(2),
                     compositor('mixed', 64, seed=2).scenes(2))


def test_deep_layers_are_common(compositor):
    depth = compositor('mixed', 64).scenes(200).layers.amax(dim=1)
    assert (depth >= 3).float().mean() > 0.3
    assert depth.max() <= 8


def test_zoom_is_the_camera_nearer_or_farther(compositor):
    def poses(*zoom):
        maker = compositor('mixed', 64, seed=1, zoom=zoom)
        return maker._poses(SceneRandom(1, torch.arange(50)))

    as_ever = poses(1, 1)
    for factor in (0.5, 2.0):
        assert torch.allclose(poses(factor, factor).size, as_ever.size * factor)
        assert torch.allclose(poses(factor, factor).place, as_ever.place * factor)
    factor = poses(0.5, 2.0).size / as_ever.size
    assert torch.allclose(factor, factor[:, :1].expand_as(factor))  # of the scene, not the object
    assert 0.5 <= factor.min() < 0.7
    assert 1.5 < factor.max() <= 2.0


def test_larger_images_show_the_same_scene(compositor):
    small = compositor('mixed', 64, seed=1).scenes(64)
    large = compositor('mixed', 128, seed=1).scenes(64)
    in_both = (small.layers > 0) & (large.layers > 0)
    in_any = (small.layers > 0) | (large.layers > 0)
    assert in_both.sum() / in_any.sum() > 0.8  # the others are at a limit of what is shown
    shrunk = torch.nn.functional.avg_pool2d(large.masks[in_both][:, None].float(), 2)[:, 0] >= 0.5
    masks = small.masks[in_both]
    assert (shrunk & masks).sum() / (shrunk | masks).sum() > 0.93


def test_a_bin_holds_one_object_again_and_again():
    tones = torch.randint(0, 256, (30, 3), generator=torch.Generator().manual_seed(0))
    rgba = torch.full((30, 4, SIDE, SIDE), 255, dtype=torch.uint8)
    rgba[:, :3] = tones[:, :, None, None]
    names = tuple(f'plain {i}' for i in range(30))
    maker = Compositor([Cutouts('plain', rgba, names, names)], [1.0], read_protocol('bin'), 64)
    pictures = maker._pictures(SceneRandom(0, torch.arange(50)))
    assert all(len(set(row)) == 1 for row in pictures.tolist())
    assert len(set(pictures[:, 0].tolist())) > 20


def test_an_object_is_a_variety_of_its_class():
    names = [(kind, tone) for kind in ('apple', 'pepper') for tone in ('green', 'red')] * 4
    rgba = torch.full((len(names), 4, SIDE, SIDE), 255, dtype=torch.uint8)
    classes, varieties = zip(*names)
    plain = Cutouts('plain', rgba, classes, varieties)
    maker = Compositor([plain], [1.0], read_protocol('bin'), 64)
    ordered = sorted(names)
    for name, (start, count) in zip(ordered, maker._ranges['object'].tolist()):
        assert ordered[start:start + count] == [name] * 4


def test_what_nothing_can_be_composed_of_is_named(source):
    with pytest.raises(ValueError, match='protocol mixed: no source has a weight above 0'):
        Compositor([source], [0.0], read_protocol('mixed'))
    for weights in ({'photograph': 1}, {'photograph': 0, 'table': 1}):
        tables = replace(read_protocol('mixed'), backgrounds=weights)
        with pytest.raises(ValueError, match='photograph needs some; give --backgrounds'):
            Compositor([source], [1.0], tables)


@pytest.mark.parametrize('weights', [[], [0.5, 0.5]])
def test_weights_that_do_not_go_with_the_sources_are_refused(source, weights):
    with pytest.raises(ValueError, match='do not go with weights'):
        Compositor([source], weights, read_protocol('mixed'))


def test_shadows_darken_what_lies_beneath_and_move_nothing(compositor):
    maker = compositor('mixed', 64, seed=5)
    scenes = {}
    for shadow in (0.0, 0.9):
        maker.protocol, maker.next = replace(maker.protocol, shadow=shadow, camouflage=0.0), 0
        scenes[shadow] = maker.scenes(8)
    assert torch.equal(scenes[0.0].masks, scenes[0.9].masks)
    change = scenes[0.9].image - scenes[0.0].image
    top = scenes[0.0].masks[:, :1].float()
    assert change.mean() < -0.002
    assert (change * (1 - top)).abs().mean() > 2 * (change * top).abs().mean()


def test_sources_are_drawn_from_by_their_weight(source):
    maker = Compositor([source, source], [0.0, 1.0], read_protocol('mixed'), 64)
    assert maker._pictures(SceneRandom(0, torch.arange(50))).min() >= len(source)
