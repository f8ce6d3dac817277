"""
Off-screen pictures of meshes by pybullet's TinyRenderer, on any CPU: colour, depth and ids.

The renderer lights white meshes; the colours are put on afterwards from solid textures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import TracebackType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from training.meshes.registry import import_pybullet, MeshError, MeshObject
from training.meshes.textures import Floats, Texture, turned

AWAY = (0.0, 0.0, -1e4)
IDENTITY = (0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Light:
    """A lamp far away: direction towards it [3], strengths 0 to 1, and its colour [3]."""

    direction: Floats
    ambient: float
    diffuse: float
    specular: float
    colour: Floats


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: OpenGL's view and projection matrices [4, 4]."""

    view: Floats
    projection: Floats

    def window(self, left: float, bottom: float, side: float) -> 'Camera':
        """Return the camera that sees only a square of this one's picture, itself -1 to 1."""
        projection = self.projection.copy()
        for row, start in ((0, left), (1, bottom)):
            projection[row] = (2 * projection[row] - (2 * start + side) * projection[3]) / side
        return Camera(self.view, projection)

    def points(self, depth: NDArray[np.float32]) -> Floats:
        """Return the places [height, width, 3] in the world of a depth image, in metres."""
        height, width = depth.shape
        x, y = np.meshgrid((np.arange(width) + 0.5) / width * 2 - 1,
                           1 - (np.arange(height) + 0.5) / height * 2)
        clip = np.stack([x, y, depth * 2.0 - 1, np.ones_like(x)], axis=-1)
        world = turned(clip, np.linalg.inv(self.projection @ self.view))
        return world[..., :3] / world[..., 3:]


@dataclass(frozen=True)
class Picture:
    """
    What the renderer sees.

    shade  float32 [side, side, 3], 0 to 1, of white meshes
    depth  float32 [side, side], 0 (near) to 1 (far plane)
    ids    int32 [side, side], body of each pixel, -1 where there is none
    """

    shade: NDArray[np.float32]
    depth: NDArray[np.float32]
    ids: NDArray[np.int32]


