"""
Amodal COCO: COCO's layout with visible masks, occluders and layers.

    images       id, file_name (relative to the JSON), height, width
    annotations  id, image_id, segmentation (amodal mask: RLE or polygons); optional: occluded_by
                 (ids of direct occluders, Eq. 1's S_i) and layer (Eq. 2)

Layers that are not given follow from occluded_by by Eq. 2.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
import json
import os
from pathlib import Path
from typing import Any
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pycocotools import mask as coco_mask
from seq_amodal_ros.scene import Box, LayeredScene, occlusion_layers, OcclusionCycleError

MAX_PIXELS = 1 << 26
MAX_FILE = 1 << 31


class DatasetError(ValueError):
    """A data set or picture that cannot be used; the message names file and annotation."""


@dataclass(frozen=True)
class Sample:
    """
    One image and its truth.

    path    picture; read it with `load_image`
    masks   amodal masks, bool [N, height, width]
    layers  occlusion layers, int64 [N], counted from 1
    """

    path: Path
    masks: NDArray[np.bool_]
    layers: NDArray[np.int64]


def load_image(path: Path) -> NDArray[np.uint8]:
    """Return a picture as uint8 RGB [height, width, 3], upright; raises DatasetError, naming it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            picture = Image.open(path)
            if picture.width * picture.height > MAX_PIXELS:
                raise DatasetError(f'{path}: {picture.width}x{picture.height} is more than '
                                   f'{MAX_PIXELS} pixels')
            return np.array(ImageOps.exif_transpose(picture).convert('RGB'))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f'{path}: not a readable picture ({error})') from error


def read_amodal_coco(path: Path) -> list[tuple[dict, list[dict]]]:
    """Return each image entry with its annotations; raises DatasetError for a malformed file."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise DatasetError(f'{path}: larger than {MAX_FILE >> 30} GiB')
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DatasetError(f'{path}: cannot be read as JSON ({error})') from error
    images, annotations = (_entries(path, content, key) for key in ('images', 'annotations'))
    by_image: dict[int, list[dict]] = {}
    for image in images:
        _require(path, f'image {image.get("id")}', image,
                 {'id': int, 'file_name': str, 'height': int, 'width': int})
        by_image[image['id']] = []
    for annotation in annotations:
        name = f'annotation {annotation.get("id")}'
        _require(path, name, annotation, {'id': int, 'image_id': int})
        if annotation['image_id'] not in by_image:
            raise DatasetError(f'{path}: {name}: unknown image_id {annotation["image_id"]}')
        by_image[annotation['image_id']].append(annotation)
    return [(image, by_image[image['id']]) for image in images]


def samples(path: Path, limit: int | None = None) -> Iterator[Sample]:
    """
    Yield the samples of an amodal COCO file, one at a time.

    Raises DatasetError, naming file and annotation, for an occlusion cycle, an unknown id, a mask
    whose size is not the image's, an empty mask, a layer that contradicts the occluders, or a
    missing picture.
    """
    for image, annotations in read_amodal_coco(path)[:limit]:
        height, width = image['height'], image['width']
        if not 0 < height * width <= MAX_PIXELS:
            raise DatasetError(f'{path}: image {image["id"]}: size {width}x{height} is not '
                               f'1 to {MAX_PIXELS} pixels')
        picture = path.parent / image['file_name']
        if not picture.is_file():
            raise DatasetError(f'{path}: image {image["id"]}: no file {picture}')
        masks = [_mask(path, annotation, height, width) for annotation in annotations]
        yield Sample(picture, np.array(masks, bool).reshape(len(masks), height, width),
                     _layers(path, annotations))


def annotation_of(annotation_id: int, image_id: int, mask: NDArray[np.bool_],
                  visible: NDArray[np.bool_], layer: int, box: Box,
                  occluded_by: Sequence[int]) -> dict[str, Any]:
    """Return one object as an annotation; masks bool [height, width]."""
    return {'id': annotation_id, 'image_id': image_id, 'category_id': 1, 'iscrowd': 0,
            'segmentation': _rle(mask), 'visible_segmentation': _rle(visible), 'layer': layer,
            'occluded_by': list(occluded_by), 'bbox': [float(v) for v in box],
            'area': int(np.count_nonzero(mask))}


def write_amodal_coco(path: Path, scenes: Mapping[str, LayeredScene]) -> None:
    """Write scenes by their picture's file name (relative to `path`); never half a file."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, (file_name, scene) in enumerate(scenes.items(), start=1):
        images.append({'id': image_id, 'file_name': file_name, 'height': scene.height,
                       'width': scene.width})
        first = len(annotations)
        annotations += [
            annotation_of(first + item.id, image_id, item.mask, scene.visible_mask(item),
                          item.layer, item.box, [first + i for i in item.occluders])
            for item in scene.objects]
    content = {'images': images, 'annotations': annotations,
               'categories': [{'id': 1, 'name': 'object'}]}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        part.write_text(json.dumps(content))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _entries(path: Path, content: Any, key: str) -> list[dict]:
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DatasetError(f'{path}: {key!r} must be a list of objects')
    return entries


