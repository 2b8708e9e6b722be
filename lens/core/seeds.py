"""Seeds derived from names. Does not import torch, which takes a second."""

import hashlib


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from values that name its purpose: derive_seed(seed, "shuffle")."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
