"""Dropped objects come to lie on the table, near each other."""

import numpy as np
import pytest
from training.meshes.drop import drop_pile, reach
from training.meshes.registry import mesh_objects
from training.meshes.render import Stage

pytest.importorskip('pybullet', reason='pybullet has wheels only for CPython 3.10 and 3.11 on '
                                       'Linux x86-64')


@pytest.mark.parametrize('seed', range(3))
def test_objects_lie_still_on_the_table(seed):
    with Stage() as stage:
        pile = drop_pile(stage, mesh_objects('train')[:4], np.random.default_rng(seed))
        places = np.array([stage.pose(body)[0] for body in pile.bodies])
        middle, radius = reach(stage, pile)
        for _ in range(24):
            stage.bullet.stepSimulation(physicsClientId=stage.client)
        moved = np.array([stage.pose(body)[0] for body in pile.bodies]) - places
    assert 3 <= len(places) <= 4
    assert (places[:, 2] > 0).all() and (places[:, 2] < 0.3).all()
    assert np.linalg.norm(places[:, :2] - middle[:2], axis=1).max() < radius < 0.6
    assert np.abs(moved).max() < 0.02
