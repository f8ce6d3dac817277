"""A test set given by hand, and layers predicted for it."""

import numpy as np
import pytest
from seq_amodal_ros.sequential import Layer
from training.paper.experiments.data import TestImage

SIZE = 32


def square(first, last):
    """Return a mask that is set in a square on the diagonal."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[first:last, first:last] = True
    return mask


def layer(*masks):
    """Return a layer of those hypotheses; the first is the chosen one."""
    stack = np.array(masks, np.float32)
    return Layer(stack[0], stack)


@pytest.fixture
def truth():
    """Return two images: three squares in a stack, and one alone."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    stack = np.array([square(0, 12), square(8, 20), square(16, 28)])
    return [TestImage(image, stack, np.array([1, 2, 3])),
            TestImage(image, stack[:1], np.array([1]))]


@pytest.fixture
def right(truth):
    """Return the layers that the truth holds, three equal hypotheses each."""
    return [[layer(*[image.layer(i)] * 3) for i in range(1, image.layers.max() + 1)]
            for image in truth]


@pytest.fixture
def swapped(right):
    """Return the stack with its second and third layer swapped."""
    first, second, third = right[0]
    return [[first, third, second], right[1]]


@pytest.fixture
def differing(truth):
    """Return one layer whose three hypotheses are two equal masks and one that shares half."""
    half = truth[0].layer(1).copy()
    half[6:] = False
    return [[layer(truth[0].layer(1), truth[0].layer(1), half)]]
