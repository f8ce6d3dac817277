"""What every run needs: averaged weights, a lock, a state that is whole or not there."""

import pytest
import torch
from training.runs import locked, read_state, update_average, write_state


def test_the_average_follows_at_its_pace():
    mean, now = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(mean.weight, 0.0)
    torch.nn.init.constant_(now.weight, 1.0)
    update_average(mean, now, decay=0.75)
    assert mean.weight.item() == 0.25


def test_a_state_comes_back_and_none_is_none(tmp_path):
    path = tmp_path / 'state.pt'
    assert read_state(path) is None
    write_state(path, {'step': 7, 'model': {'weight': torch.ones(2)}})
    assert read_state(path)['step'] == 7
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_locked_for_one(tmp_path):
    with locked(tmp_path), pytest.raises(ValueError, match='another process works there'):
        locked(tmp_path)
