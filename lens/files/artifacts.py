"""Files on disk: the only module that reads and writes arrays, tables and JSON.

Every file is written under a temporary name and then renamed, so there are no half-written files.
Nothing is pickled.
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
    """Saves JSON with sorted keys and no NaN: equal values give identical files."""
    try:
        text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False)
    except ValueError as error:
        raise LensError(
            f"{path}: not written, because a number is not finite: {_not_finite(value)}. The stage "
            "went wrong: check its inputs."
        ) from error
    write_text(path, text + "\n")


def _not_finite(value: object, path: str = "") -> str:
    """ "PATH = VALUE" of the first NaN or infinity in nested values; "" if there is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{path.lstrip('/')} = {value}"
    items: Iterable[tuple[object, object]] = value.items() if isinstance(value, Mapping) else []
    items = enumerate(value) if isinstance(value, list | tuple) else items
    messages = (_not_finite(item, f"{path}/{key}") for key, item in items)
    return next(filter(None, messages), "")


def is_fitted(folder: str | Path) -> bool:
    """Whether a folder looks like one that `lens fit` saved; loading it checks the rest."""
    return (Path(folder) / "reward.safetensors").is_file()


def read_json(path: str | Path) -> Any:
    """Raises DamagedError, a LensError, if the file is not valid JSON (NaN, infinity are not)."""
    try:
        return json.loads(require_file(path).read_text(encoding="utf-8"), parse_constant=_refuse)
    except ValueError as error:
        raise DamagedError(
            f"{path} is damaged ({error}). Remove it and run again to make it again."
        ) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}, which is not a number")


def write_arrays(
    path: str | Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any] | None = None
) -> None:
    """Saves named arrays, with optional metadata of JSON values, as safetensors."""
    from safetensors.numpy import save_file

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with replacing(path) as temporary:
        save_file(contiguous, temporary, metadata=_metadata(about))


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(require_file(path))


def read_about(path: str | Path) -> dict[str, Any]:
    """The metadata saved with `write_arrays` or `write_embeddings`."""
    from safetensors import safe_open

    with safe_open(str(require_file(path)), framework="numpy") as file:
        metadata = dict(file.metadata() or {})
    return json.loads(metadata["lens"]) if "lens" in metadata else metadata


def _metadata(about: Mapping[str, Any] | None) -> dict[str, str]:
    """One entry of JSON: safetensors writes several entries in a random order."""
    return {"lens": json.dumps(dict(about), sort_keys=True)} if about else {}


def check_holds(dtype: str, embeddings: np.ndarray, names: Sequence[str]) -> None:
    """LensError if one of embeddings [n, d] has a value that is too large for `dtype` and would be
    saved as infinity; it gives the first such embedding's name, of `names` [n]."""
    finite = np.isfinite(_rounded(embeddings, dtype).float().numpy()).all(axis=1)
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0])
        raise LensError(
            f"the embedding of {names[first]} has the value "
            f"{np.abs(embeddings[first]).max():.3g}, too large for {dtype} ({(~finite).sum():,} of "
            f"{len(finite):,} embeddings are). Set `precision: high`."
        )


def _rounded(array: np.ndarray, dtype: str) -> "torch.Tensor":
    """The array as a torch tensor in the number format `dtype`."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).to(getattr(torch, dtype))


def write_embeddings(
    path: str | Path, arrays: Mapping[str, np.ndarray], dtype: str, about: Mapping[str, Any]
) -> None:
    """Saves named arrays of embeddings as safetensors, rounded to `dtype` ("float32", "float16" or
    "bfloat16")."""
    from safetensors.torch import save_file

    tensors = {name: _rounded(array, dtype) for name, array in arrays.items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=_metadata(about))


def map_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Memory-mapped arrays of a safetensors file; `as_float32` reads their values."""
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
    """Values float32 of an array from `map_arrays`; uint16 holds the bits of bfloat16."""
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
    """An array float32 from a .npy file; LensError unless all values are finite numbers. Pickled
    objects are refused."""
    try:
        array = np.load(require_file(path), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise LensError(f"{path}: not a .npy file of numbers ({error}).") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise LensError(f"{path}: not an array of numbers. Save one with `numpy.save`.")
    array = array.astype(np.float32)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise LensError(f"{path}: the value at {bad[0].tolist()} is not finite ({len(bad)} in all)")
    return array


def write_npy(path: str | Path, array: np.ndarray) -> None:
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)


def write_table(path: str | Path, table: "pd.DataFrame") -> None:
    """Saves a data frame as Parquet or CSV, by the suffix; CSV keeps floats at full precision."""
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
    except (OSError, ValueError, KeyError) as error:  # pyarrow's read errors are among these
        raise DamagedError(
            f"{path} is damaged ({error}). Remove it and run again to make it again."
        ) from error


def write_jsonl(path: str | Path, rows: Iterable[object]) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def require_file(path: str | Path) -> Path:
    """The path as a `Path`; LensError if there is no such file."""
    path = Path(path)
    if not path.is_file():
        problem = "no such file" if not path.exists() else "not a regular file"
        raise LensError(
            f"{printable(str(path))}: {'a folder' if path.is_dir() else problem}. "
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
    """Saves a stage's metrics with its settings, versions and the hashes of its inputs.

    Stages write this file last: if it exists, the stage has finished. With `cost` (the counts for
    `lens.files.cost.measured`) the stage's cost is saved as cost.json in the same folder.
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
    """Versions of Python, LENS and the libraries that affect results."""
    installed = {"python": platform.python_version()}
    for name in ("lens-rm", *PACKAGES):
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = "not installed"
    return installed
