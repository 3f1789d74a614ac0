"""Embedding side by side with transformers and Pillow, in one run on one machine: `make bench-embed`.

    pip install torch==2.11.0 transformers==4.46.3 pillow==12.3.0 numpy
    python scripts/bench_embed.py CLIP_FOLDER [--images 32] [--work /tmp/bench-embed]

CLIP_FOLDER is a ViT-L/14 in the Hugging Face layout; scripts/clip_fixtures.py makes one of random weights, which is as
slow as the real one. The pictures are made here. What is compared: pictures on disk to the finished Parquet table by
`finegrain run embed`, loading of the weights included, against `get_image_features` on tensors in memory, nothing else
included; and one core from a file's bytes to the pixels of CLIP, ours against Pillow's (by CPU time).
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPModel

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


def pillow(data):
    im = Image.open(io.BytesIO(data))
    w, h = im.size
    size = (224, int(224 * h / w)) if w <= h else (int(224 * w / h), 224)
    im = im.resize(size, Image.BICUBIC)
    left, top = int(round((size[0] - 224) / 2)), int(round((size[1] - 224) / 2))
    im = im.crop((left, top, left + 224, top + 224)).convert("RGB")
    return (torch.from_numpy(np.asarray(im).copy()).permute(2, 0, 1).float() / 255 - MEAN) / STD


def rate(once, n, seconds=4.0, clock=time.perf_counter):
    once()
    start, done = clock(), 0
    while clock() - start < seconds:
        once()
        done += n
    return done / (clock() - start)


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
    theirs = rate(lambda: [pillow(data) for data in files], len(files), 2.0, time.thread_time)
    print(f"{kind} {side} x {side} ({sum(map(len, files)) // len(files) // 1024} KiB): Pillow {theirs:.1f} images/s, one core")
    command = ["cargo", "test", "-q", "--workspace", "--lib", "--", "--ignored", "--nocapture", "speed_of_one_core"]
    if os.environ.get("EMBED_TEST_PROGRAM"):  # Built already.
        command = [os.environ["EMBED_TEST_PROGRAM"], "--ignored", "--nocapture", "speed_of_one_core"]
    ours = subprocess.run(command, env={**os.environ, "BENCH_IMAGES": str(folder)}, capture_output=True, text=True, cwd=ROOT)
    for line in ours.stdout.splitlines():
        if "images/s" in line:
            print(f"  finegrain {line}")


def transformers(clip, precision, n_threads):
    torch.set_num_threads(n_threads)
    model = CLIPModel.from_pretrained(clip).eval().to(precision)
    pixels = torch.randn(8, 3, 224, 224).to(precision)
    with torch.no_grad():
        return rate(lambda: model.get_image_features(pixel_values=pixels), 8, seconds=20)


def finegrain(work, clip, precision, n_images, n_threads):
    data = work / f"data-{precision}"
    (data / "images").mkdir(parents=True)
    for at in range(n_images):
        picture(512, at).save(data / "images" / f"{at}.jpg", quality=90)
    (data / "prompts.csv").write_text("prompt_id,prompt,category,challenge\np0,a picture,,\n")
    rows = "".join(f"i{at:05},p0,,{at}.jpg\n" for at in range(n_images))
    (data / "images.csv").write_text("image_id,prompt_id,generator,path\n" + rows)
    (data / "ratings.csv").write_text("image_id,rater_id,aspect,context,rating,seconds\ni00000,r,overall,,1,1\n")
    encoder = f"{{ kind: clip, folder: {clip}, image_embedding: clip, precision: {precision} }}"
    sources = ", ".join(f"{name}: {data / name}.csv" for name in ["prompts", "images", "ratings"])
    sets = [f"image_root={data / 'images'}", f"ingest.sources={{ {sources} }}"]
    sets += [f"embed.image_encoder={encoder}", "embed.text_encoder=null", "embed.device=cpu"]
    options = [option for value in sets for option in ("--set", value)] + ["--data-root", str(data / "run")]
    for stage in ["ingest", "embed"]:
        command = [str(ROOT / "target/debug/finegrain"), "run", stage, *options]
        environment = {**os.environ, "OMP_NUM_THREADS": str(n_threads)}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
    record = json.loads((data / "run/runs/embed.json").read_text())
    return n_images / record["seconds"], record


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("clip", type=Path)
    arguments.add_argument("--images", type=int, default=32)
    arguments.add_argument("--work", type=Path, default=Path("/tmp/bench-embed"))
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    arguments.add_argument("--only", choices=["preprocessing", "model"])
    options = arguments.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    print(f"{options.threads} threads, load {os.getloadavg()[0]:.1f}")
    if options.only != "model":
        preprocessing(options.work, "JPEG", 512)
        preprocessing(options.work, "PNG", 1024)
    if options.only != "preprocessing":
        for name, precision in [("fp32", torch.float32), ("bf16", torch.bfloat16)]:
            theirs = transformers(options.clip, precision, options.threads)
            ours, record = finegrain(options.work, options.clip.resolve(), name, options.images, options.threads)
            peak = record.get("peak_memory_bytes", 0) / 2**20
            print(
                f"ViT-L/14 {name}: transformers on tensors in memory {theirs:.2f} images/s; finegrain from {options.images} "
                f"files to Parquet {ours:.2f} images/s, peak {peak:.0f} MiB"
            )
    print(f"load {os.getloadavg()[0]:.1f}")


main()
