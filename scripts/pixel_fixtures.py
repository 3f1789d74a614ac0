"""Odd pictures and what Pillow makes of them, for the tests of `embed`; run by hand, never by a test.

    pip install pillow==12.3.0 numpy
    python scripts/pixel_fixtures.py crates/embed/fixtures/pixels

Writes some ninety small files and `expected.json`: for each the SIDE × SIDE RGB pixels that CLIP's preprocessing gives
(torchvision's Resize, CenterCrop and convert("RGB") on a Pillow image), in hexadecimal. `turned.json`: the same after
`ImageOps.exif_transpose`.
"""

import io
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SIDE = 16
OUT = Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)
expected = {}
turned = {}


def centre_square(im, side=SIDE):
    w, h = im.size
    nw, nh = (side, int(side * h / w)) if w <= h else (int(side * w / h), side)
    left, top = int(round((nw - side) / 2.0)), int(round((nh - side) / 2.0))
    return im.resize((nw, nh), Image.BICUBIC).crop((left, top, left + side, top + side)).convert("RGB")


def keep(name, data):
    (OUT / name).write_bytes(data)
    im = Image.open(io.BytesIO(data))
    expected[name] = centre_square(im).tobytes().hex()
    print(f"{name}: {im.mode} {im.size}, {len(data)} bytes")


def keep_turned(name, data):
    (OUT / name).write_bytes(data)
    im = Image.open(io.BytesIO(data))
    turned[name] = centre_square(ImageOps.exif_transpose(im)).tobytes().hex()
    print(f"{name}: {im.mode} {im.size}, {len(data)} bytes, turned")


def values(w, h, channels, most, seed=1):
    """A gradient with noise and hard edges."""
    y, x, c = np.mgrid[0:h, 0:w, 0:channels]
    noise = np.random.default_rng(seed).integers(0, 60, (h, w, channels))
    smooth = (x * 5 + y * 3 + c * 60 + noise) % 256
    edges = 255 * ((x // 5 + y // 4 + c) % 2)
    return (np.where((x + y) % 4 == 0, edges, smooth).astype(np.int64) * most + 127) // 255


def packed(rows, depth):
    """Samples [h, n] as PNG rows of that bit depth, without filter bytes."""
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in rows]
    if depth == 8:
        return [row.astype(np.uint8).tobytes() for row in rows]
    bits = [[(int(value) >> at) & 1 for value in row for at in range(depth - 1, -1, -1)] for row in rows]
    return [np.packbits(row).tobytes() for row in bits]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(colour, depth, samples, *, palette=None, transparency=None, interlaced=False):
    """Any PNG: Pillow writes only some kinds. `samples` is [h, w, channels]."""
    h, w, channels = samples.shape

    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x, y, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if part.size:
            raw += b"".join(b"\0" + row for row in packed(part.reshape(part.shape[0], -1), depth))
    data = b"\x89PNG\r\n\x1a\n"
    data += chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlaced)))
    if palette is not None:
        data += chunk(b"PLTE", bytes(palette))
    if transparency is not None:
        data += chunk(b"tRNS", bytes(transparency))
    return data + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def saved(im, format, **options):
    out = io.BytesIO()
    im.save(out, format, **options)
    return out.getvalue()


def rgb(w, h, seed=1):
    return Image.fromarray(values(w, h, 3, 255, seed).astype(np.uint8))


def palette_of(n):
    return np.random.default_rng(n).integers(0, 256, 3 * n).astype(np.uint8).tobytes()


# Sizes: shrinking, growing, long, tiny, and both roundings of the crop.
for w, h in [(37, 53), (53, 37), (16, 16), (17, 16), (16, 19), (1, 1), (2, 3), (1, 40), (40, 1), (90, 17), (18, 77), (64, 64)]:
    keep(f"png-rgb-{w}x{h}.png", saved(rgb(w, h), "PNG"))
# Every kind of PNG.
for depth in [1, 2, 4, 8, 16]:
    keep(f"png-grey-{depth}.png", png(0, depth, values(37, 41, 1, 2**depth - 1)))
keep("png-grey-16-dark.png", png(0, 16, values(37, 41, 1, 300)))
keep("png-grey-16-extreme.png", png(0, 16, 65535 * ((values(37, 41, 1, 255) > 127) * 1)))
keep("png-grey-transparent.png", png(0, 8, values(29, 41, 1, 255), transparency=[0, 9]))
keep("png-grey-16-transparent.png", png(0, 16, values(29, 41, 1, 400), transparency=[0, 9]))
keep("png-grey-1-transparent.png", png(0, 1, values(29, 41, 1, 1), transparency=[0, 1]))
keep("png-rgb-16.png", png(2, 16, values(37, 41, 3, 65535)))
keep("png-rgb-transparent.png", png(2, 8, values(29, 41, 3, 255), transparency=[0, 9, 0, 9, 0, 9]))
keep("png-rgb-interlaced.png", png(2, 8, values(29, 41, 3, 255), interlaced=True))
for depth in [1, 2, 4, 8]:
    keep(f"png-palette-{depth}.png", png(3, depth, values(37, 41, 1, 2**depth - 1), palette=palette_of(2**depth)))
