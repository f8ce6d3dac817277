"""
Functions of tensors that a CUDA device replays as one graph; elsewhere they are simply called.

A layer is some hundred small kernels. Launched one by one they take longer than they run; captured
once for each set of shapes and replayed they are one launch (CUDA graphs).
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
import threading
from typing import NamedTuple

import torch
from torch import Tensor

Function = Callable[..., tuple[Tensor, ...]]
KEPT = 16  # graphs; each holds its memory, and a camera and its batches need only a few
_CAPTURING = threading.Lock()  # PyTorch captures one graph at a time in a process
WARM_UP = 3  # calls before the capture, in which libraries choose their kernels


class _Captured(NamedTuple):
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Replayed:
    """
    Calls a function; on CUDA captures it first, once for each way and shapes of its tensors.

    The function is given `way`, which says how it works, and tensors of one device; it must ask
    nothing of the host, neither a value nor a size that depends on values.
    Where it `captures` is switched off by `uncaptured`.
    """

    def __init__(self, function: Function, device: torch.device) -> None:
        """Capture nothing yet."""
        self.captures = device.type == 'cuda'
        self._function, self._device, self._lock = function, device, threading.Lock()
        self._known: OrderedDict[Hashable, _Captured] = OrderedDict()

    def __call__(self, way: Hashable, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return what the function returns, in tensors that no later call writes to."""
        if not self.captures:
            return self._function(way, *tensors)
        key = (way, tuple((tensor.shape, tensor.stride(), tensor.dtype) for tensor in tensors))
        with self._lock, torch.cuda.device(self._device):
            if key not in self._known:
                self._known[key] = self._captured(way, tensors)
            self._known.move_to_end(key)
            graph, inputs, outputs = self._known[key]
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
            for kept, tensor in zip(inputs, tensors):
                kept.copy_(tensor)
            graph.replay()
            return tuple(output.clone() for output in outputs)

    def _captured(self, way: Hashable, tensors: tuple[Tensor, ...]) -> _Captured:
        inputs = tuple(tensor.clone() for tensor in tensors)
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                self._function(way, *inputs)
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        # By itself it would take the stream of the process's first capture, on another device too.
        with _CAPTURING, torch.cuda.graph(graph, stream=beside, capture_error_mode='thread_local'):
            outputs = self._function(way, *inputs)
        return _Captured(graph, inputs, outputs)


@contextmanager
def uncaptured(calls: Iterable[Replayed]) -> Iterator[None]:
    """Let calls run what they call, for as long: work in a captured graph cannot be counted."""
    before = [(call, call.captures) for call in calls]
    try:
        for call, _ in before:
            call.captures = False
        yield
    finally:
        for call, captures in before:
            call.captures = captures
