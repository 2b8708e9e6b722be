"""What is wrong with a model's folder, said before a library stumbles over it."""

import atexit
import json
import shutil
from pathlib import Path
from tempfile import mkdtemp

from lens.core.errors import LensError

POINTER = b"version https://git-lfs"
TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.*",
    "spiece.model",
    "sentencepiece*.model",
    "*.tiktoken",
    "tekken.json",
)
ELSEWHERE = {  # what a folder without config.json may hold, and what to do
    "adapter_config.json": "it holds an adapter whose weights are missing",
    "*.gguf": "it holds GGUF files: give one of them with --model",
    "model_index.json": "it holds a pipeline that makes pictures. Choose a text model",
    "params.json": "it holds weights as their maker saved them. Download the Hugging Face version",
    "*.onnx": "it holds an ONNX model. Download the version with model.safetensors",
    "tf_model.h5": "it holds a TensorFlow model. Download the version with model.safetensors",
    "reward.safetensors": "it holds a reward model. Give the folder of a language model",
}


def has_tokenizer(folder: Path) -> bool:
    return any(any(folder.glob(name)) for name in TOKENIZERS)


def whole_model(path: str) -> str:
    """The folder itself, or, if an adapter's config is next to a whole model, one with
    links to all but that: transformers would look for the adapter's weights."""
    folder = Path(path)
    if not (folder / "adapter_config.json").is_file():
        return path
    other = Path(mkdtemp(prefix="lens-"))
    atexit.register(shutil.rmtree, other, ignore_errors=True)
    for file in folder.iterdir():
        if file.name != "adapter_config.json":
            (other / file.name).symlink_to(file.absolute())
    return str(other)


def check_folder(folder: Path) -> None:
    """LensError with the remedy where a model's folder cannot be loaded as it is: no config, text
    pointers instead of files, weights that are missing, cut short or pickled, no tokenizer."""
    pointers = sorted(file.name for file in folder.iterdir() if _is_pointer(file))
    if pointers:
        raise LensError(
            f"{folder}: {', '.join(pointers)}: only a Git LFS pointer, not the file itself. Run "
            f"`git -C '{folder}' lfs pull`, or download the model with `hf download`."
        )
    if not (folder / "config.json").is_file():
        held = (what for name, what in ELSEWHERE.items() if any(folder.glob(name)))
        why = next(held, "give the folder that has config.json and model.safetensors")
        raise LensError(f"{folder}: the folder has no config.json, so it holds no model: {why}.")
    _check_weights(folder)
    if not has_tokenizer(folder):
        raise LensError(
            f"{folder}: has no tokenizer. Copy tokenizer.json and tokenizer_config.json from the "
            f"model that it was made from: `hf download NAME tokenizer.json tokenizer_config.json "
            f"--local-dir '{folder}'`."
        )


def _is_pointer(file: Path) -> bool:
    if not file.is_file() or file.stat().st_size > 1024:
        return False
    return file.read_bytes().startswith(POINTER)


def _check_weights(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    single = folder / "model.safetensors"
    if not single.is_file() and not index.is_file():
        raise LensError(_without_safetensors(folder))
    needed = {single.name}
    if not single.is_file():
        try:
            needed = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LensError(f"{index}: damaged ({error!r}). Download it again.") from error
    missing = sorted(name for name in needed if not (folder / name).is_file())
    if missing:
        raise LensError(
            f"{folder}: {len(missing)} of {len(needed)} weight files are missing: "
            f"{', '.join(missing)}. Download them again: `hf download NAME {' '.join(missing)} "
            f"--local-dir '{folder}'`."
        )
    for name in sorted(needed):
        _check_whole(folder / name)


def _check_whole(file: Path) -> None:
    """LensError where a safetensors file is not as long as its header says."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        try:
            header = dict(json.loads(stream.read(length) if length < size else b""))
            ends = [0] + [about["data_offsets"][1] for k, about in header.items() if k[:2] != "__"]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise LensError(
                f"{file}: damaged, or no safetensors file ({size:,} bytes). Download it again."
            ) from None
    whole = 8 + length + max(ends)
    if size != whole:
        raise LensError(
            f"{file}: {size:,} bytes, but {whole:,} are expected: the download or copy was "
            "stopped. Download it again."
        )


def _without_safetensors(folder: Path) -> str:
    """What to do with a folder that has no safetensors."""
    pickled = sorted(file.name for file in folder.glob("pytorch_model*.bin"))
    if not pickled:
        held = sorted(file.name for file in folder.iterdir())
        return (
            f"{folder}: has no weights that are read (model.safetensors), only "
            f"{', '.join(held[:8])}. Download the model again, with its weights."
        )
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = (config.get("architectures") or ["AutoModel"])[0]
    except (ValueError, AttributeError, IndexError):
        kind = "AutoModel"
    if not str(kind).isidentifier():
        kind = "AutoModel"
    quoted = str(folder).replace("'", "\\'")
    return (
        f"{folder}: its weights are pickled ({', '.join(pickled)}), and only model.safetensors is "
        "read. "
        'If you trust who made them, convert them once: python -c "import transformers; '
        f"place = '{quoted}'; transformers.{kind}.from_pretrained(place).save_pretrained(place)\""
    )
