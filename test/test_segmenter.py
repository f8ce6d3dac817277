"""The public object: images in, scenes out, the same for the same seed."""

from dataclasses import replace

import numpy as np
import pytest
from seq_amodal_ros.checkpoint import load_checkpoint, save_checkpoint
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet, ConcatUNetConfig
from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.photographs import load_image
from seq_amodal_ros.parts import CLEAR, HINT
from seq_amodal_ros.segmenter import HaltedError, Segmenter, Settings
import torch


@pytest.fixture(scope='module')
def segmenter():
    """Return the shipped weights on the CPU."""
    return Segmenter.load(device='cpu')


@pytest.fixture(scope='module')
def image(composed):
    """Return a composed scene of several objects."""
    return load_image(composed / 'images' / '00003.png')


def same(a, b):
    """Return whether two scenes hold the same objects, masks and hypotheses."""
    return len(a.objects) == len(b.objects) and all(
        x.layer == y.layer and (x.mask == y.mask).all() and (x.hypotheses == y.hypotheses).all()
        for x, y in zip(a.objects, b.objects))


def test_the_scene_has_the_size_of_the_image_and_k_hypotheses(segmenter, image):
    segmenter.settings = Settings(hypotheses=2)
    wide = np.ascontiguousarray(image[:150])
    scene = segmenter.segment(wide)
    assert (scene.height, scene.width) == wide.shape[:2]
    assert scene.objects
    assert all(len(item.hypotheses) == 2 for item in scene.objects)


def test_equal_seeds_give_equal_scenes(segmenter, image):
    segmenter.settings = Settings(seed=3)
    assert same(segmenter.segment(image), segmenter.segment(image))


def test_other_seeds_give_other_hypotheses(segmenter, image):
    scenes = []
    for seed in (1, 2):
        segmenter.settings = Settings(seed=seed)
        scenes.append(segmenter.segment(image))
    assert not same(*scenes)


def test_images_segmented_together_get_what_each_gets_alone(segmenter, image):
    settings = Settings(hypotheses=2)
    other = np.ascontiguousarray(image[::-1])
    assert segmenter.working_shape(image, settings) == segmenter.working_shape(other, settings)
    together = segmenter.layers([image, other], settings)
    for layers, picture in zip(together, (image, other)):
        alone = segmenter.layers([picture], settings)[0]
        assert len(layers) == len(alone)
        for one, same_one in zip(layers, alone):
            assert np.allclose(one.hypotheses, same_one.hypotheses, atol=1e-3)
            assert np.allclose(one.seams, same_one.seams, atol=0.02)  # bfloat16 rounds


@pytest.mark.parametrize('steps', [1, 2])
def test_what_may_lie_deeper_is_left_out_for_now(segmenter, composed, photographs, steps):
    settings, put_off = Settings(steps=steps), 0
    scenes = [sample.read() for sample in samples(composed / 'annotations.json')]
    photos = [load_image(path) for path in sorted(photographs.glob('*.[jp][pn]g'))]
    for picture in [*scenes, *photos]:
        shape = segmenter.working_shape(picture, settings)
        blank = np.zeros((1, *shape), bool)
        everything, sure = (
            segmenter.frames([picture], settings, defer).answers([0], blank).hypotheses
            for defer in (False, True))
        assert not ((sure > 0.5) & (everything <= 0.5)).any()
        assert (sure > 0.5).any()
        put_off += ((everything > 0.5) & (sure <= 0.5)).sum()
    assert put_off > 0 or steps > 1  # samples of several steps are hardly ever in two minds


@pytest.fixture
def papers(tmp_path):
    """Return the path of an untrained network of the paper's kind."""
    torch.manual_seed(0)
    model = ConcatUNet(ConcatUNetConfig(mask_size=16, channels=16, multipliers=(1,), blocks=1,
                                        attention_size=8))
    path = tmp_path / 'paper.safetensors'
    save_checkpoint(path, model, 'linear', (0.0, 1.0), {})
    return path


def test_the_size_of_the_masks_is_a_setting(segmenter, image):
    for size in (32, 64):
        (layers,) = segmenter.layers([image], Settings(mask_size=size))
        shape = segmenter.working_shape(image, Settings(mask_size=size))
        assert abs(np.sqrt(np.prod(shape)) - size) < 12
        assert all(layer.chosen.shape == shape for layer in layers)


