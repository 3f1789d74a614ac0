"""CPU and throughput of asking a VLM: our whole stage beside Python's clients and wrk, in one run.

    make bench-client            (or: python3 scripts/bench_vlm_client.py [--questions 20000] [--rounds 1])

A stub server (crates/synth-feedback/examples/stub_vlm.rs) answers every chat completion with a fixed one, at once or
after 100 ms. Every contender sends a picture of 22 kB as a 30 kB base64 body. Ours is `finegrain run synth-feedback` on a
generated data set: images read and hashed, answers parsed and read, kept in the journal and the store, tables written,
limits on (budgets a minute that are not reached). CPU is that of the client's process only (user and system), per 1,000
requests; for ours that of the whole process, and without its start (a run with 12 questions). The rate is the server's:
completions between the first request's arrival and the last answer. `wrk` is shown if it is there (apt-get install wrk);
Python's clients are installed into a virtual environment under target/bench-client/.
"""

import argparse
import asyncio
import base64
import json
import os
import pathlib
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import urllib.request
import zlib

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = REPOSITORY / "target" / "debug" / "finegrain"
STUB = REPOSITORY / "target" / "debug" / "examples" / "stub_vlm"
VENV = REPOSITORY / "target" / "bench-client" / "venv"
ATTRIBUTES = 12  # questions a picture
DELAY = 0.1
IN_FLIGHT = [64, 256]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=20_000, help="of our stage; the slower clients get fewer")
    parser.add_argument("--rounds", type=int, default=1, help="every figure is the best of so many")
    parser.add_argument("--only", help="contenders, separated by commas")
    arguments = parser.parse_args()
    contenders = {
        "finegrain": Finegrain(arguments.questions),
        "openai": Python("openai", arguments.questions // 10),
        "openai on aiohttp": Python("openai-aiohttp", arguments.questions // 10),
        "aiohttp": Python("aiohttp", arguments.questions // 2),
    }
    if shutil.which("wrk"):
        contenders["wrk"] = Wrk()
    else:
        print("wrk is not there (apt-get install wrk): the limit is not shown", file=sys.stderr)
    if arguments.only:
        contenders = {name: contenders[name] for name in arguments.only.split(",")}
    if any(isinstance(contender, Python) for contender in contenders.values()):
        make_venv()

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, 30 kB a request, "
          f"{arguments.questions} questions of ours, best of {arguments.rounds}\n")
    heads = ["client", "CPU s/1,000, answers at once", "requests/s"]
    for n in IN_FLIGHT:
        heads += [f"CPU s/1,000, 100 ms, {n} in flight", f"share of {n / DELAY:.0f}/s"]
    print("| " + " | ".join(heads + ["peak MB"]) + " |\n|" + " --- |" * (len(heads) + 1), flush=True)
    with tempfile.TemporaryDirectory(prefix="finegrain-bench-") as scratch, Stub(0) as quick, Stub(100) as slow:
        for name, contender in contenders.items():
            contender.prepare(pathlib.Path(scratch))
            runs = [(quick, IN_FLIGHT[0])] + [(slow, n) for n in IN_FLIGHT]
            best = []
            for stub, n_in_flight in runs:
                rounds = [measured(contender, stub, n_in_flight) for _ in range(arguments.rounds)]
                cpu = min(rounds, key=lambda one: one["cpu"])
                best.append({**cpu, "rate": max(one["rate"] for one in rounds), "rss": max(one["rss"] for one in rounds)})
            cells = [f"{cpu_text(best[0])}", f"{best[0]['rate']:,.0f}"]
            for n_in_flight, one in zip(IN_FLIGHT, best[1:]):
                cells += [cpu_text(one), f"{one['rate'] * DELAY / n_in_flight:.1%}"]
            cells.append(f"{max(one['rss'] for one in best) / 1e6:.0f}")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def cpu_text(one):
    start = one.get("cpu_without_start")
    return f"{one['cpu']:.3f}" + ("" if start is None else f" ({start:.3f} without its start)")


def measured(contender, stub, n_in_flight):
    stub.stats()
    cpu_seconds, rss, start_seconds = contender.run(stub.url, n_in_flight)
    stats = stub.stats()
    if stats["n"] == 0:
        sys.exit(f"{contender}: no answer")
    one = {"cpu": 1000 * cpu_seconds / stats["n"], "rate": stats["n"] / stats["seconds"], "rss": rss}
    if start_seconds is not None:
        one["cpu_without_start"] = 1000 * (cpu_seconds - start_seconds) / stats["n"]
    return one


class Stub:
    def __init__(self, delay_ms):
        self.delay_ms = delay_ms

    def __enter__(self):
        command = [STUB, "--delay-ms", str(self.delay_ms)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{port}/v1"
        self.stats_url = f"http://127.0.0.1:{port}/stats"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def stats(self):
        """Completions since the last look, and the seconds between the first request and the last answer."""
        with urllib.request.urlopen(self.stats_url) as response:
            return json.load(response)


def picture(number):
    """A PNG of 22 kB that does not compress."""
    side = 85
    draw = random.Random(number)
    rows = b"".join(b"\0" + draw.randbytes(3 * side) for _ in range(side))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b""))


def body(number=0):
    url = "data:image/png;base64," + base64.b64encode(picture(number)).decode()
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "is the image bright"}]
    return {"model": "stub", "max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": 20,
            "messages": [{"role": "user", "content": content}]}


