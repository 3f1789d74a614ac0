"""Embedding side by side with transformers, PyTorch and Pillow, in one run on one machine: `make bench-embed`.

    pip install torch==2.11.0 transformers==4.46.3 pillow==12.3.0 numpy efficientnet-lite-pytorch==0.1.0
    python scripts/bench_embed.py [CLIP_FOLDER] [--images 32] [--work /tmp/bench-embed] [--only preprocessing|clip|small|memory]
    python scripts/bench_embed.py --only memory|jpeg --pictures FOLDER

CLIP_FOLDER (for `clip`) is a ViT-L/14 in the Hugging Face layout; scripts/clip_fixtures.py makes one of random weights, which is as
slow as the real one. The pictures are made here, but for `memory` and `jpeg`, which take those of FOLDER. What is compared: pictures on
disk to the finished Parquet table by the whole command `finegrain run embed`, start and end included, against `get_image_features` on tensors in memory, nothing else
included; the default encoders against the same ones in eager PyTorch, on tensors in memory and with the images read by
Pillow; one core from a file's bytes to the tensor of CLIP, ours against Pillow's (by CPU time). `memory` fails where the peak
for many images is over its bound; `jpeg` says how far the decoders differ.
"""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image

ROOT = Path(__file__).parent.parent
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)


