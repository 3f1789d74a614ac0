"""CLIP checkpoints with random weights and what `transformers` computes from them; run by hand, never by a test.

    pip install torch==2.11.0 transformers==4.46.3 tokenizers==0.20.3 safetensors==0.8.0
    python scripts/clip_fixtures.py tiny crates/embed/fixtures/clip
    python scripts/clip_fixtures.py aesthetics crates/embed/fixtures/clip
    python scripts/clip_fixtures.py tokens crates/embed/fixtures/clip VOCABULARY
    python scripts/clip_fixtures.py full-size /tmp/clip-vit-large-patch14 VOCABULARY

VOCABULARY is OpenAI's `bpe_simple_vocab_16e6.txt`, unpacked; the crate instant-clip-tokenizer carries it. `tiny` writes
two small models (OpenAI's form with quick_gelu; a later form with gelu, another EOS and 16-bit weights); `aesthetics` a
small model of the form of LAION's; `tokens` what
CLIPTokenizerFast gives for the texts of `clip_texts.py`; `full-size` a ViT-L/14, 1.7 GB, too large to commit.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, CLIPTokenizerFast

sys.path.insert(0, str(Path(__file__).parent))
from clip_texts import TEXTS

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)


def square(side, shift):
    """The pixels that the Rust tests make with the same formula."""
    y, x, c = np.mgrid[0:side, 0:side, 0:3]
    return ((x * 7 + y * 13 + c * 29 + (x * y) % 31 + shift) % 256).astype(np.uint8)


def image_vectors(model, shifts):
    side = model.config.vision_config.image_size
    batch = torch.stack([torch.from_numpy(square(side, shift)).permute(2, 0, 1) for shift in shifts])
    with torch.no_grad():
        return model.get_image_features(pixel_values=(batch.float() / 255 - MEAN) / STD)


def text_vectors(model, rows):
    vectors = []
    for ids in rows:
        with torch.no_grad():
            vectors.append(model.get_text_features(input_ids=torch.tensor([ids]))[0])
    return torch.stack(vectors)


def write_expected(folder, **vectors):
    plain = {name: rows if name == "ids" else rows.tolist() for name, rows in vectors.items()}
    (folder / "expected.json").write_text(json.dumps(plain) + "\n")


def tiny(folder):
    text = dict(vocab_size=120, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    vision = dict(hidden_size=16, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4)
    models = {
        "tiny-quick-gelu": CLIPConfig(
            projection_dim=12,
            text_config=dict(text, bos_token_id=118, eos_token_id=2, pad_token_id=119),
            vision_config=dict(vision, image_size=28, patch_size=7),
        ),
        "tiny-gelu-16-bit": CLIPConfig(
            projection_dim=20,
            text_config=dict(text, hidden_act="gelu", bos_token_id=4, eos_token_id=7, num_hidden_layers=1),
            vision_config=dict(vision, hidden_act="gelu", image_size=33, patch_size=8, layer_norm_eps=1e-6),
        ),
    }
    rows = [
        [118, 3, 17, 64, 119],
        [118, 50, 51, 7, 52, 119, 119, 119],
        [118] + [(at * 37) % 100 for at in range(75)] + [119],
        [118, 7, 5, 119, 7],
        [4, 9, 7],
    ]
    for name, config in models.items():
        torch.manual_seed(0)
        model = CLIPModel(config).eval()
        # transformers' initial values are so small that attention is flat and every vector the same.
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                if parameter.dim() > 1:
                    parameter.normal_(0, 0.25)
                else:
                    parameter.normal_(1.0 if "norm" in parameter_name and "weight" in parameter_name else 0.0, 0.2)
        model = model.half() if "16-bit" in name else model
        model.save_pretrained(folder / name)
        model = model.float()
        rows_that_end = [ids for ids in rows if 7 in ids] if "16-bit" in name else rows
        write_expected(
            folder / name, image=image_vectors(model, range(3)), ids=rows_that_end, text=text_vectors(model, rows_that_end)
        )


def tokenizers(vocabulary):
    """transformers' two tokenizers, from OpenAI's vocabulary, as `openai/clip-vit-large-patch14` has them."""
    merges = Path(vocabulary).read_text(encoding="utf-8").split("\n")[1 : 49152 - 256 - 2 + 1]
    byte_values = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters = [chr(value) for value in byte_values] + [chr(256 + n) for n in range(256 - len(byte_values))]
    words = letters + [letter + "</w>" for letter in letters] + [merge.replace(" ", "") for merge in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder = Path(tempfile.mkdtemp())
    (folder / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(words)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    files = dict(vocab_file=str(folder / "vocab.json"), merges_file=str(folder / "merges.txt"), model_max_length=77)
    slow = CLIPTokenizer(**files)
    slow.save_pretrained(folder)
    return CLIPTokenizerFast.from_pretrained(folder), slow


def tokens(folder, vocabulary):
    fast, slow = tokenizers(vocabulary)
    cases = [(text, fast(text, truncation=True).input_ids) for text in TEXTS]
    lines = ",\n".join(json.dumps([text, ids], ensure_ascii=True, separators=(",", ":")) for text, ids in cases)
    (folder / "tokens.json").write_text(f"[\n{lines}\n]\n")
    other = [text for text, ids in cases if slow(text, truncation=True).input_ids != ids]
    print(f"{len(cases)} texts; the slow CLIPTokenizer (without ftfy) differs on {len(other)}:")
    for text in other:
        print("  ", ascii(text[:70]))


def aesthetics(folder):
    """A small model of the form of LAION's: linear layers with dropout between them."""
    torch.manual_seed(0)
    linear = torch.nn.Linear
    layers = torch.nn.Sequential(linear(12, 8), torch.nn.Dropout(0.2), linear(8, 5), torch.nn.Dropout(0.2), linear(5, 1))
    model = torch.nn.ModuleDict({"layers": layers}).eval()
    torch.save(model.state_dict(), folder / "aesthetics.pth")
    save_file(model.state_dict(), folder / "aesthetics.safetensors")
    clip = torch.randn(5, 12) * 7
    with torch.no_grad():
        unit = torch.nn.functional.normalize(clip, dim=1)
        expected = {"clip": clip.tolist(), "first": layers[0](unit).tolist(), "score": layers(unit)[:, 0].tolist()}
    (folder / "aesthetics.json").write_text(json.dumps(expected) + "\n")


def full_size(folder, vocabulary):
    torch.manual_seed(0)
    vision = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, patch_size=14)
    text = dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, eos_token_id=2)
    model = CLIPModel(CLIPConfig(projection_dim=768, text_config=text, vision_config=vision)).eval()
    model.save_pretrained(folder)
    fast, _ = tokenizers(vocabulary)
    fast.save_pretrained(folder)
    rows = [fast(text, truncation=True).input_ids for text in TEXTS[:8]]
    write_expected(folder, image=image_vectors(model, range(4)), ids=rows, text=text_vectors(model, rows))


command, folder, *rest = sys.argv[1:]
folder = Path(folder)
folder.mkdir(parents=True, exist_ok=True)
{"tiny": tiny, "aesthetics": aesthetics, "tokens": tokens, "full-size": full_size}[command](folder, *rest)
