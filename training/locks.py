"""One process at a time in a folder."""

import fcntl
from pathlib import Path
from typing import TextIO

LOCK = 'lock'


def locked(folder: Path) -> TextIO:
    """Return the folder's lock, held as long as the file is open; raises ValueError if it is."""
    lock = (folder / LOCK).open('w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise ValueError(f'{folder}: another process works there; stop it, or give another '
                         'folder') from error
    return lock
