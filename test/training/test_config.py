"""The training's config is complete and its keys are checked by name."""

import pytest
from training.config import DEFAULT, read_config


def test_the_default_is_complete():
    config = read_config()
    assert config.held_classes and config.held_varieties


@pytest.mark.parametrize('change, reason', [
    (lambda text: text.replace('steps:', 'stepz:'), r"missing \['steps'\], unknown \['stepz'\]"),
    (lambda text: text + '\n: [', 'cannot be read'),
    (lambda text: '', 'missing'),
])
def test_wrong_keys_are_named(tmp_path, change, reason):
    path = tmp_path / 'mine.yaml'
    path.write_text(change(DEFAULT.read_text()))
    with pytest.raises(ValueError, match=rf'mine\.yaml: .*{reason}'):
        read_config(path)
