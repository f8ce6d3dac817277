"""Reports state their conditions, and Markdown and JSON hold the same rows."""

import json

from training.paper.experiments.report import layer_cells, paper_cells, Report


def test_a_report_is_written_as_json_and_markdown(tmp_path):
    report = Report('Tab. 9', {'images': 2, 'seed': 0})
    report.add('ours', {'layer 1': '90.0 / 91.0 (2)'})
    report.add('paper', {'layer 1': '94.3 / 94.7', 'layer 2': '87.4 / 88.2'})
    report.write(tmp_path, 'tab9')
    assert json.loads((tmp_path / 'tab9.json').read_text())['rows'] == report.rows
    text = (tmp_path / 'tab9.md').read_text()
    assert '| ours | 90.0 / 91.0 (2) |  |' in text
    assert '| paper | 94.3 / 94.7 | 87.4 / 88.2 |' in text
    assert '- images: 2' in text


def test_cells_say_iou_ap_and_images():
    assert layer_cells([{'layer': 2, 'iou': 50.04, 'ap': 60, 'images': 7}]) == {
        'layer 2': '50.0 / 60.0 (7)'}
    assert paper_cells([(94.3, 94.7)]) == {'layer 1': '94.3 / 94.7'}