keep("png-palette-transparent.png", png(3, 4, values(37, 41, 1, 15), palette=palette_of(16), transparency=range(0, 160, 10)))
keep("png-palette-short.png", png(3, 4, values(37, 41, 1, 15), palette=palette_of(11)))
keep("png-palette-interlaced.png", png(3, 4, values(37, 41, 1, 15), palette=palette_of(16), interlaced=True))
keep("png-palette-grown.png", png(3, 8, values(7, 9, 1, 255), palette=palette_of(256)))
keep("png-palette-grey.png", png(3, 8, values(37, 41, 1, 255), palette=[n for n in range(256) for _ in range(3)]))
for depth in [8, 16]:
    keep(f"png-grey-alpha-{depth}.png", png(4, depth, values(37, 41, 2, 2**depth - 1)))
    keep(f"png-rgb-alpha-{depth}.png", png(6, depth, values(37, 41, 4, 2**depth - 1)))
holes = values(37, 41, 4, 255)
holes[:, :, 3] *= holes[:, :, 0] > 100
keep("png-rgb-alpha-holes.png", png(6, 8, holes))
keep("png-rgb-alpha-interlaced.png", png(6, 8, holes, interlaced=True))
# Nothing to resize: Pillow copies them, and colours under full transparency stay.
keep("png-rgb-alpha-16x19.png", png(6, 8, holes[:19, :16]))
keep("png-grey-alpha-16x16.png", png(4, 8, holes[:16, :16, 2:]))
# GIF.
indexed = Image.fromarray(values(37, 41, 1, 255)[:, :, 0].astype(np.uint8), "P")
indexed.putpalette(palette_of(256))
keep("gif.gif", saved(indexed, "GIF", interlace=0))
keep("gif-interlaced.gif", saved(indexed, "GIF", interlace=1))
keep("gif-transparent.gif", saved(indexed, "GIF", transparency=7))
keep("gif-grey.gif", saved(Image.fromarray(values(37, 41, 1, 255)[:, :, 0].astype(np.uint8)), "GIF"))
other = indexed.transpose(Image.ROTATE_180)
keep("gif-animated.gif", saved(indexed, "GIF", save_all=True, append_images=[other], duration=50))


def gif_with_a_small_frame(transparency=None, palette=palette_of(4), screen=(20, 30), at=(5, 7)):
    """A canvas of 20 × 30 with a first frame of 8 × 2 at (5, 7): the rest is not drawn on."""
    control = b"" if transparency is None else b"\x21\xf9\x04\x01\x00\x00" + bytes([transparency]) + b"\x00"
    pixels = [1, 2, 3, 1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 2, 1, 3]
    # A clear code (4) before every pixel keeps codes 3 bits wide; 5 ends them.
    codes = [code for pixel in pixels for code in (4, pixel)] + [5]
    bits = "".join(format(code, "03b")[::-1] for code in codes)
    data = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    return (
        b"GIF89a" + struct.pack("<HHBBB", *screen, 0x91, 2, 0) + palette + control
        + b"," + struct.pack("<HHHHB", *at, 8, 2, 0) + b"\x02" + bytes([len(data)]) + data + b"\0;"
    )


keep("gif-small-frame.gif", gif_with_a_small_frame())
keep("gif-small-frame-transparent.gif", gif_with_a_small_frame(transparency=3))
keep("gif-frame-beyond-the-screen.gif", gif_with_a_small_frame(screen=(4, 1), at=(0, 0)))
keep("gif-frame-beyond-the-corner.gif", gif_with_a_small_frame(screen=(9, 8), transparency=3))
keep("gif-without-a-screen.gif", gif_with_a_small_frame(screen=(0, 0), at=(0, 0)))
keep("gif-grey-ramp.gif", gif_with_a_small_frame(palette=bytes([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])))


# BMP.
def bmp(bits, samples, palette=b"", top_down=False, compression=0, masks=b""):
    h, w = samples.shape[:2]
    rows = packed(samples.reshape(h, -1), bits) if bits <= 8 else [row.tobytes() for row in samples]
    rows = [row + b"\0" * (-len(row) % 4) for row in (rows if top_down else reversed(rows))]
    offset = 54 + len(masks) + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, w, -h if top_down else h, 1, bits, compression, 0, 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", offset + sum(map(len, rows)), 0, 0, offset) + header + masks + palette + b"".join(rows)


def bmp_palette(colours):
    return b"".join(bytes(colours[at : at + 3]) + b"\0" for at in range(0, len(colours), 3))


