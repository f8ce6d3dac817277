"""Denoisers: the networks. `build` makes one from the name and sizes that a checkpoint states."""

from collections.abc import Mapping
from typing import Any

from seq_amodal_ros.denoisers.concat_unet import ConcatUNet, ConcatUNetConfig
from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser

ARCHITECTURES: dict[str, tuple[Any, Any]] = {
    ConcatUNet.architecture: (ConcatUNet, ConcatUNetConfig),
    EncodeOnceDenoiser.architecture: (EncodeOnceDenoiser, EncodeOnceConfig),
}


def build(architecture: str, config: Mapping[str, Any]) -> ConcatUNet | EncodeOnceDenoiser:
    """
    Return the untrained denoiser of that architecture and those sizes.

    Raises ValueError, naming what is known, for an unknown architecture or setting.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f'unknown architecture {architecture!r}; this version knows '
                         + ', '.join(sorted(ARCHITECTURES)))
    network, sizes = ARCHITECTURES[architecture]
    try:
        return network(sizes(**config))
    except TypeError as error:
        raise ValueError(f'settings of {architecture} do not fit: {error}') from error
