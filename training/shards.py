"""Work in parts that survive an interruption: each done part is a file, made by some process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
import json
import multiprocessing
from multiprocessing import connection
import os
from pathlib import Path
import signal
import threading
from typing import Any, TypeVar

from seq_amodal_ros.files import write_atomic
from tqdm import tqdm
from training.arrays import Arrays, ArraysError, read_arrays, save_arrays
from training.locks import locked

Task = TypeVar('Task')


class PartsError(ValueError):
    """Parts that cannot be made or gone on with; the message names them and the way out."""


@contextmanager
def parts_folder(out: Path, settings: Mapping[str, Any]) -> Iterator[Path]:
    """
    Yield the folder OUT.parts, made or gone on with, which no other process then works in.

    Raises PartsError, naming it, if it holds parts that were made with other settings, or with
    nobody knows which (a run that was killed while it removed the folder), and ValueError if
    another process is at work there.
    """
    folder = out.with_name(f'{out.name}.parts')
    note, text = folder / 'settings.json', json.dumps(dict(settings), sort_keys=True)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if note.is_file() and note.read_text() != text:
            raise PartsError(f'{folder}: an interrupted run left it with other settings '
                             f'({note.read_text()}); use those, or remove the folder')
        if not note.is_file() and any(folder.glob('*.npz')):
            raise PartsError(f'{folder}: holds parts of a run of which nothing says its settings; '
                             'remove the folder')
        write_atomic(note, text.encode())
        yield folder


def complete(folder: Path, tasks: Mapping[str, Task], work: Callable[[Task], Arrays],
             workers: int, about: str) -> list[Path]:
    """
    Return a file for each named task, with what `work` makes of it; those that exist are kept.

    `work` and the tasks must be picklable if there is more than one worker. An error in one task
    stops the others and is raised, PartsError if a process died; what was done stays done.
    """
    paths = {name: folder / f'{name}.npz' for name in tasks}
    missing = [name for name in tasks if not paths[name].is_file()]
    with tqdm(total=len(tasks), initial=len(tasks) - len(missing), desc=about,
              disable=None) as bar:
        if workers == 1 or len(missing) < 2:
            for name in missing:
                _make(paths[name], work, tasks[name])
                bar.update()
            return list(paths.values())
        context = multiprocessing.get_context('spawn')
        with ProcessPoolExecutor(min(workers, len(missing)), context, _end_with_parent) as pool:
            with _deaf():  # the workers are born now
                jobs = [pool.submit(_make, paths[name], work, tasks[name]) for name in missing]
            try:
                for job in as_completed(jobs):
                    job.result()
                    bar.update()
            except BrokenProcessPool as error:
                raise PartsError('a worker process died, perhaps for want of memory; run again '
                                 f'with fewer workers: {folder} keeps what is done') from error
            finally:
                pool.shutdown(cancel_futures=True)
    return list(paths.values())


def read_parts(paths: Sequence[Path]) -> list[Arrays]:
    """Return the content of part files; raises PartsError, naming the file, for a broken one."""
    try:
        return [read_arrays(path) for path in paths]
    except ArraysError as error:
        raise PartsError(f'{error}; remove it and run again') from error


@contextmanager
def _deaf() -> Iterator[None]:
    """
    Ignore Ctrl-C, as processes born here do for good: it is their parent that ends them.

    Elsewhere than in the main thread nothing can be ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    """End this worker when its parent has gone: a killed one cannot tell it to."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)  # between files, or within one: none is ever half-written

    threading.Thread(target=wait, daemon=True).start()


def _make(path: Path, work: Callable[[Task], Arrays], task: Task) -> None:
    save_arrays(path, work(task))
