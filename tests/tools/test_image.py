"""Images: sizes, formats, metadata, and files that lie."""

import base64
import io
import os
import struct
import zlib

import pytest
from PIL import Image
from tools_kit import Desk, complaint, text

from forkcli.errors import ForkError
from forkcli.tools.image import image_block
from forkcli.tools.read import read_tool


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def opened(block: dict[str, dict[str, str]]) -> Image.Image:
    source = block["source"]
    assert source["type"] == "base64"
    picture = Image.open(io.BytesIO(base64.b64decode(source["data"])))
    assert source["media_type"] == f"image/{str(picture.format).lower()}"
    return picture


async def test_an_image_is_an_image_block_with_a_line_about_it(desk: Desk) -> None:
    (desk.root / "shot.bin").write_bytes(saved(Image.new("RGB", (3000, 1500), "red"), "PNG"))
    outcome = await desk.call(read_tool(), path="shot.bin")
    assert [block["type"] for block in outcome.content] == ["text", "image"]
    assert text(outcome).startswith("[`shot.bin`: PNG image, 3000x1500 px, ")
    assert text(outcome).endswith(", shown at 1568x784 px]")
    assert opened(outcome.content[1]).size == (1568, 784)


@pytest.mark.parametrize(
    ("kind", "mode", "sent"),
    [
        ("PNG", "RGB", "PNG"),
        ("PNG", "RGBA", "PNG"),
        ("PNG", "1", "PNG"),
        ("PNG", "P", "PNG"),
        ("PNG", "I;16", "PNG"),
        ("JPEG", "RGB", "JPEG"),
        ("JPEG", "CMYK", "JPEG"),
        ("JPEG", "L", "JPEG"),
        ("GIF", "P", "PNG"),
        ("WEBP", "RGBA", "PNG"),
    ],
)
def test_every_format_and_mode_is_shown(kind: str, mode: str, sent: str) -> None:
    shown = image_block(saved(Image.new(mode, (40, 30)), kind), "x")
    picture = opened(shown.block)
    assert (picture.format, picture.size) == (sent, (40, 30))
    assert shown.words.startswith(f"{kind} image, 40x30 px, ")


def test_metadata_is_dropped_and_the_picture_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at home"
    shown = image_block(saved(Image.new("RGB", (40, 20)), "JPEG", exif=exif, comment=b"secret"), "x")
    picture = opened(shown.block)
    assert picture.size == (20, 40)
    data = base64.b64decode(shown.block["source"]["data"])
    assert b"taken at home" not in data
    assert b"secret" not in data
    assert not picture.getexif()


def test_texts_in_a_png_are_dropped() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Author", "somebody")
    shown = image_block(saved(Image.new("RGB", (4, 4)), "PNG", pnginfo=info), "x")
    assert b"somebody" not in base64.b64decode(shown.block["source"]["data"])


def test_an_animation_is_shown_by_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    shown = image_block(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), "x")
    assert shown.words.endswith("the first of 3 frames")


def test_what_is_too_large_as_png_is_sent_as_jpeg_under_the_limit() -> None:
    noise = Image.frombytes("RGBA", (1100, 1100), os.urandom(4 * 1100 * 1100))
    shown = image_block(saved(noise, "PNG", compress_level=1), "x")
    assert opened(shown.block).format == "JPEG"
    assert len(shown.block["source"]["data"]) < 5_000_000


def test_a_very_narrow_picture_keeps_a_pixel_of_width() -> None:
    assert opened(image_block(saved(Image.new("L", (1, 20_000)), "PNG"), "x").block).size == (1, 1568)


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [8000, 12_000, 50_000])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(ForkError, match="pixels"):
        image_block(png_claiming(side, side), "bomb.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_damaged_image_is_told_in_a_sentence(kind: str) -> None:
    whole = saved(Image.effect_noise((64, 64), 90), kind)
    for cut in (12, 20, 40, len(whole) // 2):
        with pytest.raises(ForkError) as caught:
            image_block(whole[:cut], "x.img")
        assert "`x.img` looks like an image but cannot be decoded" in complaint(caught.value)


def test_any_byte_of_an_image_may_be_wrong() -> None:
    refused: list[str] = []
    for kind in ("PNG", "JPEG", "GIF", "WEBP"):
        whole = bytearray(saved(Image.effect_noise((24, 24), 90), kind))
        for at in range(4, len(whole), 7):
            broken = bytes(whole[:at]) + bytes([whole[at] ^ 0xFF]) + bytes(whole[at + 1 :])
            try:
                image_block(broken, "x")
            except ForkError as error:
                refused.append(error.sentence)
    assert refused
    assert all(sentence.startswith("`x`") for sentence in refused)


async def test_an_image_file_beyond_the_limit_is_refused_unread(desk: Desk) -> None:
    with (desk.root / "big.png").open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(40 << 20)
    with pytest.raises(ForkError, match=r"`big.png` is a PNG image of 40\.0 MiB"):
        await desk.call(read_tool(), path="big.png")
