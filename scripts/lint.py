"""
Run every linter over the project: ruff, mypy, cpplint, and those of ROS with their own settings.

    scripts/env python scripts/lint.py [--fix]

--fix mends first what ruff can mend by itself. Of ROS's linters two are left out: ament_copyright,
because LICENSE speaks for all files, and ament_xmllint, because it fetches a schema from the
network; package.xml is checked by catkin_pkg, with which colcon reads it.
"""

from collections.abc import Sequence
import importlib.util
import os
from pathlib import Path
import subprocess
import sys
import time

ROOT = Path(__file__).resolve().parent.parent
PYTHON_CODE = ['seq_amodal_ros', 'training', 'launch', 'scripts', 'test', 'setup.py']
CPP_CODE = ['include', 'test/bridge/cpp']
# As ament_cpplint, which is not everywhere: ROS's style differs from Google's in these.
CPPLINT = ['-m', 'cpplint', '--quiet', '--recursive', '--linelength=100', '--root=include',
           '--filter=-build/header_guard,-legal/copyright,-whitespace/braces,'
           '-whitespace/indent,-whitespace/parens']
RUFF = ['-m', 'ruff', 'check', '--quiet', '--config', '.ci/ruff.toml']
PACKAGE_XML = """
from catkin_pkg.changelog import get_changelog_from_path
from catkin_pkg.package import parse_package
warnings = []
parse_package('package.xml', warnings=warnings).validate(warnings=warnings)
if warnings:
    raise SystemExit('\\n'.join(warnings))
get_changelog_from_path('CHANGELOG.rst')
"""


def ament(name: str, *arguments: str) -> list[str]:
    """Return the command of a linter of ROS; its own program is not everywhere on PATH."""
    return ['-c', f'import sys, {name}.main as linter; sys.exit(linter.main(sys.argv[1:]))',
            *arguments]


def linters() -> dict[str, list[str]]:
    """Return what to run, by name: arguments for Python."""
    return {
        'ruff': [*RUFF, *PYTHON_CODE],
        'cpplint': [*CPPLINT, *CPP_CODE],
        'ament_flake8': ament('ament_flake8', '--linelength', '100', *PYTHON_CODE),
        'ament_pep257': ament('ament_pep257', *PYTHON_CODE),
        'ament_lint_cmake': ament('ament_lint_cmake', 'CMakeLists.txt', CPP_CODE[1]),
        'package.xml': ['-c', PACKAGE_XML],
        'mypy': ['-m', 'mypy', '--config-file', '.ci/mypy.ini'],
    }


def passes(name: str, arguments: Sequence[str]) -> bool:
    """Run one linter; print a line about it, and what it found."""
    if name.startswith('ament_') and importlib.util.find_spec(name) is None:
        ros = os.environ.get('ROS_DISTRO', 'jazzy')
        print(f'lint: {name} left out, not installed: '
              f'apt install ros-{ros}-{name.replace("_", "-")}', flush=True)
        return True
    start = time.monotonic()
    result = subprocess.run([sys.executable, *arguments], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        print(result.stdout)
    verdict = 'failed' if result.returncode else 'clean'
    print(f'lint: {name} {verdict} ({time.monotonic() - start:.1f} s)', flush=True)
    return not result.returncode


def main() -> int:
    """Run all linters, also after one has failed; return 1 if any did."""
    if sys.argv[1:] == ['--fix']:
        subprocess.run([sys.executable, *RUFF, '--fix', *PYTHON_CODE], cwd=ROOT)
    elif sys.argv[1:]:
        print('usage: scripts/env python scripts/lint.py [--fix]', file=sys.stderr)
        return 2
    verdicts = [passes(name, arguments) for name, arguments in linters().items()]
    if not all(verdicts):
        print('lint: what ruff marks [*] is mended by scripts/env python scripts/lint.py --fix')
        return 1
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
