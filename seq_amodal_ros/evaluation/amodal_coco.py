"""
Amodal COCO: COCO's layout with visible masks, occluders and layers.

    images       id, file_name (relative to the JSON), height, width
    annotations  id, image_id, segmentation (amodal mask: RLE or polygons); optional: occluded_by
                 (ids of direct occluders, Eq. 1's S_i) and layer (Eq. 2); written beside: score,
                 0 to 1, as in COCO's results; 1 in a truth

Layers that are not given follow from occluded_by by Eq. 2.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.evaluation.coco_masks import read_mask, rle_of
from seq_amodal_ros.evaluation.photographs import load_image
from seq_amodal_ros.evaluation.sample import DatasetError, Sample
from seq_amodal_ros.files import written_atomic
from seq_amodal_ros.scene import (
    Box,
    LayeredScene,
    MAX_PIXELS,
    occluded_by_layers,
    occlusion_layers,
    OcclusionCycleError,
)

MAX_FILE = 1 << 31
MAX_LAYER = 1000
MAX_MASK_PIXELS = 1 << 31  # of all masks of an image


def read_amodal_coco(path: Path) -> list[tuple[dict, list[dict]]]:
    """Return each image entry with its annotations; raises DatasetError for a malformed file."""
    images, faults = read_entries(path)
    if faults:
        raise DatasetError(faults[0])
    return images


def read_entries(path: Path) -> tuple[list[tuple[dict, list[dict]]], list[str]]:
    """
    Return each sound image entry with its annotations, and what is wrong with the others.

    An image is sound if it and its annotations have the keys that every COCO file has, and no id
    comes twice. Raises DatasetError if the file is not COCO at all.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise DatasetError(f'{path}: larger than {MAX_FILE >> 30} GiB')
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f'{path}: cannot be read as JSON ({error})') from error
    by_image, faults = _by_image(path, _entries(path, content, 'images'))
    return _with_annotations(path, _entries(path, content, 'annotations'), by_image, faults)


def image_size(path: Path, image: dict) -> tuple[int, int]:
    """Return an image entry's height and width; raises DatasetError if they cannot be."""
    height, width = image['height'], image['width']
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise DatasetError(f'{path}: image {image["id"]}: size {width}x{height} is not '
                           f'1 to {MAX_PIXELS} pixels')
    return height, width


def samples(path: Path, limit: int | None = None) -> Iterator[Sample]:
    """
    Yield the samples of an amodal COCO file, one at a time.

    Raises DatasetError, naming file and annotation, for an occlusion cycle, an unknown id, a mask
    whose size is not the image's, a polygon that leaves the image, an empty mask, a layer that
    contradicts the occluders, an id that comes twice, or a missing picture.
    """
    for image, annotations in read_amodal_coco(path)[:limit]:
        height, width = image_size(path, image)
        picture = path.parent / image['file_name']
        if not picture.is_file():
            raise DatasetError(f'{path}: image {image["id"]}: no file {picture}')
        if len(annotations) * height * width > MAX_MASK_PIXELS:
            raise DatasetError(f'{path}: image {image["id"]}: {len(annotations)} masks of '
                               f'{width}x{height} are more than {MAX_MASK_PIXELS:,} pixels')
        masks = [_mask(path, annotation, height, width) for annotation in annotations]
        stack = np.array(masks, bool).reshape(len(masks), height, width)
        layers, z = _order(path, annotations)
        if z is None:
            z = occluded_by_layers(masks, layers.tolist())
        yield Sample(stack, layers, z, str(picture), partial(load_image, picture))


