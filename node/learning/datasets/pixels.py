# SPDX-License-Identifier: Apache-2.0
"""From a PNG or JPEG file to 28×28 grey values, as MedMNIST was made.

    turned as its EXIF orientation says -> grey -> the largest centred square -> 28×28, bicubic

Grey of colour images is ITU-R 601 luma, transparency is dropped, 16 bits become the upper 8. Pillow's bicubic
filter widens with the reduction (it does not alias) and works in integers.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from node.errors import DataError
from node.learning.datasets.images import SIDE, Pixels

FORMATS = ("PNG", "JPEG")
FILE_LIMIT = 64 << 20
# A radiograph of 10,000 × 6,000; a small file can say that it has far more.
PIXELS_LIMIT = 60_000_000


class Picture(NamedTuple):
    """The grey values of an image file, uint8 [28, 28]; of a file of 16 bits, how many its largest value takes."""

    pixels: Pixels
    bits: int | None


def read_image(path: Path) -> Picture:
    """An image file; raises DataError with the reason and without its path."""
    try:
        if not path.is_file():
            # Opening something else, such as a pipe, might never return.
            raise FileNotFoundError
        if path.stat().st_size > FILE_LIMIT:
            raise DataError(f"larger than {FILE_LIMIT >> 20} MiB: save it again with fewer pixels")
        with warnings.catch_warnings():
            # Pillow only warns where somebody may be after this machine's memory.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                return _picture(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError("far more pixels than a radiograph has: save it again with fewer") from None
    except UnidentifiedImageError:
        raise DataError("neither a PNG nor a JPEG image: convert it") from None
    except FileNotFoundError:
        raise DataError("there is no such file: copy it there, or take its label out") from None
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, struct.error, zlib.error, MemoryError):
        raise DataError("cut off, damaged or not readable: export it again") from None


def _picture(image: Image.Image) -> Picture:
    width, height = image.size
    if width * height > PIXELS_LIMIT:
        raise DataError(f"{width} × {height} pixels: save it again with at most {PIXELS_LIMIT // 1_000_000} million")
    if getattr(image, "n_frames", 1) != 1:
        raise DataError("several pictures in one file: save them one by one")
    side = min(width, height)
    if side < SIDE:
        raise DataError(f"{width} × {height} pixels, and at least {SIDE} × {SIDE} are needed")
    image, bits = _grey(ImageOps.exif_transpose(image))
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return Picture(np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.uint8), bits)


def _grey(image: Image.Image) -> tuple[Image.Image, int | None]:
    if image.mode.startswith("I"):
        # Pillow's own conversion would cut 16-bit values off at 255 instead of scaling them.
        deep = np.asarray(image).astype(np.int64)
        return Image.fromarray((deep >> 8).clip(0, 255).astype(np.uint8)), int(deep.max()).bit_length()
    return image.convert("L"), None
