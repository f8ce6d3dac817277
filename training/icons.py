"""
Fetch icons of things as cutouts: Noto Emoji (Apache-2.0), from the npm registry.

    python -m training.icons --out icons.npz

Each icon of food, animals, objects, travel and sport is a class of its own. The archive (70 MB) is
checked against its SHA-512, read in memory and not kept.
"""

from collections.abc import Iterator, Sequence
import hashlib
import http.client
import io
import json
from pathlib import Path
import tarfile
import urllib.request

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from seq_amodal_ros.files import check_writable
from tqdm import tqdm
from training.arrays import save_arrays
from training.commands import command, parser_of

URL = ('https://registry.npmjs.org/emoji-datasource-google/-/'
       'emoji-datasource-google-15.1.2.tgz')
SHA512 = ('47304c42d7254e74838237ff41b70d024819980eda9774d29d0c4a26f64dc1d0'
          'e338e9587730529a4bc660ff59cc7a414b81c143c20e403b2e795d58080eb82c')
MAX_BYTES = 100_000_000
# Faces, people, flags and signs are left out: discs, skin tones and rectangles, again and again.
CATEGORIES = {'Food & Drink', 'Animals & Nature', 'Objects', 'Travel & Places', 'Activities'}
SOLID = (0.08, 0.9)  # share of the picture: less is lines, more is a tile
ONE_PIECE = 0.97  # share of an icon in its largest piece; falling snow is no object


def fetched(url: str = URL, sha512: str = SHA512) -> bytes:
    """Return the archive; raises ValueError, naming it, if it cannot be had or was altered."""
    content = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, \
                tqdm(desc='icons', unit='B', unit_scale=True, disable=None) as bar:
            while block := answer.read(1 << 20):
                content += block
                bar.update(len(block))
                if len(content) > MAX_BYTES:
                    raise ValueError(f'{url}: more than {MAX_BYTES} bytes; not the archive')
    except (OSError, http.client.HTTPException) as error:  # URLError is one, too
        raise ValueError(f'{url}: cannot be fetched ({error}); try again with a network') from error
    if hashlib.sha512(content).hexdigest() != sha512:
        raise ValueError(f'{url}: its SHA-512 is not the known one, so it is not used')
    return bytes(content)


def icons_in(archive: bytes) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield name and picture, uint8 [height, width, 4], of each icon of CATEGORIES."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        def read(name: str) -> bytes:
            member = files.extractfile(f'package/{name}')
            assert member is not None, 'the checksum fixes what the archive holds'
            return member.read()
        for entry in json.loads(read('emoji.json')):
            if entry['category'] in CATEGORIES and entry['has_img_google']:
                picture = Image.open(io.BytesIO(read(f'img/google/64/{entry["image"]}')))
                yield entry['short_name'], np.asarray(picture.convert('RGBA'))


def is_object(picture: NDArray[np.uint8]) -> bool:
    """Return whether an icon uint8 [height, width, 4] has an outline and is of one piece."""
    solid = (picture[..., 3] >= 128).astype(np.uint8)
    sizes = cv2.connectedComponentsWithStats(solid)[2][1:, cv2.CC_STAT_AREA]
    return bool(SOLID[0] <= solid.mean() <= SOLID[1] and sizes.max() >= ONE_PIECE * sizes.sum())


def write_icons(archive: bytes, out: Path) -> int:
    """Write the icons that look like an object as a file of cutouts; return how many."""
    chosen = {name: picture for name, picture in icons_in(archive) if is_object(picture)}
    save_arrays(out, {'rgba': np.stack(list(chosen.values())),
                      'label': np.arange(len(chosen)), 'class_names': np.array(list(chosen))})
    return len(chosen)


@command('icons')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('--out', type=Path, required=True, metavar='NPZ')
    given = parser.parse_args(arguments)
    check_writable(given.out)
    print(f'{write_icons(fetched(), given.out)} icons in {given.out}')


if __name__ == '__main__':
    raise SystemExit(main())
