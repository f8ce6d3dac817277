"""Icons become cutouts; an archive that is not the known one is not used."""

import hashlib
import io
import json
import socket
import tarfile
import threading

import numpy as np
from PIL import Image
import pytest
from training.cutouts import read_cutouts
from training.icons import fetched, is_object, main, write_icons


def disc(*centres, side=64):
    """Return red discs of radius 16 on nothing."""
    y, x = np.mgrid[:side, :side]
    picture = np.zeros((side, side, 4), np.uint8)
    for column, row in centres:
        picture[(x - column) ** 2 + (y - row) ** 2 < 16 ** 2] = (255, 0, 0, 255)
    return picture


def archive(**pictures):
    """Return an archive as the registry's, of icons `category__name`."""
    entries, files = [], {}
    for name, picture in pictures.items():
        category, _, short = name.partition('__')
        entries.append({'category': category.replace('_', ' '), 'short_name': short,
                        'image': f'{short}.png', 'has_img_google': True})
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, 'PNG')
        files[f'img/google/64/{short}.png'] = stream.getvalue()
    files['emoji.json'] = json.dumps(entries).encode()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w:gz') as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(f'package/{name}')
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def test_icons_of_things_become_cutouts_of_a_class_each(tmp_path):
    content = archive(Objects__ball=disc((32, 32)), Activities__puck=disc((20, 20)),
                      Symbols__dot=disc((32, 32)))
    assert write_icons(content, tmp_path / 'icons.npz') == 2
    assert read_cutouts(tmp_path / 'icons.npz').classes == ('ball', 'puck')


@pytest.mark.parametrize('picture, expected', [
    (disc((32, 32)), True),
    (disc((17, 17), (46, 46)), False),  # two pieces
    (disc((32, 32))[:, :, [0, 0, 0, 0]] * 0 + 255, False),  # a tile
])
def test_only_whole_outlines_are_objects(picture, expected):
    assert is_object(picture) == expected


def test_an_altered_archive_is_refused(tmp_path):
    path = tmp_path / 'icons.tgz'
    path.write_bytes(archive(Objects__ball=disc((32, 32))))
    assert fetched(path.as_uri(), hashlib.sha512(path.read_bytes()).hexdigest())
    with pytest.raises(ValueError, match=r'icons\.tgz: its SHA-512 is not the known one'):
        fetched(path.as_uri(), '0' * 128)


def test_an_archive_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r'none\.tgz: cannot be fetched'):
        fetched((tmp_path / 'none.tgz').as_uri(), '')


def test_a_target_that_cannot_be_written_is_said_before_the_download(tmp_path, capsys):
    (tmp_path / 'file').touch()
    assert main(['--out', str(tmp_path / 'file' / 'icons.npz')]) == 2
    assert 'icons.npz: cannot be written' in capsys.readouterr().err


def test_an_answer_that_breaks_off_is_named():
    with socket.create_server(('127.0.0.1', 0)) as server:
        def answer():
            client, _ = server.accept()
            client.recv(4096)
            client.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf')
            client.close()

        threading.Thread(target=answer, daemon=True).start()
        url = f'http://127.0.0.1:{server.getsockname()[1]}/icons.tgz'
        with pytest.raises(ValueError, match=f'{url}: cannot be fetched'):
            fetched(url)