def read_occluders(path: Path, ids: Sequence[int], occluded_by: Sequence[Any], key: str,
                   ) -> NDArray[np.bool_]:
    """
    Return Z of Eq. 1, bool [N, N], of N annotations and the ids that each gives under `key`.

    Raises DatasetError, naming file and annotation, for what is no list of ids of the same image,
    and for an occlusion cycle.
    """
    index = {number: i for i, number in enumerate(ids)}
    z = np.zeros((len(ids), len(ids)), bool)
    for i, given in enumerate(occluded_by):
        name = f'{path}: annotation {ids[i]}: {key}'
        if not isinstance(given, list) or not all(isinstance(item, int) for item in given):
            raise DatasetError(f'{name} must be a list of annotation ids, got {given!r}')
        for occluder in given:
            if occluder not in index:
                raise DatasetError(f'{name} names {occluder}, which is no annotation of its image')
            z[i, index[occluder]] = True
    try:
        occlusion_layers(z)
    except OcclusionCycleError as error:
        names = ', '.join(f'object {i} is annotation {number}' for number, i in index.items())
        raise DatasetError(f'{path}: {key}: {error} ({names})') from error
    return z


def annotation_of(annotation_id: int, image_id: int, mask: NDArray[np.bool_],
                  visible: NDArray[np.bool_], layer: int, box: Box,
                  occluded_by: Sequence[int]) -> dict[str, Any]:
    """Return one object as an annotation; masks bool [height, width]."""
    return {'id': annotation_id, 'image_id': image_id, 'category_id': 1, 'iscrowd': 0,
            'segmentation': rle_of(mask), 'visible_segmentation': rle_of(visible), 'layer': layer,
            'occluded_by': list(occluded_by), 'bbox': [float(v) for v in box],
            'area': int(np.count_nonzero(mask))}


def write_amodal_coco(path: Path, scenes: Mapping[str, LayeredScene],
                      visible: Mapping[str, NDArray[np.bool_]] | None = None) -> None:
    """
    Write scenes by their picture's file name (relative to `path`); never half a file.

    visible  what shows of each object, bool [N, height, width], where objects are no flat layers
             and it is not what those in front leave
    """
    write_entries(path, entries_of(scenes.items(), visible or {}))


def write_entries(path: Path, entries: Iterable[tuple[dict, list[dict]]],
                  description: str = '') -> None:
    """
    Write images with their annotations, one after the other; never half a file.

    The description is COCO's own, in its `info`.
    """
    images: list[dict] = []
    with written_atomic(path) as stream:
        stream.write(_head(description) + '"annotations": [')
        comma = ''
        for image, annotations in entries:
            images.append(image)
            for annotation in annotations:
                stream.write(comma + json.dumps(annotation))
                comma = ',\n'
        stream.write(f'], "images": {json.dumps(images)}, '
                     '"categories": [{"id": 1, "name": "object"}]}')


def _head(description: str) -> str:
    return '{' + (f'"info": {json.dumps({"description": description})}, ' if description else '')


def is_described(path: Path, description: str) -> bool:
    """Return whether `write_entries` wrote the file under that description."""
    head = _head(description)
    with path.open(errors='replace') as stream:
        return stream.read(len(head)) == head


def entries_of(scenes: Iterable[tuple[str, LayeredScene]],
               visible: Mapping[str, NDArray[np.bool_]]) -> Iterator[tuple[dict, list[dict]]]:
    """Yield each picture's file name and scene as an image entry with its annotations."""
    first = 0
    for image_id, (file_name, scene) in enumerate(scenes, start=1):
        shown = visible[file_name] if file_name in visible else \
            [scene.visible_mask(item) for item in scene.objects]
        yield ({'id': image_id, 'file_name': file_name, 'height': scene.height,
                'width': scene.width},
               [{**annotation_of(first + item.id, image_id, item.mask, mask, item.layer, item.box,
                                 [first + i for i in item.occluders]),
                 'score': round(item.score, 4)}
                for item, mask in zip(scene.objects, shown)])
        first += max((item.id for item in scene.objects), default=0)


def _entries(path: Path, content: Any, key: str) -> list[dict]:
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DatasetError(f'{path}: {key!r} must be a list of objects')
    return entries


