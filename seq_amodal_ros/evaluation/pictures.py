"""Pictures for people: layers side by side, hypotheses, uncertainty. All uint8 RGB."""

from collections.abc import Sequence
import colorsys
from dataclasses import replace
import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from seq_amodal_ros.scene import AmodalObject, LayeredScene, Mask

Rgb = NDArray[np.uint8]
PANEL = 320  # width of a panel, pixels
TALLEST = 2 * PANEL  # height of one; a taller picture is narrower than its panel
CAPTION = 26  # height of its caption, pixels
_INK, _PAPER = (30, 30, 30), (255, 255, 255)


def colour(index: int) -> tuple[int, int, int]:
    """Return the colour of object or layer `index`: neighbours differ by the golden angle."""
    red, green, blue = colorsys.hsv_to_rgb((0.58 + index * 0.381966) % 1, 0.75, 1.0)
    return int(255 * red), int(255 * green), int(255 * blue)


def png(picture: Rgb) -> bytes:
    """Return a picture, uint8 [height, width, 3], as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, 'png')
    return file.getvalue()


def draw_layers(image: Rgb, scene: LayeredScene, layer: int | None = None) -> Rgb:
    """
    Return the image with its objects' amodal masks, of one layer or, front on top, of all.

    A layer's objects bear id and score. Hidden parts are outlined but not filled when all layers
    are drawn.
    """
    if layer is None:
        return _filled(image, scene, [item.id for item in scene.objects])
    canvas = (image * 0.45).astype(np.uint8)
    chosen = [item for item in scene.objects if item.layer == layer]
    for item in reversed(chosen):
        _fill(canvas, item.mask, colour(item.id))
        _outline(canvas, item.mask, colour(item.id))
    for item in chosen:
        _label(canvas, [str(item.id), f'{item.score:.2f}'], _anchor(scene, item))
    return canvas


def draw_by_layer(image: Rgb, scene: LayeredScene) -> Rgb:
    """Return the image with its objects' amodal masks, each in its layer's colour and number."""
    return _filled(image, scene, [item.layer for item in scene.objects])


def _filled(image: Rgb, scene: LayeredScene, numbers: Sequence[int]) -> Rgb:
    """Return the image, visible parts filled and masks outlined, each object with its number."""
    canvas = image.copy()
    numbered = list(zip(scene.objects, numbers))
    for item, number in reversed(numbered):
        _fill(canvas, scene.visible_mask(item), colour(number))
    for item, number in reversed(numbered):
        _outline(canvas, item.mask, colour(number))
    for item, number in numbered:
        _label(canvas, [str(number)], _anchor(scene, item))
    return canvas


def _fill(canvas: Rgb, mask: Mask, tone: tuple[int, int, int]) -> None:
    canvas[mask] = (0.5 * canvas[mask] + 0.5 * np.array(tone)).astype(np.uint8)


def _anchor(scene: LayeredScene, item: AmodalObject) -> Mask:
    """Return where an object's label belongs: on what is visible, if anything is."""
    visible = scene.visible_mask(item)
    return visible if visible.any() else item.mask


def draw_hypothesis(image: Rgb, scene: LayeredScene, k: int) -> Rgb:
    """Return the dimmed image with every object's k-th hypothesis outlined."""
    canvas = (image * 0.45).astype(np.uint8)
    for item in reversed(scene.objects):
        _outline(canvas, item.hypotheses[k], colour(item.id))
    return canvas


