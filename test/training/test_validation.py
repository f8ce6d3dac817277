"""Scenes for validation show what training may see, as near as asked for."""

import numpy as np
import pytest
from training.engine.protocols import FOLDER
from training.validation import validation


@pytest.fixture
def protocol(edited, tmp_path):
    """Return a protocol of twenty drawn objects."""
    return str(edited(FOLDER / 'mixed.yaml', tmp_path / 'few.yaml', procedural=20))


def test_objects_seen_from_nearer_are_larger(protocol, tmp_path):
    far, near = (validation(tmp_path / str(zoom), [], protocol, 6, zoom) for zoom in (0.6, 1.6))
    areas = [np.mean([mask.sum() for scene in part for mask in scene.masks])
             for part in (far, near)]
    assert len(far) == len(near) == 6
    assert areas[1] > 2 * areas[0]  # 7 times, but for what lies out of view


def test_the_same_scenes_every_time(protocol, tmp_path):
    first, again = (validation(tmp_path / name, [], protocol, 2) for name in ('a', 'b'))
    for one, other in zip(first, again):
        assert np.array_equal(one.masks, other.masks)
        assert np.array_equal(one.read(), other.read())


@pytest.mark.parametrize('count, zoom, reason', [(0, 1, '--scenes 0: it counts from 1'),
                                                 (1, 11, '--zooms must lie in 0.1 to 10')])
def test_what_gives_no_scenes_is_named(protocol, tmp_path, count, zoom, reason):
    with pytest.raises(ValueError, match=reason):
        validation(tmp_path / 'scenes', [], protocol, count, zoom)
