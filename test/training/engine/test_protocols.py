import pytest
from training.engine.protocols import FOLDER, read_protocol

MIXED = (FOLDER / 'mixed.yaml').read_text()


@pytest.mark.parametrize('name', ['mixed', 'fruit', 'bin', 'tools', 'close', 'stacks', 'flat',
                                  'room'])
def test_the_shipped_protocols_are_valid(name):
    assert read_protocol(name).name == name


def test_an_own_protocol_is_read_by_its_path(tmp_path):
    path = tmp_path / 'few.yaml'
    path.write_text(MIXED.replace('[2, 16]', '[1, 3]'))
    assert read_protocol(str(path)).objects == (1, 3)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r'no_such.*bin, close, flat, fruit, mixed, room, stacks, '
                                         'tools'):
        read_protocol('no_such')


@pytest.mark.parametrize('old, new, reason', [
    ('[6, 16]', '[5, 2]', 'objects must be'),
    ('size: [0.14, 0.4]', 'size: [0.9, 0.9]', 'cover the image'),
    ('alike: 0.1', 'alike: 2', 'alike must lie in 0 to 1'),
    ('{any: 4', '{everything: 4', 'groups must weigh some of any'),
    ('{any: 4', '{any: -4', 'groups must weigh some of any.* none below 0'),
    ('backgrounds: {}', 'backgrounds: {moon: 1}', 'backgrounds must weigh some of table'),
    ('[polygon, ellipse', '[lob, ellipse', r"procedural_kinds \['lob'\] are none"),
    ('size: [0.14, 0.4]', 'size: [0.14]', 'size must be a list of 2'),
    ('alike: 0.1', 'alik: 0.1', r"missing \['alike'\], unknown \['alik'\]"),
])
def test_wrong_settings_are_named_with_their_file(tmp_path, old, new, reason):
    path = tmp_path / 'own.yaml'
    path.write_text(MIXED.replace('[2, 16]', '[6, 16]').replace(old, new))
    with pytest.raises(ValueError, match=reason) as error:
        read_protocol(str(path))
    assert 'own' in str(error.value)