def draw_uncertainty(image: Rgb, scene: LayeredScene) -> Rgb:
    """Return the grey image, warm where the hypotheses disagree."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) * 0.5
    uncertainty = scene.uncertainty()
    heat = cv2.applyColorMap((uncertainty * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    strength = np.sqrt(uncertainty)[..., None]
    return (grey * (1 - strength) + cv2.cvtColor(heat, cv2.COLOR_BGR2RGB) * strength
            ).astype(np.uint8)


def overview(image: Rgb, scene: LayeredScene) -> Rgb:
    """Return one sheet: input, all layers, uncertainty; each layer; each hypothesis."""
    small = _fitted(image)
    scene = _scaled(scene, *small.shape[:2]) if small.shape != image.shape else scene
    rows = [[('input', small), (f'objects: {len(scene.objects)}, layers: {scene.depth}',
                                draw_layers(small, scene)),
             ('where the hypotheses disagree', draw_uncertainty(small, scene))]]
    rows.append([(f'layer {i}' + (': nothing lies on these' if i == 1 else ''),
                  draw_layers(small, scene, i)) for i in range(1, scene.depth + 1)])
    count = min((len(item.hypotheses) for item in scene.objects), default=0)
    rows.append([(f'hypothesis {k + 1}', draw_hypothesis(small, scene, k)) for k in range(count)])
    return _sheet([row for row in rows if row])


def _sheet(rows: Sequence[Sequence[tuple[str, Rgb]]]) -> Rgb:
    """Stack rows of captioned panels on white; long rows wrap."""
    columns = 4 if max(len(row) for row in rows) > 3 else 3
    wrapped = [row[i:i + columns] for row in rows for i in range(0, len(row), columns)]
    height, width = wrapped[0][0][1].shape[:2]
    size = (len(wrapped) * (height + CAPTION), columns * (PANEL + 4) - 4, 3)
    sheet = np.full(size, 255, np.uint8)
    for y, row in enumerate(wrapped):
        for x, (caption, panel) in enumerate(row):
            top, left = y * (height + CAPTION), x * (PANEL + 4)
            cv2.putText(sheet, caption, (left + 4, top + 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK,
                        1, cv2.LINE_AA)
            sheet[top + CAPTION:top + CAPTION + height, left:left + width] = panel
    return sheet


def _fitted(image: Rgb) -> Rgb:
    scale = min(PANEL / image.shape[1], TALLEST / image.shape[0])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    resized = cv2.resize(image, (width, height),
                         interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return np.asarray(resized, np.uint8)


def _scaled(scene: LayeredScene, height: int, width: int) -> LayeredScene:
    """Return the scene at another size; objects that vanish in it are left out."""
    def resized(mask: Mask) -> Mask:
        grey = cv2.resize(mask.astype(np.uint8) * 255, (width, height),
                          interpolation=cv2.INTER_LINEAR)
        return np.asarray(grey > 127, bool)

    objects = []
    for item in scene.objects:
        mask = resized(item.mask)
        if mask.any():
            hypotheses = np.array([resized(h) for h in item.hypotheses], bool)
            objects.append(replace(item, mask=mask, occluders=(),
                                   hypotheses=hypotheses.reshape(-1, height, width)))
    return LayeredScene(height, width, tuple(objects))


def _outline(canvas: Rgb, mask: Mask, tone: tuple[int, int, int]) -> None:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    thickness = max(1, round(max(canvas.shape) / 240))
    cv2.drawContours(canvas, contours, -1, tone, thickness, cv2.LINE_AA)


def _label(canvas: Rgb, lines: Sequence[str], mask: Mask) -> None:
    """Write lines around the pixel deepest inside the mask, or as near as the canvas lets them."""
    distance = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 3)
    y, x = np.unravel_index(np.argmax(distance), distance.shape)
    size = max(0.45, max(canvas.shape) / 700) / len(lines) ** 0.5
    sizes = [cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0] for line in lines]
    pitch = round(1.5 * sizes[0][1])
    first = int(y - 1 + sizes[0][1] / 2 - pitch * (len(lines) - 1) / 2)
    first = min(first, canvas.shape[0] - 2 - pitch * (len(lines) - 1))
    for row, (line, (width, _)) in enumerate(zip(lines, sizes)):
        left = min(max(0, int(x - 1 - width / 2)), max(0, canvas.shape[1] - width))
        for tone, thickness in ((_INK, 3), (_PAPER, 1)):
            cv2.putText(canvas, line, (left, first + row * pitch), cv2.FONT_HERSHEY_SIMPLEX, size,
                        tone, thickness, cv2.LINE_AA)
