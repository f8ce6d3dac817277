"""Libraries are held back by the environment, and a program that begins anew is held back."""

import os
import subprocess
import sys

from training.rounding import BASELINE, held_back, NUMPY

TELLS = """
import os, sys
import numpy as np
from training.rounding import BASELINE, round_alike
round_alike()
print(sys.argv[1:], [os.environ[name] == BASELINE[name] for name in BASELINE],
      np.show_config(mode='dicts')['SIMD Extensions'].get('found', []))
"""


def test_a_program_begins_anew_with_its_arguments_and_numpy_takes_no_wide_instructions(tmp_path):
    script = tmp_path / 'tells.py'
    script.write_text(TELLS)
    told = {'MKL_CBWR': 'AUTO', 'PYTHONPATH': os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, script, '--scenes', '3'], check=True, text=True,
                          stdout=subprocess.PIPE, env={**os.environ, **told})
    assert done.stdout.split('\n')[:1] == [f"['--scenes', '3'] {[True] * len(BASELINE)} []"]


def test_what_is_held_back_already_stays_so_and_needs_no_other_beginning():
    once = held_back({NUMPY: 'ANOTHER,ONE', 'PATH': '/bin'})
    assert {'ANOTHER', 'ONE'} <= set(once[NUMPY].split())
    assert 'PATH' not in once
    assert held_back(once) == once
