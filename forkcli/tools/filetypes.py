"""Tells from a file's first bytes what it is: an image that can be shown, text, or a binary and which.

Pure; content alone counts, never the name.
"""

_IMAGES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF87a": "GIF", b"GIF89a": "GIF"}
_BINARIES = {
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive (or a document made of one)",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "gzip data",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ\x00": "xz data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x7fELF": "an ELF program or library",
    b"MZ": "a Windows program",
    b"\xfe\xed\xfa\xce": "a Mach-O program",
    b"\xfe\xed\xfa\xcf": "a Mach-O program",
    b"\xcf\xfa\xed\xfe": "a Mach-O program",
    b"\xca\xfe\xba\xbe": "a Java class or a Mach-O program",
    b"\x00asm": "a WebAssembly module",
    b"SQLite format 3\x00": "a SQLite database",
    b"BM": "a BMP image",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
    b"\x00\x00\x01\x00": "an icon",
    b"OggS": "Ogg media",
    b"ID3": "MP3 audio",
    b"fLaC": "FLAC audio",
    b"wOFF": "a font",
    b"wOF2": "a font",
    b"PAR1": "a Parquet file",
}
_TEXTUAL = (b"%PDF-",)  # begins like text but never is worth reading as such
SNIFFED = 8192


def image_kind(head: bytes) -> str | None:
    """`PNG`, `JPEG`, `GIF` or `WEBP`, or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in _IMAGES.items() if head.startswith(magic)), None)


def binary_kind(head: bytes) -> str | None:
    """What a binary is, in words with an article; None for text. UTF-16 counts as binary, with its name."""
    head = head[:SNIFFED]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text"
    if not head.startswith(_TEXTUAL) and b"\0" not in head and not _mostly_controls(head):
        return None
    if head[257:262] == b"ustar":
        return "a tar archive"
    if head[4:8] == b"ftyp":
        return "MP4, HEIC or similar media"
    return next((words for magic, words in _BINARIES.items() if head.startswith(magic)), "a binary file")


def _mostly_controls(head: bytes) -> bool:
    """Whether over a tenth is neither text in UTF-8 nor in an 8-bit encoding (compressed data without NULs)."""
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\b" for byte in head)
    return controls * 20 > len(head)
