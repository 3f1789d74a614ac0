"""PyTorch's legacy `.pth` (before 1.6: pickles, then raw storages) to safetensors, without PyTorch.

Layout (torch/serialization.py, `_legacy_save`): pickled magic number, protocol version, system info, the state
dict with storages as persistent ids, the list of storage keys; then for each key an int64 element count and the
elements. Only the names a state dict needs are unpickled, so a hostile file can run nothing.
"""

import collections
import io
import json
import pickle
import struct

MAGIC = 0x1950A86A20F9469CFC6C
TYPES = {"FloatStorage": ("F32", 4), "LongStorage": ("I64", 8), "HalfStorage": ("F16", 2), "DoubleStorage": ("F64", 8)}


class Storage(collections.namedtuple("Storage", "dtype width key")):
    """A run of elements whose bytes come after the pickles."""


class View(collections.namedtuple("View", "storage offset size stride")):
    """A tensor: which elements of a storage, in which shape."""


class StateDictUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: View(storage, offset, size, stride)
        if module == "torch" and name in TYPES:
            return TYPES[name]
        raise pickle.UnpicklingError(f"a state dict has no use for {module}.{name}")

    def persistent_load(self, saved):
        kind, (dtype, width), key, _location, _count, *_ = saved
        if kind != "storage":
            raise pickle.UnpicklingError(f"unknown persistent id {kind!r}")
        return Storage(dtype, width, key)


def read(data):
    """`{name: (dtype, shape, bytes)}` of a legacy `.pth`."""
    stream = io.BytesIO(data)
    magic, _protocol, system = (StateDictUnpickler(stream).load() for _ in range(3))
    if magic != MAGIC or not system["little_endian"]:
        raise ValueError("not a legacy little-endian PyTorch file")
    state = StateDictUnpickler(stream).load()
    keys = StateDictUnpickler(stream).load()
    widths = {view.storage.key: view.storage.width for view in state.values()}
    storages = {}
    for key in keys:
        (count,) = struct.unpack("<q", stream.read(8))
        storages[key] = stream.read(count * widths[key])
    return {name: tensor(view, storages[view.storage.key]) for name, view in state.items()}


def tensor(view, storage):
    """A view's own elements in row-major order; the file keeps some convolutions with permuted strides."""
    size, stride, width = list(view.size), list(view.stride), view.storage.width
    elements = memoryview(storage)
    starts = [view.offset]
    for n, step in zip(size, stride):
        starts = [start + i * step for start in starts for i in range(n)]
    return view.storage.dtype, size, b"".join(elements[at * width:(at + 1) * width] for at in starts)


def to_safetensors(data, path):
    """Writes every tensor of a legacy `.pth` as one safetensors file."""
    tensors, header, offset = read(data), {}, 0
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(content)]}
        offset += len(content)
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(encoded)) + encoded)
        for _dtype, _shape, content in tensors.values():
            out.write(content)
