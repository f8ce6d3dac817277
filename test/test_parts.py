"""The parts of a layer: what belongs together, and what it holds for sure."""

import numpy as np
import pytest
from seq_amodal_ros.parts import CLEAR, HINT, next_bar, separated, SURE, sure_parts

SIZE, LEAST = 24, 5


def painted(*squares):
    """Return a map that is, in squares of 6 pixels at (row, column), of a value; else 0."""
    field = np.zeros((SIZE, SIZE), np.float32)
    for row, column, value in squares:
        field[row:row + 6, column:column + 6] = value
    return field


def numbers(field, seams=None):
    """Return the parts' numbers of a map."""
    return separated(field > 0.5, seams, LEAST)


def kept(probability, covered=None, seams=None):
    """Return the values that are left of a map after what is unsure is put off, without 0."""
    covered = np.zeros((SIZE, SIZE), bool) if covered is None else covered
    left = probability * sure_parts(probability, covered, seams, LEAST)[0]
    return sorted(np.unique(left[left > 0.5]).tolist())


SAFE, LIKELY, DOUBTFUL, FAINT = (
    np.float32(value).item() for value in (SURE + 0.1, SURE - 0.1, HINT + 0.03, HINT - 0.03))


def test_every_pixel_of_a_mask_belongs_to_one_part_and_none_beside_it():
    field = painted((0, 0, 1), (12, 12, 1))
    labels = numbers(field)
    assert ((labels > 0) == (field > 0.5)).all()
    assert sorted(np.unique(labels)) == [0, 1, 2]


def test_a_seam_that_no_part_needs_changes_nothing():
    field = painted((0, 0, 1), (12, 12, 1))
    assert (numbers(field, painted((0, 12, 1))) == numbers(field)).all()


def test_a_seam_parts_what_hangs_together():
    field, seams = painted((6, 6, 1), (6, 12, 1)), np.zeros((SIZE, SIZE), np.float32)
    seams[:, 11:13] = 1
    labels = numbers(field, seams)
    assert (labels[6:12, 6:12] == labels[6, 6]).all()
    assert (labels[6:12, 12:18] == labels[6, 17]).all()
    assert labels[6, 6] != labels[6, 17]


def test_what_may_lie_deeper_is_put_off():
    assert kept(painted((0, 0, SAFE), (12, 12, DOUBTFUL))) == [SAFE]


def test_all_that_is_sure_stays():
    assert kept(painted((0, 0, SAFE), (12, 12, 1))) == [SAFE, 1.0]


def test_where_nothing_is_sure_the_surest_goes():
    assert kept(painted((0, 0, LIKELY), (12, 12, DOUBTFUL))) == [LIKELY]


def test_a_part_alone_goes_though_unsure():
    assert kept(painted((0, 0, DOUBTFUL))) == [DOUBTFUL]


def test_hints_of_objects_are_none():
    assert kept(painted((0, 0, FAINT))) == []
    assert kept(painted((0, 0, FAINT), (12, 12, FAINT))) == []
    assert kept(painted((0, 0, DOUBTFUL), (12, 12, FAINT))) == [DOUBTFUL]


def test_after_a_hint_the_next_answer_must_be_clearer():
    between = (HINT + CLEAR) / 2
    answer, covered = painted((0, 0, between)), np.zeros((SIZE, SIZE), bool)
    bar, seen = HINT, []
    for _ in range(2):
        mask, surest = sure_parts(answer, covered, None, LEAST, bar)
        seen.append(bool((answer * mask > 0).any()))
        bar = next_bar(surest)
    assert seen == [True, False]
    assert surest == pytest.approx(between)
    assert next_bar(CLEAR) == HINT


def test_a_scrap_is_never_the_surest():
    field = painted((0, 0, LIKELY))
    field[20, 20] = 1
    assert kept(field) == [LIKELY]


def test_objects_that_touch_are_put_off_one_by_one():
    seams = np.zeros((SIZE, SIZE), np.float32)
    seams[:, 11:13] = 1
    touching = painted((6, 6, SAFE), (6, 12, DOUBTFUL))
    assert kept(touching, seams=seams) == [SAFE]
    assert kept(painted((6, 6, 1), (6, 12, DOUBTFUL))) == [DOUBTFUL, 1.0]  # without one: its mean


def test_what_is_hidden_need_not_be_sure():
    field, covered = painted((0, 0, SAFE), (12, 12, DOUBTFUL)), np.zeros((SIZE, SIZE), bool)
    field[12:18, 12:14] = SAFE
    covered[12:18, 14:] = True
    assert kept(field, covered) == [DOUBTFUL, SAFE]


def test_a_blank_answer_stays_blank():
    assert kept(np.full((SIZE, SIZE), 0.2, np.float32)) == []


def test_a_slanting_seam_of_one_pixel_parts():
    field = np.zeros((SIZE, SIZE), np.float32)
    field[4:16, 4:16] = 1
    labels = numbers(field, np.eye(SIZE, dtype=np.float32))
    assert labels[4, 15] != labels[15, 4]


def test_numbers_go_on_after_a_part_that_a_seam_parted():
    seams = np.zeros((SIZE, SIZE), np.float32)
    seams[:6, 11:13] = 1
    labels = numbers(painted((0, 6, 1), (0, 12, 1), (14, 6, 1)), seams)
    assert len({labels[0, 6], labels[0, 17], labels[14, 6]}) == 3


def test_what_is_covered_wholly_is_judged_all_the_same():
    assert kept(painted((0, 0, SAFE)), np.ones((SIZE, SIZE), bool)) == [SAFE]