def _by_image(path: Path, images: list[dict]) -> tuple[dict[int, dict | None], list[str]]:
    """Return the image entries by their id, None for those that cannot be used, and why."""
    found: dict[int, dict | None] = {}
    faults = []
    for image in images:
        number, name = image.get('id'), f'{path}: image {image.get("id")}'
        fault = _lacking(name, image, {'id': int, 'file_name': str, 'height': int, 'width': int})
        if not fault and number in found:
            fault = f'{name}: another image has the same id'
        if fault:
            faults.append(fault)
        if isinstance(number, int):
            found[number] = None if fault else image
    return found, faults


def _with_annotations(path: Path, annotations: list[dict], images: dict[int, dict | None],
                      faults: list[str]) -> tuple[list[tuple[dict, list[dict]]], list[str]]:
    """Return the images that are left with their annotations, and all faults."""
    owned: dict[int, list[dict]] = {number: [] for number in images}
    owner: dict[int, int] = {}
    bad = {number for number, image in images.items() if image is None}
    for annotation in annotations:
        number, name = annotation.get('image_id'), f'{path}: annotation {annotation.get("id")}'
        fault = _lacking(name, annotation, {'id': int, 'image_id': int})
        if not fault and number not in owned:
            fault = f'{name}: unknown image_id {number}'
        elif not fault and annotation['id'] in owner:
            fault = f'{name}: another annotation has the same id'
            bad.add(owner[annotation['id']])
        if fault:
            faults.append(fault)
            bad |= {number} if isinstance(number, int) else set()
        else:
            owner[annotation['id']] = annotation['image_id']
            owned[annotation['image_id']].append(annotation)
    return [(image, owned[number]) for number, image in images.items()
            if image is not None and number not in bad], faults


def _lacking(name: str, entry: dict, kinds: dict[str, type]) -> str:
    """Return what is wrong with an entry's keys, or nothing."""
    for key, kind in kinds.items():
        if type(entry.get(key)) is not kind:  # true and false are whole numbers to Python
            return f'{name}: {key!r} is missing or not {kind.__name__}'
    return ''


def _mask(path: Path, annotation: dict, height: int, width: int) -> NDArray[np.bool_]:
    name = f'{path}: annotation {annotation["id"]}'
    if annotation.get('iscrowd'):
        raise DatasetError(f'{name}: iscrowd marks a group of objects; only single ones have a '
                           'layer')
    mask = read_mask(annotation.get('segmentation'), height, width, name, 'segmentation')
    if not mask.any():
        raise DatasetError(f'{name}: its amodal mask is empty')
    return mask


def _order(path: Path, annotations: Sequence[dict],
           ) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    """
    Return the given layers, checked against the occluders, else Eq. 2 of the occluders; and Z.

    Z of Eq. 1 is None where an annotation has a layer alone.
    """
    z = read_occluders(
        path, [annotation['id'] for annotation in annotations],
        [annotation.get('occluded_by', []) for annotation in annotations], 'occluded_by')
    layers = occlusion_layers(z)
    for i in np.argsort(layers, kind='stable').tolist():  # occluders come before what they hide
        annotation = annotations[i]
        if not {'layer', 'occluded_by'} & set(annotation):
            raise DatasetError(f'{path}: annotation {annotation["id"]} has neither layer nor '
                               'occluded_by: this is COCO without an order')
        follows = 1 + int(layers[z[i]].max(initial=0))
        layer = annotation.get('layer', follows)
        if 'occluded_by' in annotation and layer != follows:
            raise DatasetError(f'{path}: annotation {annotation["id"]}: layer {layer} contradicts '
                               f'its occluders, which make it {follows} (Eq. 2)')
        if isinstance(layer, bool) or not isinstance(layer, (int, np.integer)) or \
                not 1 <= layer <= MAX_LAYER:
            raise DatasetError(f'{path}: annotation {annotation["id"]}: layer must be a whole '
                               f'number from 1 to {MAX_LAYER}, got {layer!r}')
        layers[i] = layer
    return layers, z if all('occluded_by' in each for each in annotations) else None