def _require(path: Path, name: str, entry: dict, kinds: dict[str, type]) -> None:
    for key, kind in kinds.items():
        if not isinstance(entry.get(key), kind):
            raise DatasetError(f'{path}: {name}: {key!r} is missing or not {kind.__name__}')


def _rle(mask: NDArray[np.bool_]) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {'size': rle['size'], 'counts': rle['counts'].decode('ascii')}


def _mask(path: Path, annotation: dict, height: int, width: int) -> NDArray[np.bool_]:
    name = f'{path}: annotation {annotation["id"]}'
    given: Any = annotation.get('segmentation')
    try:
        if isinstance(given, list):
            rle = coco_mask.merge(coco_mask.frPyObjects(_polygons(given), height, width))
        else:
            size = given['size']
            if list(size) != [height, width]:
                raise DatasetError(f'{name}: mask is {size[1]}x{size[0]}, the image is '
                                   f'{width}x{height}')
            counts = given['counts']
            rle = (coco_mask.frPyObjects(given, height, width) if isinstance(counts, list)
                   else {'size': [height, width], 'counts': counts.encode('ascii')})
        mask = coco_mask.decode(rle).astype(bool)
    except DatasetError:
        raise
    except (TypeError, KeyError, IndexError, ValueError, AttributeError) as error:
        raise DatasetError(f'{name}: segmentation is neither RLE nor polygons ({error})') from error
    if not mask.any():
        raise DatasetError(f'{name}: its amodal mask is empty')
    return mask


def _polygons(given: list) -> list[list[float]]:
    polygons = [[float(value) for value in polygon] for polygon in given]
    if not polygons or not all(len(p) >= 6 and len(p) % 2 == 0 and np.isfinite(p).all()
                               for p in polygons):
        raise ValueError('polygons need three or more points of finite numbers')
    return polygons


def _layers(path: Path, annotations: Sequence[dict]) -> NDArray[np.int64]:
    """Return the given layers, checked against the occluders; else Eq. 2 of the occluders."""
    index = {annotation['id']: i for i, annotation in enumerate(annotations)}
    z = np.zeros((len(index), len(index)), bool)
    for i, annotation in enumerate(annotations):
        for occluder in annotation.get('occluded_by', ()):
            if occluder not in index:
                raise DatasetError(f'{path}: annotation {annotation["id"]}: occluded_by names '
                                   f'{occluder}, which is no annotation of its image')
            z[i, index[occluder]] = True
    try:
        layers = occlusion_layers(z)
    except OcclusionCycleError as error:
        names = ', '.join(f'object {i} is annotation {a["id"]}' for a, i in
                          zip(annotations, index.values()))
        raise DatasetError(f'{path}: {error} ({names})') from error
    for i, annotation in enumerate(annotations):
        layer = annotation.get('layer', layers[i])
        if 'occluded_by' in annotation and layer != layers[i]:
            raise DatasetError(f'{path}: annotation {annotation["id"]}: layer {layer} contradicts '
                               f'its occluders, which make it {layers[i]} (Eq. 2)')
        if not isinstance(layer, (int, np.integer)) or layer < 1:
            raise DatasetError(f'{path}: annotation {annotation["id"]}: layer must be a whole '
                               f'number from 1 up, got {layer!r}')
        layers[i] = layer
    return layers