@pytest.mark.parametrize('steps', [1, 4, 1000])
def test_an_answer_that_nobody_waits_for_is_let_go_of(segmenter, image, steps):
    segmenter.settings = Settings(steps=steps, mask_size=32)
    asked = 0

    def ended():
        nonlocal asked
        asked += 1
        return asked == 2  # of few steps the second layer, of many the first step

    with pytest.raises(HaltedError):
        segmenter.segment(image, ended)
    assert asked == 2


def test_the_papers_network_knows_one_size(papers):
    other = Settings(steps=2, mask_size=48)
    with pytest.raises(ValueError, match=r'mask_size 48.*set it to 0'):
        Segmenter.load(papers, 'cpu', other)
    segmenter = Segmenter.load(papers, 'cpu')
    with pytest.raises(ValueError, match='mask_size 48'):
        segmenter.settings = other
    assert segmenter.settings == Settings()


@pytest.mark.parametrize('sampler, steps', [('ancestral', 1000), ('ddim', 5), ('dpm', 5)])
def test_the_papers_network_is_sampled_by_every_sampler(papers, image, sampler, steps):
    settings = Settings(hypotheses=2, steps=steps, sampler=sampler, max_layers=1, min_area=1)
    segmenter = Segmenter.load(papers, 'cpu', settings)
    _, (again,) = segmenter.layers([np.flip(image, 0).copy(), image], settings)
    one, other = again.hypotheses  # untrained: noise, not blank
    assert not np.allclose(one, other)  # its noise makes them differ, not the view
    (alone,), = segmenter.layers([image], settings)
    assert np.allclose(alone.hypotheses, again.hypotheses, atol=0.02)  # whoever is in the batch


@pytest.mark.parametrize('steps, nested', [(1, True), (2, False)])
def test_one_step_gives_level_sets_and_more_give_samples(segmenter, image, steps, nested):
    settings = Settings(hypotheses=5, steps=steps, max_layers=1)
    (layer,), = segmenter.layers([image], settings)
    masks = np.array(sorted(layer.hypotheses > 0.5, key=lambda mask: mask.sum()))
    assert (masks[:-1] <= masks[1:]).all() == nested
    assert np.array_equal(layer.chosen, layer.hypotheses[0]) or not nested


def test_layers_keep_the_aspect_of_the_image_and_its_area_bounds_them(segmenter, image):
    wide = np.ascontiguousarray(image[:128])
    (layers,) = segmenter.layers([wide], Settings(max_layers=1))
    height, width = layers[0].mask.shape
    assert width == pytest.approx(2 * height, rel=0.1)
    assert Settings(min_area=10).least_area((64, 64)) == 10
    assert Settings(min_area=10).least_area((128, 256)) == 80
    assert Settings(min_area=1).least_area((16, 16)) == 1


def test_max_layers_bounds_the_scene(segmenter, image):
    segmenter.settings = Settings(max_layers=1)
    assert segmenter.segment(image).depth == 1


def test_trained_weights_find_what_lies_on_top(segmenter, composed):
    # An untrained network or a mix-up of channels scores near 0 here.
    segmenter.settings = Settings()
    overlap = []
    for sample in samples(composed / 'annotations.json'):
        truth = sample.masks[sample.layers == 1].any(axis=0)
        answer = segmenter.segment(sample.read()).layer_mask(1)
        overlap.append((truth & answer).sum() / (truth | answer).sum())
    assert np.mean(overlap) > 0.6


@pytest.mark.parametrize('bad', [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8),
                                 np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)])
def test_other_arrays_are_refused_with_type_and_shape(segmenter, bad):
    with pytest.raises(ValueError, match=rf'uint8 \[height, width, 3\].*{bad.dtype}'):
        segmenter.segment(bad)


@pytest.mark.parametrize('setting, value', [('hypotheses', 0), ('hypotheses', 65), ('steps', 1001),
                                            ('max_layers', 0), ('max_layers', 65), ('min_area', 0),
                                            ('min_area', (1 << 20) + 1), ('seed', -1),
                                            ('seed', 1 << 31)])
def test_settings_out_of_range_are_named(setting, value):
    with pytest.raises(ValueError, match=f'{setting} must lie in .*got {value}'):
        Settings(**{setting: value})


@pytest.mark.parametrize('size', [-1, 8, 513])
def test_a_size_that_no_masks_have_is_named(size):
    with pytest.raises(ValueError, match=f'mask_size must be 0 or lie in 32 to 512, got {size}'):
        Settings(mask_size=size)


def test_the_ancestral_sampler_needs_all_steps():
    with pytest.raises(ValueError, match='steps must be 1000'):
        Settings(sampler='ancestral', steps=4)


