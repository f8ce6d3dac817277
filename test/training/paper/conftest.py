"""Scenes given by hand, and a preset small enough to train in a test."""

import pytest
import torch
from training.engine.scenes import Scenes
from training.paper.config import FOLDER
import yaml

SIZE = 32


class Given:
    """Two scenes again and again: three squares in a stack, and one alone."""

    def __init__(self):
        self.next = 0

    def scenes(self, batch):
        """Return the next scenes: even numbers hold the stack."""
        masks = torch.zeros(batch, 3, SIZE, SIZE, dtype=torch.bool)
        layers = torch.zeros(batch, 3, dtype=torch.int64)
        for i in range(batch):
            masks[i, 0, 0:12, 0:12], layers[i, 0] = True, 1
            if (self.next + i) % 2 == 0:
                masks[i, 1, 8:20, 8:20], layers[i, 1] = True, 2
                masks[i, 2, 16:28, 16:28], layers[i, 2] = True, 3
        image = torch.full((batch, 3, SIZE, SIZE), 0.5)
        self.next += batch
        return Scenes(image, masks, layers)


@pytest.fixture
def given():
    """Return a source of scenes given by hand."""
    return Given()


@pytest.fixture
def preset(tmp_path):
    """Return the path of a preset of six tiny steps."""
    content = {**yaml.safe_load((FOLDER / 'paper_16.yaml').read_text()), 'mask_size': 16,
               'multipliers': [1, 2], 'blocks': 1, 'attention_size': 8, 'steps': 6, 'batch': 4,
               'warmup': 1, 'precision': 'float32'}
    path = tmp_path / 'tiny.yaml'
    path.write_text(yaml.safe_dump(content))
    return path
