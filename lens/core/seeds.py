"""Seeds that follow from names; no torch, which takes a second to import."""

import hashlib


def derive_seed(*parts: object) -> int:
    """A 63-bit seed for one purpose, from whatever names it: derive_seed(seed, "shuffle")."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
