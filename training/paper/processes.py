"""Data-parallel training over the processes that torchrun starts; alone without it."""

from datetime import timedelta
import os
from types import TracebackType

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

PATIENCE = timedelta(minutes=10)  # for a process that hangs


class Processes:
    """This process' place among all that train together, as a context manager."""

    def __init__(self, device: str) -> None:
        """Read torchrun's variables; on CUDA each process of a machine takes a card of its own."""
        self.count = int(os.environ.get('WORLD_SIZE', '1'))
        self.rank = int(os.environ.get('RANK', '0'))
        local = int(os.environ.get('LOCAL_RANK', '0'))
        together = self.count > 1 and device == 'cuda'
        self.device = torch.device(f'cuda:{local}' if together else device)

    @property
    def leads(self) -> bool:
        """Return whether this process writes files and the log."""
        return self.rank == 0

    def __enter__(self) -> 'Processes':
        """Meet the others."""
        if self.count > 1:
            if self.device.type == 'cuda':
                torch.cuda.set_device(self.device)
            backend = 'nccl' if self.device.type == 'cuda' else 'gloo'
            distributed.init_process_group(backend, timeout=PATIENCE)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Leave the others."""
        if self.count > 1:
            distributed.destroy_process_group()

    def parallel(self, model: nn.Module) -> nn.Module:
        """Return the model with gradients averaged over all processes."""
        return DistributedDataParallel(model) if self.count > 1 else model

    def anywhere(self, here: bool) -> bool:
        """Return whether it holds in any process; all of them must ask."""
        if self.count == 1:
            return here
        flag = torch.tensor(float(here), device=self.device)
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag.item())
