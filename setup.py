"""For machines without ROS: pip install . gives the library and the seq-amodal command."""

from pathlib import Path

from setuptools import find_packages, setup

REQUIREMENTS = Path(__file__).parent / 'scripts' / 'requirements'


def requirements(name: str) -> list[str]:
    """Return the packages of a requirement list."""
    lines = (REQUIREMENTS / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


setup(
    name='seq_amodal_ros',
    version='0.1.0',
    description='Sequential amodal segmentation with occlusion layers, for ROS 2',
    license='Apache-2.0',
    python_requires='>=3.10,<3.14',
    packages=find_packages(include=['seq_amodal_ros', 'seq_amodal_ros.*']),
    package_data={'seq_amodal_ros': ['weights/*']},
    install_requires=requirements('runtime'),
    extras_require={'training': requirements('training'), 'test': requirements('test')},
    entry_points={'console_scripts': ['seq-amodal = seq_amodal_ros.cli:main']},
)
