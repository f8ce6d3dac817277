"""Each step's scenes: shared out by weight, the same again after a stop."""

import numpy as np
import torch
from training.config import read_config
from training.engine.randomness import SceneRandom
from training.engine.shapes import procedural_cutouts
from training.feed import Feed, shared_out


def test_scenes_are_shared_out_by_weight_to_the_last_one():
    shares = shared_out({'mixed': 10, 'fruit': 7, 'bin': 4, 'close': 3}, 25)
    assert sum(shares.values()) == 25
    assert shares == {'mixed': 11, 'fruit': 7, 'bin': 4, 'close': 3}  # 10.4, 7.3, 4.2, 3.1


def test_a_feed_resumes_with_the_same_scenes(config, composed):
    def feed():
        return Feed(read_config(config), [], [composed / 'annotations.json'], 'cpu')
    first, second = feed(), feed()
    first.scenes()
    second.seek(1)
    again, expected = second.scenes(), first.scenes()
    assert torch.equal(again.image, expected.image)
    assert torch.equal(again.masks, expected.masks)


def test_protocols_do_not_share_their_random_numbers(config, edited, tmp_path):
    two = edited(config, tmp_path / 'two.yaml', protocols={'mixed': 1, 'bin': 1}, recorded_share=0)
    (mixed, _), (bins, _) = Feed(read_config(two), [], [], 'cpu').served
    drawn = [SceneRandom(maker.seed, torch.arange(200)).uniform((10,)).flatten()
             for maker in (mixed, bins)]
    assert torch.corrcoef(torch.stack(drawn))[0, 1].abs() < 0.1  # 1 of one seed


def test_what_gets_no_scene_needs_no_cutouts(config, edited, tmp_path, composed):
    recorded = [composed / 'annotations.json']
    alone = edited(config, tmp_path / 'alone.yaml', protocols={'fruit': 1}, recorded_share=1.0)
    assert len(Feed(read_config(alone), [], recorded, 'cpu').scenes().image) == 2
    none = edited(config, tmp_path / 'none.yaml', recorded_share=0.0)
    assert 'recorded' not in Feed(read_config(none), [], recorded, 'cpu').sources


def test_what_is_held_out_is_not_composed_of(config, tmp_path):
    rgba = procedural_cutouts(3, 0).rgba.permute(0, 2, 3, 1).numpy()
    given = read_config(config)
    names = np.array(['Apple', given.held_classes[0], 'Tomato'])
    np.savez(tmp_path / 'mine.npz', rgba=rgba, label=np.arange(3), class_names=names,
             variety=np.array(['Apple', given.held_classes[0], given.held_varieties[0]]))
    assert Feed(given, [tmp_path / 'mine.npz'], [], 'cpu').sources['mine'] == 1


def test_scenes_are_made_at_the_size_and_zoom_and_on_the_photographs_asked_for(
        config, edited, tmp_path, photographs):
    protocol = edited(tmp_path / 'few.yaml', tmp_path / 'on.yaml', backgrounds={'photograph': 1})
    given = read_config(edited(config, tmp_path / 'mine.yaml', zoom=[0.5, 0.7],
                               protocols={str(protocol): 1}))
    (compositor, count), = Feed(given, [], [], 'cpu', photographs).served
    assert (compositor.side, compositor.zoom, count) == (64, given.zoom, 2)
    assert len(compositor.photographs)
