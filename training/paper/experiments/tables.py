"""The paper's tables, each a function from a bench (models, test images, setting) to a report."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seq_amodal_ros.checkpoint import Checkpoint
from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.report import evaluate, shown
from seq_amodal_ros.segmenter import Segmenter, Settings
from seq_amodal_ros.sequential import Probability
from training.paper.experiments import reference
from training.paper.experiments.data import read_test, TestImage
from training.paper.experiments.models import (
    independent,
    sequential,
    settings_of,
    trained,
    trained_as_long,
    trained_default,
    TrainingData,
)
from training.paper.experiments.report import layer_cells, other_reductions, paper_cells, Report
from training.paper.experiments.scores import (
    diversity,
    layer_scores,
    with_layer,
    without_layer,
)
from training.paper.experiments.settings import Setting

CELLS = 'IOU / AP in percent, mean over the images that hold the layer (their number)'


@dataclass(frozen=True)
class Bench:
    """What every experiment gets: where its models are, what it tests on, how far it goes."""

    folder: Path
    test: Path
    data: TrainingData
    setting: Setting
    hardware: str

    @property
    def ours(self) -> str:
        """Return the name of our rows, which says what they are measured on."""
        return f'ours on {self.test.parent.name}'

    def model(self, layer: int | None = None, noise: float = 0.0) -> Checkpoint:
        """Return a model, trained if it is not yet."""
        return trained(self.folder, self.setting, self.data, layer, noise)

    def truth(self, checkpoint: Checkpoint, limit: int | None = None) -> list[TestImage]:
        """Return the test images on the model's grid."""
        return list(read_test(self.test, checkpoint.model.mask_size,
                              limit or self.setting.images))

    def begin(self, title: str, cells: str = CELLS, beside_paper: bool = True,
              ) -> tuple[Checkpoint, list[TestImage], Report]:
        """Return the model with cumulative mask, the test images and a report without rows."""
        model = self.model()
        truth = self.truth(model)
        return model, truth, self.report(title, model, len(truth), cells, beside_paper)

    def report(self, title: str, checkpoint: Checkpoint, images: int, cells: str = CELLS,
               beside_paper: bool = True) -> Report:
        """Return an empty report that states the conditions, and what rows of the paper are on."""
        config = checkpoint.training['config']
        shown: dict[str, Any] = {
            'test set': self.test.parent.name, 'images': images,
            'trained on': checkpoint.training['data'],
            'network': f'{self.setting.preset}, {config["channels"]} channels, '
                       f'{config["mask_size"]} x {config["mask_size"]}',
            'trained for': f'{checkpoint.training["steps"]} steps of {config["batch"]} samples',
            'sampler': f'{self.setting.sampler}, {self.setting.sampling_steps} steps, '
                       f'K = {self.setting.hypotheses}',
            'N_max, Area_min': list(checkpoint.training['rules'].values()),
            'hardware': self.hardware, 'seed': config['seed'],
            'cells': cells}
        if beside_paper:
            shown['rows of the paper'] = 'on its own data' + (
                ', which ours is a stand-in for' if self.data.protocol else '')
        return Report(title, shown)


def table_1(bench: Bench) -> Report:
    """Tab. 1: the number K of masks sampled for each layer."""
    model, truth, report = bench.begin('Tab. 1: number of generated masks K')
    for k in bench.setting.ensembles:
        setting = replace(bench.setting, hypotheses=k)
        scores = layer_scores(truth, sequential(model, truth, setting, bench.data.device))
        report.add(f'{bench.ours}, K = {k}', layer_cells(scores))
    for k, values in reference.ENSEMBLE.items():
        report.add(f'paper on ACOM, K = {k}', paper_cells(values))
    return report


def mean_mask(hypotheses: Probability) -> Probability | None:
    """Return the mean of the non-null ones of K masks [K, H, W], in place of the nearest to it."""
    non_null = (hypotheses > 0.5).any(axis=(1, 2))
    return hypotheses[non_null].mean(axis=0) if non_null.any() else None


def table_2(bench: Bench) -> Report:
    """Tab. 2: the cumulative mask grows by the mean mask or by the chosen one."""
    model, truth, report = bench.begin('Tab. 2: mean mask against chosen mask')
    for name, given in (('mean mask', {'choose': mean_mask}), ('chosen mask', {})):
        predicted = sequential(model, truth, bench.setting, bench.data.device, **given)
        report.add(f'{bench.ours}, {name}', layer_cells(layer_scores(truth, predicted)))
    for name, values in reference.CHOICE_AP.items():
        report.add(f'paper on ACOM, {name} (AP)',
                   {f'layer {i}': f'{ap:.1f}' for i, ap in enumerate(values, start=1)})
    return report


