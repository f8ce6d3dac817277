"""Key maps are complete and known words; keys may lie within keys."""

import json

import pytest
from training.datasets.keymap import FOLDER, read_keymap, value_at


@pytest.mark.parametrize('name, layers', [
    ('intra_afruit', 5), ('acom', 5), ('muva', 7), ('amodal_coco', 7)])
def test_shipped_maps_follow_the_paper(name, layers):
    keys = read_keymap(name)
    assert (keys.size, keys.min_visible, keys.max_layers) == (64, 10, layers)
    assert (keys.crop != 'none') == (name == 'muva')


@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.yaml')), ids=lambda path: path.stem)
def test_every_key_of_a_shipped_map_is_explained(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith('#')]
    assert all(' # ' in line for line in lines)


def test_keys_within_keys_are_found_by_dots():
    annotation = {'attributes': {'depth': 3}, 'layer': 1}
    assert value_at(annotation, 'attributes.depth') == 3
    assert value_at(annotation, 'layer') == 1
    assert value_at(annotation, 'layer.depth') is None


@pytest.mark.parametrize('change, reason', [
    ({'order': 'depth'}, 'order must be one of occluded_by, layer, smaller_nearer'),
    ({'crop': 'right'}, 'crop must be one of none, left, centre'),
    ({'amodal': ''}, 'amodal must be a word'),
    ({'order_key': 3}, 'order_key must be a word, got 3'),
    ({'size': 4}, 'size must lie in 8 to 512'),
    ({'min_visible': 0}, 'min_visible must lie in 1 to'),
    ({'max_layers': 2.5}, 'max_layers must be a whole number'),
    ({'depth': 'z'}, r"missing \[\], unknown \['depth'\]"),
])
def test_maps_that_cannot_be_are_refused_by_file_and_key(foreign, change, reason):
    foreign.map.write_text(json.dumps(foreign.keys | change))
    with pytest.raises(ValueError, match=rf'map\.yaml: {reason}'):
        read_keymap(str(foreign.map))


def test_unknown_names_are_told_what_there_is():
    with pytest.raises(ValueError, match='take one of acom, amodal_coco, intra_afruit, muva'):
        read_keymap('kins')
