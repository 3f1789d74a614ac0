"""A small TorchScript encoder and its vectors, for the tests of `embed`; run by hand, never by a test.

    pip install torch==2.11.0 numpy
    python scripts/torchscript_fixture.py crates/embed/fixtures/torchscript

Like SigLIP in `transformers`, it looks positions up by a buffer of 64-bit integers. Its sum of products is one that the
optimising executor rewrites after the first run, so that the last bits of its vectors would move.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

SIDE, N_FEATURES = 4, 8


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        weights = [torch.nn.Parameter(torch.randn(3 * SIDE, N_FEATURES) / 3) for _ in range(6)]
        self.a, self.b, self.c, self.d, self.e, self.f = weights
        self.positions = torch.nn.Embedding(5, N_FEATURES)
        self.register_buffer("position_ids", torch.tensor([3, 1]))

    def forward(self, pixels):
        x = pixels.mean(3).flatten(1)
        products = x.mm(self.a) + x.mm(self.b) + x.mm(self.c) + x.mm(self.d) + x.mm(self.e) + x.mm(self.f)
        return products + self.positions(self.position_ids).sum(0)


def square(shift):
    """The pixels that the Rust tests make with the same formula."""
    y, x, c = np.mgrid[0:SIDE, 0:SIDE, 0:3]
    return ((x * 7 + y * 13 + c * 29 + (x * y) % 31 + shift) % 256).astype(np.uint8)


folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
encoder = Encoder().eval()
pixels = torch.stack([torch.from_numpy(square(90 * at)).permute(2, 0, 1) for at in range(3)])
with torch.no_grad():
    vectors = encoder((pixels.float() / 255 - 0.5) / 0.25)
    script = torch.jit.script(encoder)
    runs = [script((pixels[:1].float() / 255 - 0.5) / 0.25) for _ in range(4)]
assert not torch.equal(runs[0], runs[-1]), "the executor moves the last bits"
script.save(str(folder / "encoder.pt"))
(folder / "expected.json").write_text(json.dumps(vectors.tolist()) + "\n")
