"""The compression of bags, from wherever this Python has it. A file may end early."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["MAGIC", "unpack", "zstd"]

MAGIC = b"\x28\xb5\x2f\xfd"
"""How whatever is compressed begins; a serialised message never does."""

_BLOCK = 1 << 20


def unpack(source: Path, target: Path) -> bool:
    """Decompress a file as far as it goes; return whether it was whole. Raises `OSError`."""
    with source.open("rb") as packed, target.open("wb") as out:
        decompressor = zstd.ZstdDecompressor()
        begun = False
        try:
            while True:
                if decompressor.eof:
                    rest = decompressor.unused_data
                    decompressor, begun = zstd.ZstdDecompressor(), False
                else:
                    rest = b""
                block = rest or (packed.read(_BLOCK) if decompressor.needs_input else b"")
                if not block and decompressor.needs_input:
                    return not begun
                begun = True
                out.write(decompressor.decompress(block, max_length=_BLOCK))
        except zstd.ZstdError:
            return False