def picture(side, seed):
    """Smooth shapes, edges and grain, so that its files are about as large as a photo's."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize((side, side), Image.BICUBIC)
    fine = Image.fromarray(random.integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8)).resize((side, side))
    mixed = 0.8 * np.asarray(coarse, float) + 0.15 * np.asarray(fine, float) + random.normal(0, 3, (side, side, 3))
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def centre_square(im):
    w, h = im.size
    size = (224, int(224 * h / w)) if w <= h else (int(224 * w / h), 224)
    im = im.resize(size, Image.BICUBIC)
    left, top = int(round((size[0] - 224) / 2)), int(round((size[1] - 224) / 2))
    return im.crop((left, top, left + 224, top + 224)).convert("RGB")


def pillow(data):
    im = centre_square(Image.open(io.BytesIO(data)))
    return (torch.from_numpy(np.asarray(im).copy()).permute(2, 0, 1).float() / 255 - MEAN) / STD


def rate(once, n, seconds=4.0, clock=time.perf_counter):
    once()
    start, done = clock(), 0
    while clock() - start < seconds:
        once()
        done += n
    return done / (clock() - start)


def measured(test, folder):
    """What one of the embed crate's measuring tests prints of a folder of pictures."""
    command = ["cargo", "test", "-q", "--workspace", "--lib", "--", "--ignored", "--nocapture", test]
    if os.environ.get("EMBED_TEST_PROGRAM"):  # Built already.
        command = [os.environ["EMBED_TEST_PROGRAM"], "--ignored", "--nocapture", test]
    ended = subprocess.run(command, env={**os.environ, "BENCH_IMAGES": str(folder)}, capture_output=True, text=True, cwd=ROOT)
    if ended.returncode != 0 or "1 passed" not in ended.stdout:
        sys.exit(f"{' '.join(command)} failed:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def jpeg(work, pictures):
    """How far our decoder's pixels are from Pillow's, before any resize and after CLIP's."""
    folder = work / "jpeg"
    folder.mkdir()
    files = sorted(pictures.rglob("*.jpg"))
    for at, path in enumerate(files):
        shutil.copy(path, folder / f"{at}.jpg")
        im = Image.open(path)
        (folder / f"{at}.pixels").write_bytes(im.convert("RGB").tobytes())
        (folder / f"{at}.square").write_bytes(centre_square(im).tobytes())
    print(f"{len(files)} JPEGs against Pillow {PIL.__version__}")
    print("".join(f"  {line}\n" for line in measured("difference_of_jpegs", folder).splitlines() if "levels" in line), end="")


def preprocessing(work, kind, side):
    folder = work / f"{kind}-{side}"
    folder.mkdir()
    files = []
    for at in range(8):
        out = io.BytesIO()
        picture(side, at).save(out, kind, **({"quality": 90} if kind == "JPEG" else {}))
        files.append(out.getvalue())
        (folder / f"{at}.{kind.lower()}").write_bytes(files[-1])
    torch.set_num_threads(1)
    def theirs():
        return rate(lambda: [pillow(data) for data in files], len(files), 2.0, time.thread_time)

    before = theirs()
    rates = dict(re.findall(r"^(\w+): ([\d.]+) images/s", measured("speed_of_one_core", folder), re.MULTILINE))
    best = max(before, theirs())
    print(
        f"{kind} {side} x {side} ({sum(map(len, files)) // len(files) // 1024} KiB), one core, images/s: Pillow {best:.1f}; finegrain to "
        f"the tensor {rates['tensor']} ({float(rates['tensor']) / best:.2f} times), to 8-bit pixels {rates['square']}, decoding alone "
        f"{rates['decode']}"
    )


def transformers(clip, precision, n_threads):
    from transformers import CLIPModel

    torch.set_num_threads(n_threads)
    model = CLIPModel.from_pretrained(clip).eval().to(precision)
    pixels = torch.randn(8, 3, 224, 224).to(precision)
    with torch.no_grad():
        return rate(lambda: model.get_image_features(pixel_values=pixels), 8, seconds=20)


def small_eager(n_threads, data):
    """EfficientNet-Lite0 as `efficientnet-lite-pytorch` has it and MiniLM as transformers has it, each at its best batch."""
    from efficientnet_lite_pytorch import EfficientNet
    from transformers import AutoModel, AutoTokenizer

    torch.set_num_threads(n_threads)
    images = EfficientNet.from_name("efficientnet-lite0").eval()
    weights = ROOT / ".deps/weights/all-minilm-l6-v2"
    texts, tokenizer = AutoModel.from_pretrained(weights).eval(), AutoTokenizer.from_pretrained(weights)
    files = [path.read_bytes() for path in sorted((data / "images").iterdir())[:32]]
    prompts = [prompt_of(at) for at in range(32)]

    def encode(batch):
        tokens = tokenizer(batch, padding=True, return_tensors="pt")
        mask = tokens["attention_mask"].unsqueeze(-1)
        return torch.nn.functional.normalize((texts(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1))

    with torch.inference_mode():
        of_images = {}
        for n in [1, 4, 8, 16, 32]:
            pixels = torch.randn(n, 3, 224, 224)
            of_images[n] = rate(lambda: images.extract_features(pixels).mean((2, 3)), n)
        best = max(of_images, key=of_images.get)

        def from_files():
            for at in range(0, 32, best):
                images.extract_features(torch.stack([pillow(data) for data in files[at : at + best]])).mean((2, 3))

        with_files = rate(from_files, 32)
        of_texts = max(rate(lambda: [encode(prompts[at : at + n]) for at in range(0, 32, n)], 32, 2.0) for n in [1, 8, 32])
    print(f"  eager: {', '.join(f'batch {n} {r:.1f}' for n, r in of_images.items())} images/s; {of_texts:.0f} texts/s")
    return 1 / (1 / of_images[best] + 1 / of_texts), 1 / (1 / with_files + 1 / of_texts)


def prompt_of(at):
    return f"a photo of {at} small red boats and a green lighthouse under clouds"


def world(data, names, n_prompts):
    """Raw files of images; `names` are their files below `images`."""
    (data / "images").mkdir(parents=True, exist_ok=True)
    prompts = "".join(f"p{at},{prompt_of(at)},,\n" for at in range(n_prompts))
    (data / "prompts.csv").write_text("prompt_id,prompt,category,challenge\n" + prompts)
    rows = "".join(f"i{at:06},p{at % n_prompts},,{name}\n" for at, name in enumerate(names))
    (data / "images.csv").write_text("image_id,prompt_id,generator,path\n" + rows)
    (data / "ratings.csv").write_text("image_id,rater_id,aspect,context,rating,seconds\ni000000,r,overall,,1,1\n")


def embedded(data, n_threads, *sets, stages=("ingest", "embed")):
    """The seconds of the whole command `finegrain run embed` on such files, and its run record."""
    sources = ", ".join(f"{name}: {data / name}.csv" for name in ["prompts", "images", "ratings"])
    sets = [f"image_root={data / 'images'}", f"ingest.sources={{ {sources} }}", "embed.device=cpu", *sets]
    options = [option for value in sets for option in ("--set", value)] + ["--data-root", str(data / "run")]
    for stage in stages:
        program = os.environ.get("FINEGRAIN", str(ROOT / "target/debug/finegrain"))
        command = [program, "run", stage, *options]
        environment = {**os.environ, "OMP_NUM_THREADS": str(n_threads)}
        start = time.perf_counter()
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if ended.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{ended.stdout}{ended.stderr}")
    return seconds, json.loads((data / "run/runs/embed.json").read_text())


def small(work, n_images, n_threads):
    data = work / "small"
    (data / "images").mkdir(parents=True)
    names = [f"{at}.jpg" for at in range(n_images)]
    for at, name in enumerate(names):
        picture(512, at).save(data / "images" / name, quality=90)
    world(data, names, n_images)
    in_memory, with_files = small_eager(n_threads, data)
    seconds, _ = embedded(data, n_threads)
    ours = n_images / seconds
    print(
        f"EfficientNet-Lite0 and MiniLM, an image and a prompt together: eager on tensors in memory {in_memory:.1f}/s, with Pillow "
        f"from files {with_files:.1f}/s; finegrain from {n_images} files to Parquet, the whole command, {ours:.1f}/s "
        f"({ours / in_memory:.2f} and {ours / with_files:.2f} times)"
    )


def memory(work, pictures, n_threads):
    """Peak memory for many names of some pictures, and for many files that differ, against a bound that grows by their rows
    alone. What is configured: a picture a core and two vectors a core that wait; Parquet's row group of 64 MiB.
    """
    pictures = [path.read_bytes() for path in sorted(pictures.rglob("*.jpg"))]
    if not pictures:
        sys.exit("--pictures: no .jpg there")
    module = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(192, 1280))
    torch.jit.trace(module.eval(), torch.zeros(2, 3, 32, 32)).save(str(work / "cheap.pt"))
    script = f"{{ kind: torchscript, path: {work / 'cheap.pt'}, input_size: 32, mean: [0, 0, 0], std: [1, 1, 1] }}"
    cheap = [f"embed.image_encoder={script}"]

    def linked(folder, n):
        for at, picture in enumerate(pictures):
            (folder / f"{at}.jpg").write_bytes(picture)
        names = [f"{at}.jpg" for at in range(len(pictures))] + [f"l{at}.jpg" for at in range(len(pictures), n)]
        for at in range(len(pictures), n):
            os.link(folder / f"{at % len(pictures)}.jpg", folder / names[at])
        return names[:n]

    def distinct(folder, n):
        # Bytes after a JPEG's end change its digest and not its pixels.
        for at in range(n):
            (folder / f"{at}.jpg").write_bytes(pictures[at % len(pictures)] + at.to_bytes(4, "big"))
        return [f"{at}.jpg" for at in range(n)]

    over = False
    for what, make, n, sets in [
        ("links, the default encoders", linked, 200_000, []),
        ("files that differ, a cheap encoder of 1,280 numbers", distinct, 20_000, cheap),
    ]:
        peaks = {}
        for n in [len(pictures), n]:
            data = work / f"{make.__name__}-{n}"
            (data / "images").mkdir(parents=True)
            world(data, make(data / "images", n), len(pictures))
            seconds, record = embedded(data, n_threads, *sets)
            peaks[n] = record["peak_memory_bytes"] / 2**20
            print(f"{n} {what}: {seconds:.0f} s, peak {peaks[n]:.0f} MiB, {record['counts']['images_embedded']} embedded")
            shutil.rmtree(data)
        few, many = peaks.values()
        bound = few + 64 + n / 1024
        over |= many > bound
        print(f"  bound: {few:.0f} (program, model, {len(pictures)} pictures) + 64 (row group) + 1 KiB a row = {bound:.0f} MiB")
    if over:
        sys.exit("the peak is over its bound")


def finegrain(work, clip, precision, n_images, n_threads):
    """Images/s of the whole command, and of the images that a long run has more than a short one: without what happens
    once (start-up, loading, digests, the commit). Both are multiples of the threads, so that no core is idle at the end.
    """
    n_few, n_many = n_threads, max(2, n_images // n_threads) * n_threads
    data = work / f"data-{precision}"
    names = [f"{at}.jpg" for at in range(n_many)]
    sets = [f"embed.image_encoder={{ kind: clip, folder: {clip}, image_embedding: clip, precision: {precision} }}"]
    sets += ["embed.text_encoder=null"]
    world(data, names[:n_few], 1)
    for at, name in enumerate(names):
        picture(512, at).save(data / "images" / name, quality=90)
    few, _ = embedded(data, n_threads, *sets)
    shutil.rmtree(data / "run")
    world(data, names, 1)
    many, record = embedded(data, n_threads, *sets)
    return n_many, n_many / many, (n_many - n_few) / (many - few), record


def emptied(work):
    """The folder, empty; never one that is not this script's."""
    mark = work / ".bench-embed"
    if work.exists() and any(work.iterdir()) and not mark.exists():
        sys.exit(f"--work: `{work}` is not empty and not of this script; name another folder")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    mark.touch()
    return work


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("clip", type=Path, nargs="?")
    arguments.add_argument("--images", type=int, default=32)
    arguments.add_argument("--pictures", type=Path)
    arguments.add_argument("--work", type=Path, default=Path("/tmp/bench-embed"))
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    arguments.add_argument("--only", choices=["preprocessing", "clip", "small", "memory", "jpeg"])
    options = arguments.parse_args()
    if options.only in [None, "clip"] and options.clip is None:
        arguments.error("name the folder of a ViT-L/14, or another part with --only")
    if options.only in ["memory", "jpeg"] and options.pictures is None:
        arguments.error(f"--only {options.only} needs --pictures, a folder of JPEGs")
    work = emptied(options.work)
    print(f"{options.threads} threads, load {os.getloadavg()[0]:.1f}")
    if options.only in [None, "preprocessing"]:
        preprocessing(work, "JPEG", 512)
        preprocessing(work, "PNG", 1024)
    if options.only in [None, "small"]:
        small(work, 400, options.threads)
    if options.only in [None, "clip"]:
        for name, precision in [("fp32", torch.float32), ("bf16", torch.bfloat16)]:
            theirs = transformers(options.clip, precision, options.threads)
            n, ours, beyond, record = finegrain(work, options.clip.resolve(), name, options.images, options.threads)
            print(
                f"ViT-L/14 {name}: transformers on tensors in memory {theirs:.2f} images/s; finegrain from {n} files to Parquet "
                f"{ours:.2f} images/s, {beyond:.2f} without what happens once ({beyond / theirs:.2f} times), peak "
                f"{record['peak_memory_bytes'] / 2**20:.0f} MiB"
            )
    if options.only == "jpeg":
        jpeg(work, options.pictures)
    if options.only == "memory":
        memory(work, options.pictures, options.threads)
    print(f"load {os.getloadavg()[0]:.1f}")


main()
