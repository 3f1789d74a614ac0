"""Embedding side by side with transformers, PyTorch and Pillow, in one run on one machine: `make bench-embed`.

    pip install torch==2.11.0 transformers==4.46.3 pillow==12.3.0 numpy efficientnet-lite-pytorch==0.1.0
    python scripts/bench_embed.py CLIP_FOLDER [--images 32] [--work /tmp/bench-embed] [--only preprocessing|clip|small|memory]

CLIP_FOLDER is a ViT-L/14 in the Hugging Face layout; scripts/clip_fixtures.py makes one of random weights, which is as
slow as the real one. The pictures are made here. What is compared: pictures on disk to the finished Parquet table by
`finegrain run embed`, loading of the weights included, against `get_image_features` on tensors in memory, nothing else
included; the default encoders against the same ones in eager PyTorch, on tensors in memory and with the images read by
Pillow; one core from a file's bytes to the tensor of CLIP, ours against Pillow's (by CPU time); the peak memory for many images.
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
    """The run record of `embed` on such files."""
    sources = ", ".join(f"{name}: {data / name}.csv" for name in ["prompts", "images", "ratings"])
    sets = [f"image_root={data / 'images'}", f"ingest.sources={{ {sources} }}", "embed.device=cpu", *sets]
    options = [option for value in sets for option in ("--set", value)] + ["--data-root", str(data / "run")]
    for stage in stages:
        program = os.environ.get("FINEGRAIN", str(ROOT / "target/debug/finegrain"))
        command = [program, "run", stage, *options]
        environment = {**os.environ, "OMP_NUM_THREADS": str(n_threads)}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
    return json.loads((data / "run/runs/embed.json").read_text())


def small(work, n_images, n_threads):
    data = work / "small"
    (data / "images").mkdir(parents=True)
    names = [f"{at}.jpg" for at in range(n_images)]
    for at, name in enumerate(names):
        picture(512, at).save(data / "images" / name, quality=90)
    world(data, names, n_images)
    in_memory, with_files = small_eager(n_threads, data)
    record = embedded(data, n_threads)
    ours = n_images / record["seconds"]
    print(
        f"EfficientNet-Lite0 and MiniLM, an image and a prompt together: eager on tensors in memory {in_memory:.1f}/s, with Pillow "
        f"from files {with_files:.1f}/s; finegrain from {n_images} files to Parquet {ours:.1f}/s ({ours / in_memory:.2f} and "
        f"{ours / with_files:.2f} times)"
    )


def memory(work, n_threads):
    """200 pictures under many names, and many small pictures, each embedded once."""
    for n in [2_000, 200_000]:
        data = work / f"links-{n}"
        (data / "images").mkdir(parents=True)
        for at in range(200):
            picture(64, at).save(data / "images" / f"{at}.png")
        names = [f"l{at}.png" for at in range(n)]
        for at, name in enumerate(names):
            os.link(data / "images" / f"{at % 200}.png", data / "images" / name)
        world(data, names, 200)
        record = embedded(data, n_threads)
        print(f"{n} links to 200 pictures, the default encoders: {record['seconds']:.0f} s, peak {record['peak_memory_bytes'] / 2**20:.0f} MiB")
    module = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(192, 1280))
    torch.jit.trace(module.eval(), torch.zeros(2, 3, 32, 32)).save(str(work / "cheap.pt"))
    script = f"{{ kind: torchscript, path: {work / 'cheap.pt'}, input_size: 32, mean: [0, 0, 0], std: [1, 1, 1] }}"
    for n in [2_000, 20_000]:
        data = work / f"distinct-{n}"
        (data / "images").mkdir(parents=True)
        random = np.random.default_rng(0)
        for at in range(n):
            Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(data / "images" / f"{at}.png")
        world(data, [f"{at}.png" for at in range(n)], 200)
        record = embedded(data, n_threads, f"embed.image_encoder={script}")
        print(f"{n} small pictures, a cheap encoder of 1,280 numbers: {record['seconds']:.0f} s, peak {record['peak_memory_bytes'] / 2**20:.0f} MiB")


def finegrain(work, clip, precision, n_images, n_threads):
    """Images/s of a run, and of the images beyond the first run's: without what happens once (loading, digests)."""
    data = work / f"data-{precision}"
    names = [f"{at}.jpg" for at in range(n_images)]
    world(data, names[:2], 1)
    for at, name in enumerate(names):
        picture(512, at).save(data / "images" / name, quality=90)
    sets = [f"embed.image_encoder={{ kind: clip, folder: {clip}, image_embedding: clip, precision: {precision} }}"]
    sets += ["embed.text_encoder=null"]
    few = embedded(data, n_threads, *sets)["seconds"]
    shutil.rmtree(data / "run")
    world(data, names, 1)
    record = embedded(data, n_threads, *sets)
    return n_images / record["seconds"], (n_images - 2) / (record["seconds"] - few), record


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("clip", type=Path)
    arguments.add_argument("--images", type=int, default=32)
    arguments.add_argument("--work", type=Path, default=Path("/tmp/bench-embed"))
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    arguments.add_argument("--only", choices=["preprocessing", "clip", "small", "memory"])
    options = arguments.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    print(f"{options.threads} threads, load {os.getloadavg()[0]:.1f}")
    if options.only in [None, "preprocessing"]:
        preprocessing(options.work, "JPEG", 512)
        preprocessing(options.work, "PNG", 1024)
    if options.only in [None, "small"]:
        small(options.work, 400, options.threads)
    if options.only in [None, "clip"]:
        for name, precision in [("fp32", torch.float32), ("bf16", torch.bfloat16)]:
            theirs = transformers(options.clip, precision, options.threads)
            ours, beyond, record = finegrain(options.work, options.clip.resolve(), name, options.images, options.threads)
            print(
                f"ViT-L/14 {name}: transformers on tensors in memory {theirs:.2f} images/s; finegrain from {options.images} "
                f"files to Parquet {ours:.2f} images/s, {beyond:.2f} without what happens once, peak "
                f"{record['peak_memory_bytes'] / 2**20:.0f} MiB"
            )
    if options.only == "memory":
        memory(options.work, options.threads)
    print(f"load {os.getloadavg()[0]:.1f}")


main()
