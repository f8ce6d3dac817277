"""A folder is for one process at a time."""

import pytest
from training.locks import locked


def test_a_folder_is_locked_for_one(tmp_path):
    with locked(tmp_path), pytest.raises(ValueError, match='another process works there'):
        locked(tmp_path)
