"""What every executable does before its module is loaded."""

import os
from pathlib import Path
import subprocess
import sys

import pytest

TEMPLATE = Path(__file__).resolve().parents[2] / 'scripts' / 'executable.in'
MODULE = "import os\n\n\ndef main():\n    print(os.environ.get('GOMP_SPINCOUNT', 'not set'))\n"


def ran(folder, module, **environment):
    """Run an executable of a module in `folder`; return what came of it."""
    (folder / 'counted.py').write_text(MODULE)
    script = folder / 'run'
    script.write_text(TEMPLATE.read_text().replace('@MODULE@', module).replace(
        '@EXECUTABLE@', 'run').replace('@INTERRUPTED@', '0'))
    clean = {name: value for name, value in os.environ.items()
             if name not in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY')}
    return subprocess.run([sys.executable, str(script)], env={**clean, **environment},
                          capture_output=True, text=True)


@pytest.mark.parametrize('given, count', [
    ({}, '10000'), ({'GOMP_SPINCOUNT': '7'}, '7'), ({'OMP_WAIT_POLICY': 'active'}, 'not set')])
def test_threads_spin_little_unless_the_user_says_otherwise(given, count, tmp_path):
    assert ran(tmp_path, 'counted', **given).stdout.strip() == count


def test_what_cannot_be_imported_is_named_with_the_way_out(tmp_path):
    ended = ran(tmp_path, 'not_there_at_all')
    assert ended.returncode == 1
    assert ended.stderr.startswith('run: ') and 'cannot import not_there_at_all' in ended.stderr
    assert 'requirements/runtime.txt' in ended.stderr
