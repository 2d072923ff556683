"""Makes an image block out of an image file: small enough for the API, upright, without metadata.

Pixels are always encoded anew, so no EXIF data (places, serial numbers) leaves the machine. A picture that would
unpack to more than MAX_PIXELS is refused before it is unpacked.
"""

import base64
import io
import struct
import threading
import warnings
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forkcli.core.messages import Block
from forkcli.errors import ForkError
from forkcli.tools.output import size

if TYPE_CHECKING:
    from PIL import Image as Pillow

LONG_SIDE = 1568  # pixels; the API scales down what is larger
MAX_PIXELS = 50_000_000
MAX_FILE = 32 << 20  # bytes of an image file that are read
MAX_ENCODED = 5_000_000 * 3 // 4 - 1024  # bytes, so that base64 stays under the API's 5 MB
_UNPACKED = threading.Lock()  # one picture at a time: unpacked it may take some hundred MiB
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_QUALITIES = (88, 75, 55, 35)
# What Pillow raises for damaged files, by format.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, struct.error, zlib.error)


@dataclass(frozen=True, slots=True)
class ShownImage:
    """An image block and what it is, in words."""

    block: Block
    words: str


def image_block(data: bytes, name: str) -> ShownImage:
    """The image in `data`. ForkError when it is damaged or unpacks to too much. Takes up to a second: use a thread."""
    try:
        with _UNPACKED:
            picture = _opened(data, name)
            kind, frames, (width, height) = picture.format, getattr(picture, "n_frames", 1), picture.size
            upright = _upright(picture)
            encoded, media_type = _encoded(upright)
    except _DAMAGE as error:
        raise ForkError(f"`{name}` looks like an image but cannot be decoded: {error}") from error
    words = f"{kind} image, {width}x{height} px, {size(len(data))}"
    words += f", the first of {frames} frames" if frames > 1 else ""
    words += f", shown at {upright.width}x{upright.height} px" if max(upright.size) < max(width, height) else ""
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(encoded).decode("ascii")}
    return ShownImage({"type": "image", "source": source}, words)


def _opened(data: bytes, name: str) -> "Pillow.Image":
    """The picture with its header read and nothing unpacked yet."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            picture: Pillow.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
        except Image.DecompressionBombError as error:
            raise ForkError(f"`{name}` would unpack to too many pixels and is not read") from error
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise ForkError(
            f"`{name}` has {width}x{height} pixels, more than {MAX_PIXELS // 1_000_000} million, and is not read",
            "scale or crop it to another file first",
        )
    return picture


def _upright(picture: "Pillow.Image") -> "Pillow.Image":
    """Turned as its EXIF data says, in a mode that PNG and JPEG share, at most LONG_SIDE long."""
    from PIL import Image, ImageOps

    if picture.format == "JPEG":
        picture.draft(None, (LONG_SIDE, LONG_SIDE))
    flat = picture.convert(_mode(picture))
    flat.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    orientation = picture.getexif().get(0x0112, 1)
    flat.getexif()[0x0112] = orientation
    turned = ImageOps.exif_transpose(flat)
    turned.info.clear()
    turned.format = picture.format
    return turned


def _mode(picture: "Pillow.Image") -> str:
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        return "RGBA"
    return "L" if picture.mode in {"1", "L", "I", "I;16", "F"} else "RGB"


def _encoded(picture: "Pillow.Image") -> tuple[bytes, str]:
    """Its bytes and media type: PNG, or JPEG for what was one and for what is too large as PNG."""
    if picture.format != "JPEG":
        data = _saved(picture, "PNG")
        if len(data) <= MAX_ENCODED:
            return data, "image/png"
    opaque = _on_white(picture)
    for quality in _QUALITIES:
        data = _saved(opaque, "JPEG", quality=quality)
        if len(data) <= MAX_ENCODED:
            break
    return data, "image/jpeg"


def _saved(picture: "Pillow.Image", kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, exif=b"", **options)
    return out.getvalue()


def _on_white(picture: "Pillow.Image") -> "Pillow.Image":
    from PIL import Image

    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground
