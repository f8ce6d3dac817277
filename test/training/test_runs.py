"""What every run needs: a learner that goes on, a lock, a state that is whole or not there."""

import pytest
import torch
from training.runs import (
    check_same,
    generator_of,
    Learner,
    read_state,
    TrainingError,
    update_average,
    write_state,
)


def test_the_average_follows_at_its_pace():
    mean, now = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(mean.weight, 0.0)
    torch.nn.init.constant_(now.weight, 1.0)
    update_average(mean, now, decay=0.75)
    assert mean.weight.item() == 0.25


def learner():
    """Return a learner of one weight, which is 3."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, 3.0)
    return Learner(model, torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9), ema=0.9)


def test_a_learner_walks_down_a_gradient_no_longer_than_1():
    one = learner()
    norm = one.learn(one.model.weight.square().sum())
    assert norm.item() == pytest.approx(6)
    assert one.model.weight.item() == pytest.approx(2.5)  # half of 1, not of 6
    assert 2.5 < one.average.weight.item() < 3
    assert one.step == 1


def test_a_learner_goes_on_from_the_saved_state_of_another(tmp_path):
    first, second = learner(), learner()
    first.learn(first.model.weight.square().sum())
    write_state(tmp_path / 'state.pt', first.state())
    second.restore(read_state(tmp_path / 'state.pt'))
    for one in (first, second):
        one.learn(one.model.weight.square().sum())
    assert second.step == 2
    assert torch.equal(first.model.weight, second.model.weight)
    assert torch.equal(first.average.weight, second.average.weight)


def test_a_file_that_holds_something_else_is_named(tmp_path):
    path = tmp_path / 'state.pt'
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match=r'state\.pt: cannot be read \(it holds a list\)'):
        read_state(path)


def test_other_settings_are_named(tmp_path):
    check_same(tmp_path, {'ema': 0.9, 'steps': 3}, {'ema': 0.9})
    with pytest.raises(ValueError, match='begun with other values of ema'):
        check_same(tmp_path, {'ema': 0.9}, {'ema': 0.5})


def test_a_state_comes_back_and_none_is_none(tmp_path):
    path = tmp_path / 'state.pt'
    assert read_state(path) is None
    write_state(path, {'step': 7, 'model': {'weight': torch.ones(2)}})
    assert read_state(path)['step'] == 7
    assert list(tmp_path.iterdir()) == [path]


def test_a_gradient_that_is_not_finite_changes_nothing():
    one = learner()
    with pytest.raises(TrainingError, match='step 1: the gradient has norm nan'):
        one.learn(one.model.weight.sum() * float('nan'))
    assert one.step == 0
    assert one.model.weight.item() == one.average.weight.item() == 3


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04 torn', b'\x80\x02]q\x00.'])
def test_a_damaged_state_is_named(tmp_path, content):
    (tmp_path / 'state.pt').write_bytes(content)
    with pytest.raises(ValueError, match=r'state\.pt: cannot be read .*another folder'):
        read_state(tmp_path / 'state.pt')


def test_each_step_and_process_has_numbers_of_its_own():
    drawn = {torch.rand(1, generator=generator_of(0, step, rank, 'cpu')).item()
             for step in range(50) for rank in range(4)}
    assert len(drawn) == 200
