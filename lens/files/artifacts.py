"""Files on disk: the only module that reads and writes arrays, tables and JSON.

Every file is written beside its place and renamed, so that a half-written one is never taken for
whole. Nothing is pickled.
"""

import hashlib
import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from lens.core.errors import DamagedError, LensError, printable
from lens.files.atomic import replacing
from lens.files.cost import measured
from lens.files.tracking import track

if TYPE_CHECKING:
    import pandas as pd
    import torch

MAPPED = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "pandas", "scikit-learn")


def write_text(path: str | Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: object) -> None:
    """Sorted keys, two spaces, no NaN: the same value gives the same bytes."""
    try:
        text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False)
    except ValueError as error:
        raise LensError(
            f"{path}: would hold a number that is not finite, {_not_finite(value)}. A stage has "
            "gone wrong: see its other numbers."
        ) from error
    write_text(path, text + "\n")


def _not_finite(value: object, place: str = "") -> str:
    """Where in nested values the first NaN or infinity stands, and which it is."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{place.lstrip('/')} = {value}"
    items: Iterable[tuple[object, object]] = value.items() if isinstance(value, Mapping) else []
    items = enumerate(value) if isinstance(value, list | tuple) else items
    found = (_not_finite(each, f"{place}/{key}") for key, each in items)
    return next(filter(None, found), "")


def read_json(path: str | Path) -> Any:
    """Raises DamagedError, a LensError, where the file holds no JSON, or NaN or infinity, which are
    none."""
    try:
        return json.loads(require_file(path).read_text(encoding="utf-8"), parse_constant=_refuse)
    except ValueError as error:
        raise DamagedError(
            f"{path} is damaged ({error}). Remove it and run again, which makes it anew."
        ) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}, which is no number")


def write_arrays(
    path: str | Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any] | None = None
) -> None:
    """Saves named arrays, with optional metadata of JSON values, as safetensors."""
    from safetensors.numpy import save_file

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with replacing(path) as temporary:
        save_file(contiguous, temporary, metadata=_noted(about))


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(require_file(path))


def read_about(path: str | Path) -> dict[str, Any]:
    """The metadata saved with `write_arrays` or `write_embeddings`."""
    from safetensors import safe_open

    with safe_open(str(require_file(path)), framework="numpy") as file:
        found = dict(file.metadata() or {})
    return json.loads(found["lens"]) if "lens" in found else found


def _noted(about: Mapping[str, Any] | None) -> dict[str, str]:
    """As one text: safetensors writes several in an order that changes from run to run."""
    return {"lens": json.dumps(dict(about), sort_keys=True)} if about else {}


def check_holds(dtype: str, embeddings: np.ndarray, names: Sequence[str]) -> None:
    """LensError naming the first of embeddings [n, d] that has a value beyond the largest number of
    `dtype`, and so would be saved as infinite."""
    held = np.isfinite(_rounded(embeddings, dtype).float().numpy()).all(axis=1)
    if not held.all():
        first = int(np.flatnonzero(~held)[0])
        raise LensError(
            f"the embedding of {names[first]} has the value "
            f"{np.abs(embeddings[first]).max():.3g}, too large for {dtype} ({(~held).sum():,} of "
            f"{len(held):,} embeddings are). Set `precision: high`."
        )


def _rounded(array: np.ndarray, dtype: str) -> "torch.Tensor":
    """As a torch tensor in a number format."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).to(getattr(torch, dtype))


def write_embeddings(
    path: str | Path, arrays: Mapping[str, np.ndarray], dtype: str, about: Mapping[str, Any]
) -> None:
    """Saves named arrays of embeddings as safetensors in the number format `dtype` ("float32",
    "float16" or "bfloat16", rounded to the nearest)."""
    from safetensors.torch import save_file

    tensors = {name: _rounded(array, dtype) for name, array in arrays.items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=_noted(about))


