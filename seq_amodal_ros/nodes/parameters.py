"""The perception node's parameters: names, meanings, ranges and when they may change."""

from dataclasses import dataclass, fields, replace

from rcl_interfaces.msg import IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter
from seq_amodal_ros.checkpoint import DEFAULT
from seq_amodal_ros.diffusion.samplers import SAMPLERS
from seq_amodal_ros.inference import LIMITS, MASK_SIZES
from seq_amodal_ros.segmenter import Settings


@dataclass(frozen=True)
class _Described:
    """A parameter's default and meaning; `span` bounds integers, `choices` strings."""

    default: str | int | bool
    meaning: str
    span: tuple[int, int] | None = None
    choices: tuple[str, ...] = ()


START = {
    'autostart': _Described(True, 'configure and activate at once; false leaves it to a lifecycle '
                            'manager'),
}
FIXED = {
    'transport': _Described('raw', 'raw: sensor_msgs/Image on image; compressed: '
                            'sensor_msgs/CompressedImage on image/compressed',
                            choices=('raw', 'compressed')),
    'weights': _Described(DEFAULT, 'name of shipped weights or path of a .safetensors file'),
    'device': _Described('auto', 'auto (CUDA where there is one), cpu, cuda or cuda:N'),
}
SAMPLING = {
    'hypotheses': _Described(Settings.hypotheses, 'K: masks of each object; of one step level sets '
                             'of its probability, of more samples', LIMITS['hypotheses']),
    'steps': _Described(Settings.steps, 'denoising steps of each mask', LIMITS['steps']),
    'sampler': _Described(Settings.sampler, 'ddim or dpm: any number of steps; ancestral: all 1000',
                          choices=tuple(SAMPLERS)),
    'max_layers': _Described(Settings.max_layers, 'N_max: stop after so many layers',
                             LIMITS['max_layers']),
    'min_area': _Described(Settings.min_area, 'Area_min: stop when a layer, leave out what shows, '
                           'less than so many pixels of a 64 x 64 image', LIMITS['min_area']),
    'mask_size': _Described(Settings.mask_size, 'side of the masks that the network works on, '
                            f'{MASK_SIZES[0]} to {MASK_SIZES[1]}; 0: what the weights are trained '
                            'for; smaller is sooner and less sure', (0, MASK_SIZES[1])),
    'seed': _Described(Settings.seed, 'of the noise: equal seeds give equal answers for equal '
                       'images', LIMITS['seed']),
}


def declare(node: Node) -> None:
    """Declare every parameter with its meaning and range."""
    for name, described in {**START, **FIXED, **SAMPLING}.items():
        descriptor = ParameterDescriptor(description=described.meaning, read_only=name in START)
        if described.span:
            least, most = described.span
            descriptor.integer_range = [IntegerRange(from_value=least, to_value=most, step=1)]
        if described.choices:
            descriptor.additional_constraints = 'one of ' + ', '.join(described.choices)
        node.declare_parameter(name, described.default, descriptor)


def unknown(node: Node) -> list[str]:
    """Return the parameters that a file or command gives the node and that it does not know."""
    own = ('qos_overrides.', 'diagnostic_updater.')  # declared when their part is made
    return sorted(name for name in node._parameter_overrides  # rclpy shows them nowhere else
                  if not node.has_parameter(name) and not name.startswith(own))


def unread_overrides(node: Node) -> list[str]:
    """Return the overrides of qualities of service that nothing in the node has read."""
    return sorted(name for name in node._parameter_overrides
                  if name.startswith('qos_overrides.') and not node.has_parameter(name))


def settings_of(node: Node) -> Settings:
    """Return the node's sampling settings; raises ValueError, naming what is wrong."""
    return Settings(**{field.name: node.get_parameter(field.name).value
                       for field in fields(Settings)})


def changed(node: Node, changes: list[Parameter]) -> Settings:
    """
    Return the node's settings with changes; raises ValueError, naming what is wrong.

    Where they cannot be without the changes, by a file, these are judged beside the defaults: so
    what is wrong can be mended one by one.
    """
    try:
        settings = settings_of(node)
    except ValueError:
        settings = Settings()
    return replace(settings, **{p.name: p.value for p in changes if p.name in SAMPLING})


def refusal(parameters: list[Parameter], configured: bool) -> str:
    """Return why these changes cannot be made, empty if they can."""
    for parameter in parameters:
        described = FIXED.get(parameter.name)
        if described is None:
            continue
        if configured:
            return (f'{parameter.name} is read when the node is configured: deactivate and clean '
                    'it up first')
        if described.choices and parameter.value not in described.choices:
            return (f'{parameter.name} must be one of {", ".join(described.choices)}, '
                    f'got {parameter.value!r}')
    return ''
