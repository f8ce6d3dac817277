"""Arrays in .npz files: read within bounds and never unpickled, written whole or not at all."""

from collections.abc import Mapping
import io
import lzma
from pathlib import Path
import tokenize
from typing import Any
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.files import write_atomic

Arrays = dict[str, NDArray]
MAX_BYTES = 1 << 32
# All that zipfile, its decompressors and NumPy's header raise; RuntimeError is an encrypted file's.
UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, MemoryError, OverflowError,
              zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError)


class ArraysError(ValueError):
    """A file that holds no arrays; the message names it."""


def read_arrays(path: Path) -> Arrays:
    """Return the arrays of an .npz file; raises ArraysError, naming it, if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(entry.file_size for entry in file.infolist())
        if size > MAX_BYTES:
            raise ArraysError(f'{path}: its arrays take {size} bytes, at most {MAX_BYTES} are read')
        with np.load(path, allow_pickle=False) as data:
            found = {key: data[key] for key in data.files}
    except ArraysError:
        raise
    except UNREADABLE as error:
        raise ArraysError(f'{path}: not a readable .npz file ({error})') from error
    if other := sorted(key for key, value in found.items() if not isinstance(value, np.ndarray)):
        raise ArraysError(f'{path}: not a readable .npz file ({other} are no arrays)')
    return found


def save_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write an .npz file of arrays; never half a file."""
    content: dict[str, Any] = dict(arrays)
    whole = io.BytesIO()  # older NumPy leaves a zip file open where the disk is full
    np.savez_compressed(whole, **content)
    write_atomic(path, whole.getvalue())
