"""An atlas is a file of cutouts, the same whatever interrupted it and however many made it."""

import numpy as np
import pytest
from training.cutouts import read_cutouts
from training.meshes import atlas
from training.meshes.atlas import main, render_atlas
from training.meshes.registry import mesh_objects

pytest.importorskip('pybullet', reason='pybullet has wheels only for CPython 3.10 and 3.11 on '
                                       'Linux x86-64')


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Return an atlas of three objects, two views each."""
    out = tmp_path_factory.mktemp('atlas') / 'meshes.npz'
    assert main(['--out', str(out), '--objects', '3', '--views', '2', '--workers', '1']) == 0
    return out


def test_an_atlas_is_a_file_of_cutouts(made):
    cutouts = read_cutouts(made)
    names = [item.name for item in mesh_objects('train')[:3]]
    assert list(cutouts.classes) == [name for name in names for _ in range(2)]
    assert cutouts.rgba.shape == (6, 4, 100, 100)


def test_objects_fill_their_frame_uncut_with_a_soft_rim(made):
    for picture in read_cutouts(made).rgba.numpy():
        alpha = picture[3]
        box = [np.ptp(np.flatnonzero((alpha > 127).any(axis=axis))) for axis in (0, 1)]
        assert max(box) > 85
        assert not (alpha[[0, -1]].any() or alpha[:, [0, -1]].any())
        assert ((alpha > 0) & (alpha < 255)).any()
        assert 20 < picture[:3, alpha > 127].mean() < 250


def test_an_interrupted_run_goes_on_to_the_same_end(made, tmp_path, monkeypatch):
    out, rendered = tmp_path / 'again.npz', []

    def interrupted(order):
        if len(rendered) == 1:
            raise KeyboardInterrupt
        rendered.append(order.item.name)
        return render_views(order)

    render_views = atlas.render_views
    monkeypatch.setattr(atlas, 'render_views', interrupted)
    with pytest.raises(KeyboardInterrupt):
        render_atlas(out, 'train', 2, 3, 1)
    assert not out.exists() and out.with_name('again.npz.parts').is_dir()
    monkeypatch.setattr(atlas, 'render_views', render_views)
    render_atlas(out, 'train', 2, 3, workers=2)
    assert [path.name for path in tmp_path.iterdir()] == ['again.npz']
    with np.load(made) as first, np.load(out) as second:
        assert all(np.array_equal(first[key], second[key]) for key in first.files)


def test_parts_of_other_settings_are_not_mixed_in(tmp_path, capsys):
    folder = tmp_path / 'a.npz.parts'
    folder.mkdir()
    (folder / 'settings.json').write_text('{"views": 7}')
    assert main(['--out', str(tmp_path / 'a.npz'), '--objects', '1']) == 2
    assert 'other settings' in capsys.readouterr().err


@pytest.mark.parametrize('option', ['--objects', '--views', '--workers'])
def test_counts_of_nothing_are_refused(tmp_path, capsys, option):
    assert main(['--out', str(tmp_path / 'a.npz'), option, '0']) == 2
    assert f'0 {option[2:]}' in capsys.readouterr().err
