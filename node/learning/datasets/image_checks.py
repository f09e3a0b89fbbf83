# SPDX-License-Identifier: Apache-2.0
"""Images that are probably not what they should be: blank, of few greys, or dark since their bits were miscounted.

The limits lie below every one of the 5,544 chest X-rays in PneumoniaMNIST: their greys span at least 44 of 255, those
of their middle 96 % at least 26, and the brightest of each is at least 130.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from node.learning.datasets.images import Images, Pixels
from node.learning.findings import Finding, Kind, check_label
from node.plan import Label

BLANK_SPAN = 8
NARROW_SPAN, NARROW_MIDDLE = 32, 16
#: A file of 16 bits whose values take no more than these is dark.
SHALLOW_BITS = 14
_TOGETHER = 4096


#: Of each image of a split: its name, and how many bits its largest value takes, of one from a file of 16 bits.
Origins = Mapping[str, Sequence[tuple[str, int | None]]]


def check_images(splits: Mapping[str, Images], label: Label, origins: Origins) -> tuple[Finding, ...]:
    """What is wrong in kind with images, and with the labels of those to train on."""
    found = [told for name, images in splits.items() for told in _of_split(images.pixels, origins[name])]
    return (*found, *(check_label(label, splits["train"].labels.tolist()) if "train" in splits else ()))


def _of_split(pixels: Pixels, origins: Sequence[tuple[str, int | None]]) -> Iterator[Finding]:
    for start in range(0, len(pixels), _TOGETHER):
        flat = pixels[start : start + _TOGETHER].reshape(-1, pixels[0].size)
        spans = np.ptp(flat, axis=1).astype(int)
        low, high = np.percentile(flat, (2, 98), axis=1)
        for place, (span, middle) in enumerate(zip(spans.tolist(), (high - low).tolist(), strict=True), start=start):
            name, bits = origins[place]
            for told in _of_image(span, middle, bits):
                yield Finding("image", name, *told)


def _of_image(span: int, middle: float, bits: int | None) -> Iterator[tuple[Kind, str, str]]:
    if span < BLANK_SPAN and not bits:
        yield Kind.BLANK, "it is blank, with nearly the same grey everywhere", "Leave it out"
    elif bits is not None and bits <= SHALLOW_BITS:
        evidence = f"its file has 16 bits for a value, and the largest value needs {bits}: it would be read as dark"
        yield Kind.SHALLOW, evidence, "Export it again with its values stretched to 16 bits, or in 8"
    elif span < NARROW_SPAN or middle < NARROW_MIDDLE:
        evidence = f"its greys span {span} of 255, those of all but few pixels {middle:.0f}"
        yield Kind.NARROW, evidence, "Export it again with its full contrast"
