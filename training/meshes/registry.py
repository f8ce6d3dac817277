"""
The objects: meshes that the wheel of pybullet (zlib licence) brings along, split by object.

A thousand random shapes, and some toys and household things. pybullet is imported only when asked
for, because it has wheels for few platforms.
"""

from dataclasses import dataclass
import hashlib
from pathlib import Path
from types import ModuleType

SPLITS = ('train', 'test')
TEST_EVERY = 5
RANDOM = 1000
BROKEN = (72, 86, 168, 217, 232, 350, 439, 479, 497, 556, 578, 580, 668, 706, 781, 784, 815, 840,
          897)  # of several pieces that do not touch; the vertices of 168 are NaN
EXTRAS = {'block': 'block.urdf', 'domino': 'domino/domino.urdf', 'duck': 'duck_vhacd.urdf',
          'jenga': 'jenga/jenga.urdf', 'lego': 'lego/lego.urdf', 'mug': 'objects/mug.urdf',
          'soccerball': 'soccerball.urdf', 'teddy': 'teddy_vhacd.urdf'}


class MeshError(ValueError):
    """Meshes or settings that cannot be used; the message names them and the way out."""


@dataclass(frozen=True)
class MeshObject:
    """One object: a name that is unique among all, and its URDF file."""

    name: str
    urdf: Path

    @property
    def digest(self) -> int:
        """Return a number of 32 bits that depends on the name alone, on any machine."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], 'big')

    @property
    def split(self) -> str:
        """Return 'test' for about every fifth object, 'train' for the rest."""
        return 'train' if self.digest % TEST_EVERY else 'test'


def mesh_objects(split: str) -> list[MeshObject]:
    """
    Return the objects of a split ('train' or 'test') in a fixed, shuffled order.

    Raises MeshError for an unknown split, or if pybullet or a file of it is missing.
    """
    if split not in SPLITS:
        raise MeshError(f'split {split!r}: there are only {" and ".join(SPLITS)}')
    import_pybullet()
    import pybullet_data
    folder = Path(pybullet_data.getDataPath())
    paths = {f'random {i:03d}': f'random_urdfs/{i:03d}/{i:03d}.urdf'
             for i in range(RANDOM) if i not in BROKEN}
    objects = [MeshObject(name, folder / path) for name, path in {**paths, **EXTRAS}.items()]
    missing = [item.urdf for item in objects if not item.urdf.is_file()]
    if missing:
        raise MeshError(f'{missing[0]}: no such file, of {len(missing)} that pybullet should '
                        'bring: scripts/env pip install --force-reinstall pybullet==3.2.7')
    return sorted((item for item in objects if item.split == split), key=lambda o: o.digest)


def import_pybullet() -> ModuleType:
    """Return the module pybullet; raises MeshError, with the way out, if it is missing."""
    try:
        import pybullet
    except ImportError as error:
        raise MeshError(f'pybullet is missing ({error}): scripts/env pip install '
                        'pybullet==3.2.7; there are wheels for CPython 3.10 and 3.11 on Linux '
                        'x86-64, elsewhere pip compiles it for many minutes') from error
    return pybullet
