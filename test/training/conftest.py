"""A training so small that a test can run it."""

from pathlib import Path

import pytest
from training.config import DEFAULT
from training.engine.protocols import FOLDER
import yaml


@pytest.fixture(scope='session')
def edited():
    """Return a function that writes a YAML file with some values changed and returns its path."""
    def write(source, target, **changes):
        content = {**yaml.safe_load(source.read_text()), **changes}
        target.write_text(yaml.safe_dump({key: str(value) if isinstance(value, Path) else value
                                          for key, value in content.items()}))
        return target
    return write


@pytest.fixture
def config(tmp_path, edited):
    """Return the path of a config of three tiny steps on twenty drawn objects."""
    protocol = edited(FOLDER / 'mixed.yaml', tmp_path / 'few.yaml', procedural=20)
    return edited(DEFAULT, tmp_path / 'tiny.yaml', steps=3, scenes_per_step=2, mask_size=32,
                  warmup=1, recorded_share=0.5, protocols={str(protocol): 1})
