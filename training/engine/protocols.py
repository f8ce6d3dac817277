"""Protocols: what kind of scenes to compose, read from YAML and checked by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from training.engine import backgrounds
from training.engine.shapes import KINDS
from training.settings import check_ranges, read_named

FOLDER = Path(__file__).with_name('protocols')
GROUPS = ('any', 'source', 'class', 'object')
LEAST_SIZE = 0.07  # share of the image: what is smaller can hardly show what it is
BACKGROUNDS = (*backgrounds.KINDS, backgrounds.PHOTOGRAPH)
SHARES = ('alike', 'camouflage', 'detail', 'shadow', 'procedural_share')
RANGES = {**dict.fromkeys(SHARES, (0, 1)), 'size_spread': (0, 2), 'procedural': (0, 100_000)}


@dataclass(frozen=True)
class Protocol:
    """
    How scenes are made; protocols/*.yaml state why.

    objects      fewest and most objects of a scene; what nobody could label goes afterwards
    size         smallest and largest middle size of a scene's objects, share of the image's side
    size_spread  deviation of the logarithm of sizes within a scene
    crowding     least and largest spread of places; 0.1 is a heap, 0.7 fills the image
    groups       weights of scenes whose objects are drawn from any source, from one source, from
                 one class, or are one object again and again
    alike        share of scenes whose objects are tinted to one colour
    camouflage   share of scenes whose ground has the colour of what lies on it
    detail       share of objects whose surface has finer detail than their pictures hold
    shadow       largest darkness of shadows, 0 to 1
    procedural   drawn objects beside the given cutouts, and of which kinds (empty: all)
    procedural_share  share of scenes' objects that are drawn ones, where cutouts are given
    backgrounds  weights of kinds of background (empty: all alike)
    classes      only these classes of the given cutouts (empty: all)
    """

    name: str
    objects: tuple[int, int]
    size: tuple[float, float]
    size_spread: float
    crowding: tuple[float, float]
    groups: Mapping[str, float]
    alike: float
    camouflage: float
    detail: float
    shadow: float
    procedural: int
    procedural_share: float
    procedural_kinds: tuple[str, ...]
    backgrounds: Mapping[str, float]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise ValueError, naming the setting, for what cannot be composed."""
        for name, least, most in (('objects', 1, 64), ('size', LEAST_SIZE, 1.0),
                                  ('crowding', 0.0, 2.0)):
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                raise ValueError(f'{name} must be [fewest, most] within {least} to {most}, '
                                 f'got [{low}, {high}]')
        images = self.objects[0] * self.size[0] ** 2
        if images > 4:
            raise ValueError(f'{self.objects[0]} objects of side {self.size[0]} cover the image '
                             f'{images:.1f} times, at most 4 leaves any to be seen: lower objects '
                             'or size')
        for name, known in (('groups', GROUPS), ('backgrounds', BACKGROUNDS)):
            given = getattr(self, name)
            if set(given) - set(known) or min(given.values(), default=0) < 0 or \
                    not (sum(given.values()) > 0 or (name == 'backgrounds' and not given)):
                raise ValueError(f'{name} must weigh some of {", ".join(known)}, none below 0, '
                                 f'got {dict(given)}')
        check_ranges(self, RANGES)
        if unknown := sorted(set(self.procedural_kinds) - set(KINDS)):
            raise ValueError(f'procedural_kinds {unknown} are none of {", ".join(KINDS)}')

    @property
    def takes_photographs(self) -> bool:
        """Whether scenes may lie on photographs."""
        return not self.backgrounds or self.backgrounds.get(backgrounds.PHOTOGRAPH, 0) > 0


def read_protocol(name: str) -> Protocol:
    """Return a protocol by name or by path of a YAML file; raises ValueError, naming both."""
    return read_named(Protocol, FOLDER, name)


def read_protocols(names: Iterable[str]) -> dict[str, Protocol]:
    """
    Return protocols by what they were given as, each as `read_protocol`.

    Raises ValueError for two of one name: they would draw the same random numbers.
    """
    found: dict[str, Protocol] = {}
    for given in names:
        protocol = read_protocol(given)
        same = [other for other, known in found.items() if known.name == protocol.name]
        if same:
            raise ValueError(f'{same[0]} and {given} are both of the name '
                             f'{protocol.name}; rename a file')
        found[given] = protocol
    return found


def check_photographs(protocols: Iterable[Protocol]) -> None:
    """Raise ValueError, naming the protocols, if scenes of none may lie on photographs."""
    protocols = list(protocols)
    if not any(protocol.takes_photographs for protocol in protocols):
        names = ', '.join(protocol.name for protocol in protocols)
        raise ValueError(f'photographs for backgrounds are given, and no scene of {names} lies on '
                         f'any: leave them out, or weigh {backgrounds.PHOTOGRAPH} in backgrounds')