def run_process(command, **more):
    """CPU seconds, and peak resident bytes, of a process that must succeed."""
    process = subprocess.Popen(command, **more)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command}: exit code {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


class Finegrain:
    """Our stage, from the pipeline file to the tables."""

    def __init__(self, n_questions):
        self.n_images = max(1, n_questions // ATTRIBUTES)

    def prepare(self, scratch):
        self.whole, self.start = scratch / "whole", scratch / "start"
        for folder, n_images in [(self.whole, self.n_images), (self.start, 1)]:
            images = folder / "images"
            images.mkdir(parents=True)
            for number in range(n_images):
                (images / f"{number}.png").write_bytes(picture(number))
            (folder / "prompts.csv").write_text("prompt_id,prompt\np0,a picture\n")
            lines = "".join(f"i{number},p0,{number}.png\n" for number in range(n_images))
            (folder / "images.csv").write_text("image_id,prompt_id,path\n" + lines)
            attributes = [f"quality number {at}" for at in range(ATTRIBUTES)]
            (folder / "pipeline.yaml").write_text(PIPELINE.replace("ATTRIBUTES", json.dumps(attributes)))
            self.stage("ingest", folder)

    def stage(self, stage, folder, url="http://127.0.0.1:1/v1", n_in_flight=1):
        shutil.rmtree(folder / "run" / "store", ignore_errors=True)
        command = [PROGRAM, "run", stage, "--config", "pipeline.yaml",
                   "--set", f"synth-feedback.endpoint.base_url={url}",
                   "--set", f"synth-feedback.endpoint.concurrency={n_in_flight}"]
        if stage != "ingest":
            command.append("--force")
        return run_process(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self, url, n_in_flight):
        start, _ = self.stage("synth-feedback", self.start, url, n_in_flight)
        urllib.request.urlopen(url.replace("/v1", "/stats")).close()
        cpu, rss = self.stage("synth-feedback", self.whole, url, n_in_flight)
        return cpu, rss, start


PIPELINE = """
data_root: run
image_root: images
ingest:
  sources: { prompts: prompts.csv, images: images.csv }
  prompts: SELECT prompt_id, prompt FROM prompts
  images: SELECT image_id, prompt_id, path FROM images
  split: { train: 1.0, validation: 0.0, test: 0.0, seed: 0 }
  on_bad_image: fail
  max_image_bytes: 1000000
  max_image_pixels: 1000000
synth-feedback:
  quality: { attributes: ATTRIBUTES, question: "is the image {attribute}" }
  alignment: false
  endpoint:
    base_url: http://127.0.0.1:1/v1
    model: stub
    concurrency: 1
    timeout_seconds: 60
    max_attempts: 6
    requests_per_minute: 100000000
    tokens_per_minute: 4000000000
  missing_answer: null
"""


class Python:
    """One of Python's clients, in a process of its own."""

    def __init__(self, client, n_requests):
        self.client, self.n_requests = client, max(n_requests, 512)

    def prepare(self, scratch):
        pass

    def run(self, url, n_in_flight):
        command = [VENV / "bin" / "python", __file__, "--client", self.client, url, str(self.n_requests), str(n_in_flight)]
        said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return said["cpu"], said["rss"], None


class Wrk:
    """The limit: one thread of C."""

    def prepare(self, scratch):
        self.script = scratch / "post.lua"
        self.script.write_text("wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\n"
                               f"wrk.body = [==[{json.dumps(body())}]==]\n")

    def run(self, url, n_in_flight):
        command = ["wrk", "-t1", f"-c{n_in_flight}", "-d5s", "-s", self.script, f"{url}/chat/completions"]
        return *run_process(command, stdout=subprocess.DEVNULL), None


def make_venv():
    if not (VENV / "ready").exists():
        VENV.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        packages = ["openai[aiohttp]", "aiohttp"]
        subprocess.run([VENV / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
        (VENV / "ready").touch()


def python_client(client, url, n_requests, n_in_flight):
    """Asks with one of Python's clients; prints the CPU of that, without imports."""
    asyncio.run(ask_with(client, url, n_requests, n_in_flight))


async def ask_with(client, url, n_requests, n_in_flight):
    question = body()
    if client == "aiohttp":
        import aiohttp

        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=n_in_flight))

        async def ask():
            async with session.post(f"{url}/chat/completions", json=question) as response:
                answer = await response.json()
                assert len(answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 20
    else:
        import openai

        more = {"http_client": openai.DefaultAioHttpClient()} if client == "openai-aiohttp" else {}
        session = openai.AsyncOpenAI(base_url=url, api_key="none", **more)

        async def ask():
            answer = await session.chat.completions.create(**question)
            assert len(answer.choices[0].logprobs.content[0].top_logprobs) == 20

    left = iter(range(n_requests))

    async def worker():
        for _ in left:
            await ask()

    before = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.gather(*(worker() for _ in range(n_in_flight)))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    await session.close()
    print(json.dumps({"cpu": cpu, "rss": after.ru_maxrss * 1024}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        python_client(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
