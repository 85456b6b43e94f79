"""Picture files → ``(h, w, c)`` uint8, c = 1 (grey) or 3 (RGB): upright, opaque, 8 bits."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError, MissingPackage

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif")


@dataclass(frozen=True, slots=True)
class Inspected:
    """What one look at a file found: ``fault`` says why it cannot be decoded, "" where it can.

    ``pixels`` is a hash of what was decoded: of JPEG an eighth in size, so equal hashes are to be confirmed. There is
    one of these for every file: the hashes are bytes, half as long as their digits.
    """

    sha256: bytes
    pixels: bytes
    fault: str


def read(path: Path) -> NDArray[np.uint8]:
    """The picture in ``path``, ``(h, w, c)`` with c = 1 or 3. Raises DataError where it cannot be decoded."""
    image_module()
    try:
        return _array(_open(path.read_bytes()))
    # Pillow's decoders raise whatever their parsers stumble over
    except Exception as fault:
        raise DataError(f"'{path}' cannot be decoded: {_reason(fault)}", "replace the file or take it out") from fault


def inspect(path: Path) -> Inspected:
    """Whether ``path`` can be decoded to its end, and the hashes that duplicates are found by.

    JPEG is decoded at an eighth of its size: that reads every coefficient, at a fraction of the time.
    """
    image_module()
    try:
        content = path.read_bytes()
    except OSError as fault:
        return Inspected(sha256=b"", pixels=b"", fault=fault.strerror or str(fault))
    digest = hashlib.sha256(content).digest()
    try:
        image = _open(content)
        image.draft(None, (1, 1))
        return Inspected(sha256=digest, pixels=pixel_hash(_array(image)), fault="")
    except Exception as fault:  # as in read
        return Inspected(sha256=digest, pixels=b"", fault=_reason(fault))


def pixel_hash(pixels: NDArray[np.generic]) -> bytes:
    """A hash of the shape and the values of a picture."""
    digest = hashlib.blake2b(repr((pixels.shape, pixels.dtype.str)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.digest()


def on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``(…, c + 1)`` with alpha as the last channel, composed onto white: ``(…, c)``."""
    color, alpha = pixels[..., :-1].astype(np.uint32), pixels[..., -1:].astype(np.uint32)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def image_module() -> None:
    """Nothing; raises MissingPackage where Pillow is not installed."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as fault:
        raise MissingPackage.of("pillow", "images", "reading pictures") from fault


def _open(content: bytes) -> Image:
    from PIL import Image

    if not content:
        raise ValueError("the file is empty")
    return Image.open(io.BytesIO(content))


def _array(image: Image) -> NDArray[np.uint8]:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits of grey: the high byte, as Pillow itself does for 16-bit RGB
        deep = np.asarray(image).astype(np.int64)
        shallow = deep if image.mode == "I" and deep.max(initial=0) <= 255 else deep >> 8
        return np.clip(shallow, 0, 255).astype(np.uint8)[..., None]
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.asarray(image.convert("L"))[..., None]
    if image.mode == "LA":
        return on_white(np.asarray(image))
    if image.mode in ("RGBA", "PA", "La", "RGBa") or "transparency" in image.info:
        return on_white(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def _reason(fault: Exception) -> str:
    text = str(fault).partition("\n")[0]
    if text.startswith("cannot identify image file"):
        return "not a picture of a known kind"
    return text or type(fault).__name__