def table_3(bench: Bench) -> Report:
    """Tab. 3: noise in the cumulative mask while training."""
    report = None
    for level in bench.setting.noise_levels:
        model = bench.model(noise=level)
        truth = bench.truth(model)
        report = report or bench.report('Tab. 3: noise in the cumulative mask', model, len(truth))
        predicted = sequential(model, truth, bench.setting, bench.data.device)
        report.add(f'{bench.ours}, {level:.0%}', layer_cells(layer_scores(truth, predicted)))
    assert report is not None
    for level, values in reference.NOISE.items():
        report.add(f'paper on ACOM, {level:.0%}', paper_cells(values))
    return report


def table_4(bench: Bench) -> Report:
    """Tab. 4: against DIS, the same network without cumulative mask, one a layer."""
    model, truth, report = bench.begin('Tab. 4: with and without cumulative mask')
    rivals = [bench.model(layer=i) for i in range(1, bench.setting.layers + 1)]
    config = rivals[0].training['config']
    report.conditions = {**report.conditions, 'DIS trained for': (
        f'{", ".join(str(rival.training["steps"]) for rival in rivals)} steps of '
        f'{config["batch"]} samples for layers 1 to {len(rivals)}')}
    rows = {'DIS': independent(rivals, truth, bench.setting, bench.data.device),
            'cumulative': sequential(model, truth, bench.setting, bench.data.device)}
    for name, predicted in rows.items():
        scores = layer_scores(truth, predicted)
        if name == 'DIS':
            scores = scores[:len(rivals)]
        report.add(f'{bench.ours}, {name}', layer_cells(scores))
        report.add(f'{bench.ours}, {name}: zeroed; pooled', other_reductions(scores))
    for name, values in reference.AGAINST_DIS.items():
        report.add(f'paper on Intra-AFruit, {name}', paper_cells(values))
    return report


def table_5(bench: Bench) -> Report:
    """Tab. 5: AP with and without layer."""
    model, truth, report = bench.begin('Tab. 5: AP with and without layer', 'AP in percent')
    predicted = sequential(model, truth, bench.setting, bench.data.device)
    area = model.training['rules']['min_area']
    columns = 'AP with layer', 'AP without layer'
    values = with_layer(layer_scores(truth, predicted)), without_layer(truth, predicted, area)
    report.add(bench.ours, {name: f'{value:.1f}' for name, value in zip(columns, values)})
    report.add('paper on Intra-AFruit', dict(zip(columns, map(str, reference.LAYER_OR_NOT))))
    return report


def figure_4(bench: Bench) -> Report:
    """Fig. 4: how much the hypotheses differ, layer by layer."""
    model, truth, report = bench.begin(
        'Fig. 4: diversity of the hypotheses', '1 - IOU of two hypotheses of a layer, 0 to 1',
        beside_paper=False)
    predicted = sequential(model, truth, bench.setting, bench.data.device)
    for row in diversity(predicted):
        report.add(f'layer {row["layer"]}', {'mean of 1 - IOU': f'{row["distance"]:.3f}',
                                             'pairs': row['pairs']})
    return report


def equal_time(bench: Bench) -> Report:
    """Beyond the paper: its network and the default's, trained for the same time; image scale."""
    setting, device = bench.setting, bench.data.device
    default = trained_default(bench.folder, setting, bench.data)
    rival = trained_as_long(bench.folder, setting, bench.data, default.training['seconds'])
    report = bench.report("Equal time: the paper's network and the default's", rival,
                          setting.images, beside_paper=False)
    report.conditions = {
        **report.conditions, 'default': f'{default.training["steps"]} steps of '
        f'{default.training["config"]["scenes_per_step"]} scenes, K = {setting.hypotheses}, '
        f'{Settings.steps} step, seed {default.training["config"]["seed"]}',
        'seconds of training': [rival.training['seconds'], default.training['seconds']]}
    for name, checkpoint, settings in (
            (setting.preset, rival, settings_of(rival, setting)),
            ('default', default, Settings(hypotheses=setting.hypotheses))):
        segmenter = Segmenter(checkpoint, device, settings)
        result = evaluate(samples(bench.test, setting.images), segmenter.segment)
        report.conditions = {**report.conditions, 'images': result['images']}
        report.add(f'{bench.ours}, {name}', {
            **layer_cells(result['layers']),
            'pairs in order': shown(result['objects']['ordered'], 1),
            'ECE where hidden': shown(result['hypotheses']['ece'], 3),
            'ms an image': f'{1000 * result["seconds_per_image"]:.0f}'})
    return report


TABLES: dict[str, Callable[[Bench], Report]] = {
    'tab1': table_1, 'tab2': table_2, 'tab3': table_3, 'tab4': table_4, 'tab5': table_5,
    'fig4': figure_4, 'time': equal_time}
