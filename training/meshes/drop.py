"""Physics: objects dropped into a bin or on a table until they lie still."""

from dataclasses import dataclass

import numpy as np
from training.meshes.registry import MeshObject
from training.meshes.render import Stage
from training.meshes.textures import Floats

STEPS_BETWEEN = 90  # of 1/240 s, from one object to the next
STEPS_MOST = 720
STILL = 0.02  # m/s
SIZES = (0.06, 0.14)  # m, the longest side
FLOOR = 0.05  # half the thickness of the table
WALL = 0.006


@dataclass(frozen=True)
class Pile:
    """What lies on the stage: bodies of objects, the table, and the bin's walls (or none)."""

    bodies: list[int]
    table: int
    walls: list[int]


def drop_pile(stage: Stage, items: list[MeshObject], rng: np.random.Generator) -> Pile:
    """Drop the objects one after the other and let them settle; those that roll away are gone."""
    bullet, client = stage.bullet, stage.client
    bullet.setGravity(0, 0, -9.81, physicsClientId=client)
    table = stage.box((2, 2, FLOOR), (0, 0, -FLOOR))
    spread = float(rng.uniform(0.01, 0.04) * np.sqrt(len(items)))
    walls, room = [], 2 * spread + 0.15
    if rng.uniform() < 0.5:
        room = spread + SIZES[1] / 2
        walls = _bin(stage, room, rng.uniform(0.02, 0.05))
    bodies: list[int] = []
    for item in items:
        bodies.append(_dropped(stage, item, bodies, spread, rng))
        for _ in range(STEPS_BETWEEN):
            bullet.stepSimulation(physicsClientId=client)
    _settle(stage, bodies)
    lying = [body for body in bodies if np.abs(stage.pose(body)[0][:2]).max() < 1.5 * room]
    for body in set(bodies) - set(lying):
        bullet.removeBody(body, physicsClientId=client)
    return Pile(lying, table, walls)


def reach(stage: Stage, pile: Pile) -> tuple[Floats, float]:
    """Return the middle [3] of the pile and the radius around it that holds all of it, metres."""
    corners = np.array([stage.bounds(body) for body in pile.bodies])
    low, high = corners[:, 0].min(axis=0), corners[:, 1].max(axis=0)
    return (low + high) / 2, float(np.linalg.norm((high - low)[:2])) / 2


def _bin(stage: Stage, room: float, height: float) -> list[int]:
    """Return four walls around a square, from -room to room."""
    up, far = height / 2, room + WALL
    return [stage.box((WALL, far + WALL, up), (far, 0, up)),
            stage.box((WALL, far + WALL, up), (-far, 0, up)),
            stage.box((room, WALL, up), (0, far, up)), stage.box((room, WALL, up), (0, -far, up))]


def _dropped(stage: Stage, item: MeshObject, bodies: list[int], spread: float,
             rng: np.random.Generator) -> int:
    """Return the body of an object that hangs above all others, turned at random."""
    size = rng.uniform(*SIZES)
    top = max((stage.bounds(body)[1, 2] for body in bodies), default=0.0)
    x, y = rng.normal(size=2).clip(-1.5, 1.5) / 1.5 * spread
    turn = rng.normal(size=4)
    turn /= np.linalg.norm(turn)
    body = stage.load(item, size, (x, y, max(top, 0) + size), tuple(turn))
    stage.bullet.changeDynamics(
        body, -1, mass=0.1, lateralFriction=0.8, rollingFriction=0.003, spinningFriction=0.003,
        restitution=0.1, angularDamping=0.3, linearDamping=0.1, physicsClientId=stage.client)
    return body


def _settle(stage: Stage, bodies: list[int]) -> None:
    """Step on until nothing moves, or STEPS_MOST are over."""
    bullet, client = stage.bullet, stage.client
    for step in range(STEPS_MOST):
        bullet.stepSimulation(physicsClientId=client)
        if step % 20 == 0 and all(
                np.linalg.norm(bullet.getBaseVelocity(body, physicsClientId=client)[0]) < STILL
                for body in bodies):
            return