def test_an_unknown_sampler_lists_the_known_ones():
    with pytest.raises(ValueError, match='sampler must be one of ancestral, ddim, dpm, got'):
        Settings(sampler='euler')


def test_more_hypotheses_do_not_move_the_masks(segmenter, composed):
    for sample in samples(composed / 'annotations.json'):
        few, many = (segmenter.layers([sample.read()], Settings(hypotheses=k))[0] for k in (4, 64))
        assert [layer.mask.tolist() for layer in few] == [layer.mask.tolist() for layer in many]


def test_what_the_weights_were_calibrated_to_moves_all_hypotheses_but_the_middle_one(image):
    raw = replace(load_checkpoint(), temperature=1.0, offset=0.0)
    settings = Settings(hypotheses=9)
    areas = []
    for checkpoint in (raw, replace(raw, offset=1.0), replace(raw, temperature=3.0)):
        layer = Segmenter(checkpoint, 'cpu').layers([image], settings)[0][0]
        areas.append((layer.hypotheses > 0.5).sum(axis=(1, 2)))
    plain, raised, flat = areas
    assert plain[0] == raised[0] == flat[0]
    assert raised.sum() > plain.sum()
    assert np.ptp(flat) > np.ptp(plain)


def test_after_a_hint_a_frame_must_answer_more_clearly(segmenter, image, monkeypatch):
    between = (HINT + CLEAR) / 2
    frames = segmenter.frames([image], Settings(mask_size=32))
    drawn = np.zeros((1, 4, 32, 32), np.float32)  # three views, then seams
    drawn[:, :3, 8:24, 8:24] = between
    monkeypatch.setattr(frames, '_drawn', lambda numbers, cumulative: drawn.copy())
    covered = np.zeros((1, 32, 32), bool)
    assert [bool((frames.answers([0], covered).hypotheses > 0.5).any()) for _ in range(2)] == \
        [True, False]


def test_images_of_other_shapes_get_what_is_theirs(segmenter, image):
    pictures = [image, np.ascontiguousarray(image[:128]), image]
    settings = Settings(max_layers=1, mask_size=64)
    found = segmenter.layers(pictures, settings)
    assert [layer.mask.shape for layer, in found] == [
        segmenter.working_shape(picture, settings) for picture in pictures]


def test_the_least_area_is_a_share_of_the_image(segmenter, image):
    assert segmenter.layers([image], Settings(min_area=64 * 64)) == [[]]
    segmenter.settings = Settings(min_area=150)
    scene = segmenter.segment(image)
    assert scene.objects
    assert min(item.area for item in scene.objects) >= 150 * 256 ** 2 / 64 ** 2


def test_a_large_image_is_averaged_not_picked_from(segmenter):
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 254
    frames = segmenter.frames([stripes], Settings(mask_size=64))
    assert (frames._tensor(stripes) - 127 / 255).abs().max() < 0.01


def test_a_hint_in_one_frame_asks_no_more_of_another(segmenter, image, monkeypatch):
    frames = segmenter.frames([image, image], Settings(mask_size=32))
    drawn = np.zeros((2, 4, 32, 32), np.float32)  # three views, then seams
    drawn[0, :3, 8:24, 8:24], drawn[1, :3, 8:24, 8:24] = (HINT + CLEAR) / 2, 1
    monkeypatch.setattr(frames, '_drawn', lambda numbers, cumulative: drawn.copy())
    covered = np.zeros((2, 32, 32), bool)
    seen = [(frames.answers([0, 1], covered).hypotheses > 0.5).any(axis=(1, 2, 3)).tolist()
            for _ in range(2)]
    assert seen == [[True, True], [False, True]]


def test_seams_are_the_images_not_its_mirror_images(segmenter, image):
    blank = np.zeros((1, 64, 64), bool)
    one, two = (segmenter.frames([image], Settings(mask_size=64, hypotheses=k)).answers(
        [0], blank).seams for k in (1, 2))
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.9


def test_the_papers_network_stops_below_the_least_area(papers, image):
    settings = Settings(steps=2, min_area=64 * 64)
    assert Segmenter.load(papers, 'cpu').layers([image], settings) == [[]]


def test_the_least_area_is_told_in_pixels_of_the_masks(segmenter, image, monkeypatch):
    given = []
    monkeypatch.setattr('seq_amodal_ros.segmenter.scene_from_layers',
                        lambda layers, *rest: given.append(rest))
    segmenter.settings = Settings(mask_size=128, max_layers=1)
    segmenter.segment(image)
    assert given == [(256, 256, 40)]
