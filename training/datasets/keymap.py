"""Key maps: under which keys a data set's annotations hold masks and order, read from YAML."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.settings import check_ranges, read_named

FOLDER = Path(__file__).with_name('keymaps')
DEPTHS = ('smaller_nearer', 'larger_nearer')
ORDERS = ('occluded_by', 'layer', *DEPTHS)
CROPS = ('none', 'left', 'centre')
TEXTS = ('amodal', 'order', 'order_key', 'crop')
BOUNDS = {'size': (8, 512), 'min_visible': (1, 512 ** 2), 'max_layers': (1, 64)}


@dataclass(frozen=True)
class KeyMap:
    """
    Where annotations hold what, and how images are preprocessed; keymaps/*.yaml state why.

    Keys within keys are joined by dots, as in attributes.depth.

    amodal       key of the amodal mask
    visible      key of the visible mask; empty: it is what no object in front covers
    order        what tells who is in front: occluded_by (ids of those in front), layer (1 = nothing
                 lies on it), or a number of which the smaller or the larger one is nearer
    order_key    key of that
    crop         none (squeezed to a square), left or centre: a square as long as the short edge
    size         side of the result, pixels
    min_visible  images with an object that shows fewer pixels of the result are left out
    max_layers   images with more layers are left out
    """

    name: str
    amodal: str
    visible: str
    order: str
    order_key: str
    crop: str
    size: int
    min_visible: int
    max_layers: int

    def __post_init__(self) -> None:
        """Raise ValueError, naming the setting, for what cannot be."""
        for setting in TEXTS:
            if not getattr(self, setting):
                raise ValueError(f'{setting} must be a word, got nothing')
        for setting, words in (('order', ORDERS), ('crop', CROPS)):
            if getattr(self, setting) not in words:
                raise ValueError(f'{setting} must be one of {", ".join(words)}, '
                                 f'got {getattr(self, setting)}')
        check_ranges(self, BOUNDS)

    @property
    def settings(self) -> dict[str, Any]:
        """Return all that the result depends on."""
        return {key: value for key, value in asdict(self).items() if key != 'name'}


def read_keymap(name: str) -> KeyMap:
    """Return a key map by name or by path of a YAML file; raises ValueError, naming it."""
    return read_named(KeyMap, FOLDER, name)


def value_at(annotation: dict, key: str) -> Any:
    """Return what an annotation holds under a key, dotted if nested; None if there is none."""
    value: Any = annotation
    for part in key.split('.'):
        value = value.get(part) if isinstance(value, dict) else None
    return value
