"""COCO-style annotations under foreign keys: masks and order by a key map; what a file holds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.evaluation.amodal_coco import image_size, read_entries, read_occluders
from seq_amodal_ros.evaluation.coco_masks import read_mask
from seq_amodal_ros.evaluation.photographs import load_image
from seq_amodal_ros.evaluation.sample import DatasetError
from seq_amodal_ros.scene import area_at
from training.datasets.keymap import DEPTHS, KeyMap, value_at
from training.datasets.preprocess import crop_box, Masks, prepare, Prepared, shrink_image
from training.engine.scenes import MIN_OVERLAP
from training.masks import shrink_mask

MAX_OBJECTS = 1000  # of an image
MAX_NUMBER = 2 ** 53  # up to here, whole numbers stay apart as float64


@dataclass(frozen=True)
class Source:
    """A COCO-style file, the folder of its pictures, and its key map."""

    path: Path
    images: Path
    keys: KeyMap


def read_scene(source: Source, image: dict, annotations: Sequence[dict]) -> Prepared | str:
    """
    Return an image entry and its annotations, preprocessed, or in words why it is left out.

    Raises DatasetError, naming file, id and key, for what cannot be used. Of large masks only one
    is held at a time.
    """
    keys, path = source.keys, source.path
    height, width = image_size(path, image)
    if len(annotations) > MAX_OBJECTS:
        raise DatasetError(f'{path}: image {image["id"]}: {len(annotations)} annotations are more '
                           f'than {MAX_OBJECTS}')
    for annotation in annotations:
        if annotation.get('iscrowd'):
            raise DatasetError(f'{path}: annotation {annotation["id"]}: iscrowd marks a group of '
                               'objects; only single ones have a place in the order')
    front = _front(source, annotations)
    box = crop_box(height, width, keys.crop)
    picture = _picture(source, image, (height, width))[box.slices]
    kept, masks, visible = [], [], []
    for i, annotation in enumerate(annotations):
        mask = _amodal(source, annotation, height, width)[box.slices]
        if mask.any():
            kept.append(i)
            masks.append(shrink_mask(mask, keys.size))
            if keys.visible:
                visible.append(shrink_mask(
                    _visible(source, annotation, height, width)[box.slices], keys.size))
    shape = (len(kept), keys.size, keys.size)
    amodal, front = np.array(masks, bool).reshape(shape), front[np.ix_(kept, kept)]
    _check_order(source, [annotations[i] for i in kept], amodal, front)
    return prepare(shrink_image(picture, keys.size), amodal,
                   np.array(visible, bool).reshape(shape) if keys.visible else None, front, keys)


def _picture(source: Source, image: dict, shape: tuple[int, int]) -> NDArray[np.uint8]:
    name = f'{source.path}: image {image["id"]}: file_name'
    path = source.images / image['file_name']
    try:
        there = path.is_file()
    except OSError as error:  # such as a name that no file has
        raise DatasetError(f'{name}: {error}') from error
    if not there:
        raise DatasetError(f'{name}: no file {path}; --images is the folder that it starts from')
    try:
        picture = load_image(path)
    except DatasetError as error:
        raise DatasetError(f'{name}: {error}') from error
    if picture.shape[:2] != shape:
        raise DatasetError(f'{name}: {path} is {picture.shape[1]}x{picture.shape[0]}, height and '
                           f'width say {shape[1]}x{shape[0]}')
    return picture


def _value(source: Source, annotation: dict, setting: str, key: str) -> Any:
    value = value_at(annotation, key)
    if value is None:
        raise DatasetError(
            f'{source.path}: annotation {annotation["id"]}: key {key!r} ({setting} in '
            f'{source.keys.name}.yaml) is missing; it has {", ".join(sorted(annotation))}; give '
            '--keys a map of the keys that --describe prints')
    return value


def _amodal(source: Source, annotation: dict, height: int, width: int) -> Masks:
    key, name = source.keys.amodal, f'{source.path}: annotation {annotation["id"]}'
    mask = read_mask(_value(source, annotation, 'amodal', key), height, width, name, key)
    if not mask.any():
        raise DatasetError(f'{name}: {key}: its amodal mask is empty')
    return mask


def _visible(source: Source, annotation: dict, height: int, width: int) -> Masks:
    key, name = source.keys.visible, f'{source.path}: annotation {annotation["id"]}'
    given = _value(source, annotation, 'visible', key)
    if given == []:  # no polygon: nothing shows
        return np.zeros((height, width), bool)
    return read_mask(given, height, width, name, key)


def _front(source: Source, annotations: Sequence[dict]) -> Masks:
    """Return who is in front of whom by the key map, bool [N, N]: [i, j] if j is before i."""
    key, order = source.keys.order_key, source.keys.order
    given = [_value(source, annotation, 'order_key', key) for annotation in annotations]
    if order == 'occluded_by':
        return read_occluders(source.path, [a['id'] for a in annotations], given, key)
    for annotation, value in zip(annotations, given):
        if type(value) not in (int, float) or not abs(value) < MAX_NUMBER:
            raise DatasetError(f'{source.path}: annotation {annotation["id"]}: {key} must be a '
                               f'number, got {value!r}')
    numbers = np.array(given, np.float64) * (-1 if order == 'larger_nearer' else 1)
    return numbers[None] < numbers[:, None]


def _check_order(source: Source, annotations: Sequence[dict], masks: Masks, front: Masks) -> None:
    """Raise DatasetError if two objects overlap (unless depths: more than graze) without order."""
    key, order, size = source.keys.order_key, source.keys.order, source.keys.size
    flat = masks.reshape(len(masks), size ** 2).astype(np.float32)
    graze, known = area_at(MIN_OVERLAP, size, size), front | front.T
    if order == 'occluded_by':  # whoever counted grazes did so at another size
        graze, known = 2 * graze, _reached(front) | _reached(front).T
    least = 1 if order in DEPTHS else graze
    unknown = np.argwhere(np.tril(flat @ flat.T >= least, -1) & ~known)
    if len(unknown):
        one, other = (annotations[i]['id'] for i in unknown[0])
        why = f'and that of annotation {other} name neither other' if order == 'occluded_by' else \
            f'is the same as that of annotation {other}'
        raise DatasetError(f'{source.path}: annotation {one}: {key} {why}, and they overlap: which '
                           'one is in front?')


def _reached(front: Masks) -> Masks:
    """Return who is in front of whom through others as well, bool [N, N]."""
    reached = front.copy()
    for middle in range(len(front)):
        reached |= np.outer(reached[:, middle], reached[middle])
    return reached


def describe(path: Path) -> str:
    """Return the keys of a COCO-style file's annotations, one a line, with an example's type."""
    entries, faults = read_entries(path)
    annotations = [annotation for _, owned in entries for annotation in owned]
    count: Counter[str] = Counter()
    example: dict[str, str] = {}
    for annotation in annotations:
        for key, value in _flat(annotation):
            count[key] += 1
            example.setdefault(key, _kind(value))
    lines = [f'{path}: {len(entries)} images, {len(annotations)} annotations, {len(faults)} faults',
             *faults[:1]]
    return '\n'.join(lines + [f'  {key}: {example[key]}, in {count[key]}' for key in count])


def _flat(entry: dict, before: str = '', depth: int = 4) -> list[tuple[str, Any]]:
    found = []
    for key, value in entry.items():
        if isinstance(value, dict) and 'counts' not in value and depth:
            found += _flat(value, f'{before}{key}.', depth - 1)
        else:
            found.append((f'{before}{key}', value))
    return found


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return f'RLE of size {value.get("size")}' if 'counts' in value else 'keys within keys'
    if isinstance(value, list):
        inner = sorted({type(item).__name__ for item in value}) or ['nothing']
        what = 'polygons' if inner == ['list'] else f'list of {" and ".join(inner)}'
        return f'{what}, {len(value)} long'
    return f'{type(value).__name__}, such as {str(value)[:40]!r}' if value is not None else 'null'