keep("bmp-24.bmp", saved(rgb(23, 31), "BMP"))
keep("bmp-24-top-down.bmp", bmp(24, values(22, 31, 3, 255).astype(np.uint8), top_down=True))
keep("bmp-8.bmp", bmp(8, values(21, 31, 1, 255), bmp_palette(palette_of(256))))
keep("bmp-8-grey.bmp", saved(Image.fromarray(values(23, 31, 1, 255)[:, :, 0].astype(np.uint8)), "BMP"))
# The header counts its colours: a ramp of 200 greys is grey, not a palette.
keep("bmp-8-grey-200.bmp", bmp(8, values(21, 31, 1, 199), bmp_palette([n for n in range(200) for _ in range(3)])))
keep("bmp-8-200.bmp", bmp(8, values(21, 31, 1, 199), bmp_palette(palette_of(200))))
keep("bmp-4.bmp", bmp(4, values(21, 31, 1, 15), bmp_palette(palette_of(16))))
keep("bmp-1.bmp", bmp(1, values(37, 31, 1, 1), bmp_palette(palette_of(2))))
keep("bmp-1-black-and-white.bmp", bmp(1, values(37, 31, 1, 1), bmp_palette(bytes([0, 0, 0, 255, 255, 255]))))
keep("bmp-16.bmp", bmp(16, values(22, 31, 1, 32767)[:, :, 0].astype("<u2")))
masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
keep("bmp-16-565.bmp", bmp(16, values(22, 31, 1, 65535)[:, :, 0].astype("<u2"), compression=3, masks=masks))
keep("bmp-32.bmp", bmp(32, values(22, 31, 4, 255).astype(np.uint8)))
# WebP.
keep("webp-lossless.webp", saved(rgb(37, 29), "WEBP", lossless=True))
keep("webp-lossless-alpha.webp", saved(Image.fromarray(holes.astype(np.uint8), "RGBA"), "WEBP", lossless=True, exact=True))
keep("webp-lossy.webp", saved(rgb(64, 48), "WEBP", quality=80))
# JPEG.
photo = rgb(41, 31).resize((82, 62), Image.BICUBIC)
keep("jpeg-444.jpg", saved(photo, "JPEG", quality=95, subsampling=0))
keep("jpeg-422.jpg", saved(photo, "JPEG", quality=85, subsampling=1))
keep("jpeg-420.jpg", saved(photo, "JPEG", quality=75, subsampling=2))
keep("jpeg-progressive.jpg", saved(photo, "JPEG", quality=75, progressive=True))
keep("jpeg-restarts.jpg", saved(photo, "JPEG", quality=75, restart_marker_rows=1))
keep("jpeg-grey.jpg", saved(photo.convert("L"), "JPEG", quality=90))
keep("jpeg-cmyk.jpg", saved(photo.convert("CMYK"), "JPEG", quality=90))
keep("jpeg-420-16x19.jpg", saved(photo.crop((0, 0, 16, 19)), "JPEG", quality=75, subsampling=2))
# Inks with black in them; the same as YCCK, by the transform that Adobe's segment names: its last byte.
inks = Image.fromarray(values(41, 31, 4, 255).astype(np.uint8), "CMYK").resize((82, 62), Image.BICUBIC)
keep("jpeg-cmyk-black.jpg", saved(inks, "JPEG", quality=90))
adobe = saved(inks, "JPEG", quality=90)
transform = adobe.index(b"Adobe") + 11
keep("jpeg-ycck.jpg", adobe[:transform] + b"\2" + adobe[transform + 1 :])
exif = Image.Exif()
exif[0x0112] = 6  # "Rotate 90 CW": not done.
keep("jpeg-exif-rotated.jpg", saved(photo, "JPEG", quality=90, exif=exif))



# Orientation in EXIF.
def noted(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


for orientation in range(1, 9):
    keep_turned(f"exif-png-{orientation}.png", saved(rgb(29, 41), "PNG", exif=noted(orientation)))
end = png(0, 16, values(29, 41, 1, 300))
keep_turned("exif-png-grey-16-at-the-end.png", end[:-12] + chunk(b"eXIf", noted(6).tobytes()[6:]) + end[-12:])
keep_turned("exif-png-palette.png", saved(indexed, "PNG", exif=noted(8)))
keep_turned("exif-png-alpha.png", saved(Image.fromarray(holes.astype(np.uint8), "RGBA"), "PNG", exif=noted(5)))
keep_turned("exif-webp.webp", saved(rgb(37, 29), "WEBP", lossless=True, exif=noted(7)))
keep_turned("jpeg-exif-rotated.jpg", saved(photo, "JPEG", quality=90, exif=exif))
keep_turned("exif-none.png", saved(rgb(29, 41), "PNG"))

(OUT / "turned.json").write_text(json.dumps(turned, indent=0) + "\n")
(OUT / "expected.json").write_text(json.dumps(expected, indent=0) + "\n")
print(len(expected), "files")
