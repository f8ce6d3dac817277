"""
The same rounding on every x86-64 processor: each library is held to what all of them have.

By itself a library takes the widest instructions of the processor that it is on. Those add and
multiply in another order: a pixel is brighter by one, or a pile falls otherwise. The C library's
sines are not held: without fused multiply-add (before 2013) piles fall otherwise still.
"""

from collections.abc import Mapping
import os
import sys

import numpy as np

NUMPY = 'NPY_DISABLE_CPU_FEATURES'
BASELINE = {'ATEN_CPU_CAPABILITY': 'default',  # torch
            'MKL_CBWR': 'COMPATIBLE',          # torch's exponentials and matrices
            'ONEDNN_MAX_CPU_ISA': 'SSE41',     # torch's convolutions
            'OPENBLAS_CORETYPE': 'Nehalem'}    # NumPy's matrices


def held_back(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that hold the libraries back, those of NumPy on this processor."""
    wide = np.show_config(mode='dicts')['SIMD Extensions'].get('found', [])
    known = environment.get(NUMPY, '').replace(',', ' ').split()
    return {**BASELINE, NUMPY: ' '.join(sorted({*wide, *known}))}


def round_alike() -> None:
    """
    Begin this program anew with its libraries held back, unless they are.

    They read the environment when they are loaded. To be called before anything was done.
    """
    wanted = held_back(os.environ)
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **wanted})
