"""Compositors on a few drawn objects, for the tests of the data engine."""

import pytest
from training.engine.compositor import Compositor
from training.engine.protocols import read_protocol
from training.engine.shapes import procedural_cutouts


@pytest.fixture(scope='session')
def source():
    """Return forty drawn objects."""
    return procedural_cutouts(40, 0)


@pytest.fixture(scope='session')
def compositor(source):
    """Return a function that makes a compositor of a protocol's name, side and options."""
    def make(name, side, **options):
        return Compositor([source], [1.0], read_protocol(name), side, **options)
    return make
