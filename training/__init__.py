"""The data engine and the training of the denoisers. Never installed on the robot."""

import sys
from types import TracebackType


def _say_interrupted(kind: type[BaseException], error: BaseException, trace: TracebackType | None,
                     ) -> None:
    """Say Ctrl-C in a line, whenever it comes: in the seconds that imports take as well."""
    if issubclass(kind, KeyboardInterrupt):
        print('interrupted', file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


if sys.argv[:1] == ['-m']:  # so it is while `python -m training.X` imports what stands above X
    sys.excepthook = _say_interrupted