def map_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Arrays of a safetensors file by memory map, not read yet; values by `as_float32`."""
    path, arrays = require_file(path), {}
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        shape, start = tuple(entry["shape"]), 8 + length + entry["data_offsets"][0]
        dtype = MAPPED[entry["dtype"]]
        if 0 in shape:
            arrays[name] = np.empty(shape, dtype)
        else:
            arrays[name] = np.memmap(path, dtype, "r", start, shape)
    return arrays


def as_float32(array: np.ndarray) -> np.ndarray:
    """Values of a mapped array; uint16 are the bits of bfloat16."""
    if array.dtype == np.uint16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32)


def write_block(path: Path, payload: "Mapping[str, np.ndarray] | pd.DataFrame") -> Path:
    """Saves arrays as safetensors or a data frame as Parquet; returns the file with its suffix."""
    if isinstance(payload, Mapping):
        file = path.with_name(f"{path.name}.safetensors")
        write_arrays(file, payload)
    else:
        file = path.with_name(f"{path.name}.parquet")
        write_table(file, payload)
    return file


def read_block(path: Path) -> "dict[str, np.ndarray] | pd.DataFrame":
    return read_arrays(path) if path.suffix == ".safetensors" else read_table(path)


def read_npy(path: str | Path) -> np.ndarray:
    """Embeddings float32 from a .npy file of finite numbers, never of pickled objects."""
    try:
        array = np.load(require_file(path), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise LensError(f"{path}: not a .npy file of numbers ({error}).") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise LensError(f"{path}: an array of numbers is needed. Save it with `numpy.save`.")
    array = array.astype(np.float32)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise LensError(f"{path}: the value at {bad[0].tolist()} is not finite ({len(bad)} in all)")
    return array


def write_npy(path: str | Path, array: np.ndarray) -> None:
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)


def write_table(path: str | Path, table: "pd.DataFrame") -> None:
    """Saves a data frame as Parquet or CSV, by the suffix; floats in CSV keep full precision."""
    with replacing(path) as temporary:
        if Path(path).suffix == ".parquet":
            table.to_parquet(temporary, index=False, write_page_checksum=True)
        else:
            table.to_csv(temporary, index=False, lineterminator="\n")


def read_table(path: str | Path) -> "pd.DataFrame":
    """Reads a Parquet or CSV file that `write_table` saved; LensError if a Parquet is damaged."""
    import pandas as pd

    path = require_file(path)
    if path.suffix != ".parquet":
        return pd.read_csv(path)
    try:
        return pd.read_parquet(path, page_checksum_verification=True)
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors of reading are of these
        raise DamagedError(
            f"{path} is damaged ({error}). Remove it and run again, which makes it anew."
        ) from error


def write_jsonl(path: str | Path, rows: Iterable[object]) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def require_file(path: str | Path) -> Path:
    """The path, or an error that names it when no such file exists."""
    path = Path(path)
    if not path.is_file():
        found = "no such file" if not path.exists() else "no ordinary file"
        raise LensError(
            f"{printable(str(path))}: {'a folder' if path.is_dir() else found}. "
            "Check the path, or make the file first."
        )
    return path


def sha256(path: str | Path) -> str:
    with open(require_file(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_sha256() -> str:
    """A hash of LENS's own source files."""
    folder, digest = Path(__file__).parents[1], hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder)}\0{sha256(file)}\n".encode())
    return digest.hexdigest()


def write_metrics(
    path: str | Path,
    settings: Mapping,
    inputs: Mapping[str, str | Path],
    metrics: Mapping,
    cost: Mapping[str, Any] | None = None,
) -> None:
    """Saves what a stage measured beside its settings, versions and the hashes of its inputs.

    Written last, so that its presence says that the stage finished. With `cost`, the counts of
    `lens.files.cost.measured`, a file cost.json beside it says what the stage took.
    """
    hashes = {name: sha256(file) for name, file in inputs.items()}
    if cost is not None:
        write_json(Path(path).with_name("cost.json"), measured(**cost))
    write_json(
        path,
        {"metrics": metrics, "settings": settings, "inputs": hashes, "versions": versions()},
    )
    track(str(Path(path).with_suffix("")), settings, metrics)


def versions() -> dict[str, str]:
    """Versions of Python, LENS and the libraries that shape results."""
    found = {"python": platform.python_version()}
    for name in ("lens-rm", *PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