class Stage:
    """A world of pybullet without a window; use it in a `with` statement."""

    def __init__(self) -> None:
        """Open an empty world; raises MeshError if pybullet is missing or opens none."""
        self.bullet = import_pybullet()
        self.client = self.bullet.connect(self.bullet.DIRECT)
        if self.client < 0:
            raise MeshError('pybullet opens no world: too many are open in this process')

    def __enter__(self) -> 'Stage':
        """Return the open world."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the world."""
        self.bullet.disconnect(self.client)

    def load(self, item: MeshObject, size: float | None = None,
             position: Sequence[float] = (0, 0, 0),
             orientation: Sequence[float] = IDENTITY) -> int:
        """
        Return the id of a body made of a mesh, white, its longest side `size` metres.

        Without `size` it is as large as its file says. orientation is a quaternion x, y, z, w.
        Raises MeshError, naming the file, if it does not load.
        """
        scale = 1.0 if size is None else size / extent(item)
        try:
            body = self.bullet.loadURDF(str(item.urdf), position, orientation, globalScaling=scale,
                                        physicsClientId=self.client)
        except self.bullet.error as error:
            raise MeshError(f'{item.urdf}: not a mesh that pybullet loads ({error})') from error
        for shape in self.bullet.getVisualShapeData(body, physicsClientId=self.client):
            self.bullet.changeVisualShape(body, shape[1], rgbaColor=(1, 1, 1, 1),
                                          specularColor=(1, 1, 1), physicsClientId=self.client)
        return body

    def box(self, half: Sequence[float], position: Sequence[float]) -> int:
        """Return the id of a white box that never moves, by half its sides in metres."""
        bullet, client = self.bullet, self.client
        solid = bullet.createCollisionShape(bullet.GEOM_BOX, halfExtents=half,
                                            physicsClientId=client)
        seen = bullet.createVisualShape(bullet.GEOM_BOX, halfExtents=half, rgbaColor=(1, 1, 1, 1),
                                        physicsClientId=client)
        return bullet.createMultiBody(0, solid, seen, position, physicsClientId=client)

    def bounds(self, body: int) -> Floats:
        """Return lowest and highest corner [2, 3] of a body, in metres."""
        return np.array(self.bullet.getAABB(body, physicsClientId=self.client))

    def pose(self, body: int) -> tuple[Floats, Floats]:
        """Return the place [3] of a body's frame and its turn [3, 3]."""
        place, turn = self.bullet.getBasePositionAndOrientation(body, physicsClientId=self.client)
        matrix = self.bullet.getMatrixFromQuaternion(turn)
        return np.array(place), np.array(matrix).reshape(3, 3)

    def picture(self, camera: Camera, light: Light, side: int, shadow: bool = False) -> Picture:
        """Render what is on the stage, `side` pixels a side."""
        _, _, rgba, depth, ids = self.bullet.getCameraImage(
            side, side, camera.view.T.reshape(-1).tolist(),
            camera.projection.T.reshape(-1).tolist(), lightDirection=light.direction.tolist(),
            lightColor=light.colour.tolist(), lightDistance=2, shadow=int(shadow),
            lightAmbientCoeff=light.ambient, lightDiffuseCoeff=light.diffuse,
            lightSpecularCoeff=light.specular, renderer=self.bullet.ER_TINY_RENDERER,
            physicsClientId=self.client)
        shade = np.asarray(rgba, np.uint8).reshape(side, side, 4)[..., :3]
        return Picture((shade / 255).astype(np.float32),
                       np.asarray(depth, np.float32).reshape(side, side),
                       np.asarray(ids, np.int32).reshape(side, side))

    def alone(self, bodies: Sequence[int], camera: Camera, light: Light, side: int,
              ) -> list[Picture]:
        """Render each of `bodies` without the others; all else stays where it is."""
        bullet, client = self.bullet, self.client
        poses = {body: bullet.getBasePositionAndOrientation(body, physicsClientId=client)
                 for body in bodies}
        for body in bodies:
            bullet.resetBasePositionAndOrientation(body, AWAY, IDENTITY, physicsClientId=client)
        pictures = []
        for body in bodies:
            bullet.resetBasePositionAndOrientation(body, *poses[body], physicsClientId=client)
            pictures.append(self.picture(camera, light, side))
            bullet.resetBasePositionAndOrientation(body, AWAY, IDENTITY, physicsClientId=client)
        for body in bodies:
            bullet.resetBasePositionAndOrientation(body, *poses[body], physicsClientId=client)
        return pictures

    def painted(self, picture: Picture, camera: Camera, textures: Mapping[int, Texture],
                ) -> NDArray[np.float32]:
        """Return the picture in colour, float32 [side, side, 3], 0 to 1; textures by body."""
        colour = picture.shade.copy()
        points = camera.points(picture.depth)
        for body, texture in textures.items():
            seen = picture.ids == body
            place, turn = self.pose(body)
            colour[seen] *= texture.colours(turned(points[seen] - place, turn.T))
        return colour


@cache
def extent(item: MeshObject) -> float:
    """Return the longest side of an object's bounding box as its file says, in metres."""
    with Stage() as stage:
        low, high = stage.bounds(stage.load(item))
    return float((high - low).max())


def look_at(eye: ArrayLike, target: ArrayLike, fov: float) -> Camera:
    """Return a camera at `eye` [3] that looks at `target` [3], `fov` degrees wide; metres."""
    bullet = import_pybullet()
    eye, target = np.asarray(eye, float), np.asarray(target, float)
    offset = target - eye
    distance = float(np.linalg.norm(offset))
    up = (0, 1, 0) if abs(offset[2]) > 0.99 * distance else (0, 0, 1)
    view = bullet.computeViewMatrix(eye.tolist(), target.tolist(), up)
    projection = bullet.computeProjectionMatrixFOV(fov, 1, 0.3 * distance, 3 * distance)
    return Camera(np.array(view).reshape(4, 4).T, np.array(projection).reshape(4, 4).T)


def random_light(rng: np.random.Generator, towards: Floats) -> Light:
    """Draw a lamp within about 60 degrees of the direction `towards` [3], so that it lights."""
    away = rng.normal(size=3)
    away *= 1.2 * rng.uniform() / np.linalg.norm(away)
    direction = towards / np.linalg.norm(towards) + away
    ambient, diffuse = rng.uniform(0.3, 0.6), rng.uniform(0.6, 1.1)
    specular = rng.uniform(0, 0.5) * (rng.uniform() < 0.5)
    return Light(direction / np.linalg.norm(direction), ambient, diffuse - 0.5 * ambient, specular,
                 rng.uniform(0.85, 1, 3))


def shrunk(image: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Return an image [height, width, channels], averaged over squares of `factor` pixels."""
    height, width, channels = image.shape
    return image.reshape(height // factor, factor, width // factor, factor, channels).mean((1, 3))
