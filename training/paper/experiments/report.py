"""An experiment's rows as JSON and Markdown, with the conditions that they rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import json
from pathlib import Path
from typing import Any

from seq_amodal_ros.files import write_atomic
from training.markdown import head, row


@dataclass
class Report:
    """
    One table.

    rows        name of the row -> its cells, by column
    conditions  what the numbers rest on: data, images, steps, sampler, seeds, hardware
    """

    title: str
    conditions: Mapping[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, cells: Mapping[str, Any]) -> None:
        """Append a row."""
        self.rows.append({'': name, **cells})

    def markdown(self) -> str:
        """Return the table and its conditions."""
        columns = list(dict.fromkeys(column for each in self.rows for column in each))
        lines = [f'# {self.title}', '', head(columns)]
        lines += [row([_cell(each.get(column, '')) for column in columns]) for each in self.rows]
        lines += ['', *(f'- {key}: {value}' for key, value in self.conditions.items()), '']
        return '\n'.join(lines)

    def write(self, folder: Path, name: str) -> None:
        """Write NAME.json and NAME.md, whole or not at all."""
        content = {'title': self.title, 'conditions': dict(self.conditions), 'rows': self.rows}
        write_atomic(folder / f'{name}.json', json.dumps(content, indent=1).encode() + b'\n')
        write_atomic(folder / f'{name}.md', self.markdown().encode())


def layer_cells(scores: Sequence[Mapping[str, float | int]]) -> dict[str, str]:
    """Return 'IOU / AP (images)' of each layer, the mean over the images that hold it."""
    return {f'layer {score["layer"]}': f'{score["iou"]:.1f} / {score["ap"]:.1f} ({score["images"]})'
            for score in scores}


def other_reductions(scores: Sequence[Mapping[str, float | int]]) -> dict[str, str]:
    """Return 'IOU / AP' of each layer, zeroed over all images, then pooled over all pixels."""
    return {f'layer {score["layer"]}': f'{score["iou_zeroed"]:.1f} / {score["ap_zeroed"]:.1f}; '
            f'{score["iou_pooled"]:.1f} / {score["ap_pooled"]:.1f}' for score in scores}


def paper_cells(values: Sequence[tuple[float, float]]) -> dict[str, str]:
    """Return the paper's 'IOU / AP' of each layer."""
    return {f'layer {i}': f'{iou:.1f} / {ap:.1f}' for i, (iou, ap) in enumerate(values, start=1)}


def _cell(value: Any) -> str:
    return f'{value:.3g}' if isinstance(value, float) else str(value)
