"""Loading Hugging Face models by folder or Hub id, with messages that help."""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens.core.errors import LensError
from lens.files import artifacts, cost
from lens.files.hub import COMMIT, reading

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer


def load(
    auto_class: Any,
    path: str,
    *,
    revision: str | None,
    dtype: str,
    device: str,
    trust_remote_code: bool = False,
    tokenizer: "Tokenizer | None" = None,
) -> "tuple[Tokenizer, Any]":
    """(tokenizer, model in evaluation mode on the device) from a folder or a Hub id.

    A `tokenizer` that is given is not read again. `dtype` is a torch dtype's name
    (bfloat16 on a CPU: as `lens.language.precision` says). Raises LensError
    when the folder is not there, the Hub refuses or the GPU is too small. `trust_remote_code` runs
    code that comes with the model: off unless asked.
    """
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    from lens.language.precision import make_fast

    require_model(path)
    fast = dtype == "bfloat16" and pick_device(device) == "cpu"
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # what its load report would say is checked below
    common = {"revision": revision, "trust_remote_code": trust_remote_code}
    with reading(path, revision):
        tokenizer = tokenizer or AutoTokenizer.from_pretrained(path, **common)
        model, report = auto_class.from_pretrained(
            path,
            dtype=torch.float32 if fast else getattr(torch, dtype),
            use_safetensors=True,
            output_loading_info=True,
            **common,
        )
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise LensError(
            f"model {path} has no trained weights for {', '.join(missing)}, which this stage needs "
            "(a reward model needs its head, a generator its language model). Choose another model."
        )
    model = place(model, path, device).eval()
    if fast:
        make_fast(model)
    return tokenizer, model


def place(model: "Model", path: str, device: str) -> "Model":
    """The model on the device asked for, which the cost of the stage is counted for. Raises
    LensError where its weights are too many for the GPU."""
    import torch

    device = pick_device(device)
    cost.uses(device)
    if not device.startswith("cuda"):
        return model.to(device)
    values = [*model.parameters(), *model.buffers()]
    needed = sum(value.numel() * value.element_size() for value in values)
    free, memory = torch.cuda.mem_get_info(device)
    if needed < memory:
        with suppress(torch.OutOfMemoryError):
            return model.to(device)
    dtype = str(model.dtype).removeprefix("torch.")
    smaller = "set `precision: fast`, " if dtype == "float32" else ""
    raise LensError(
        f"model {path}: its weights take {needed / 1e9:.1f} GB as {dtype}, but {device} "
        f"({torch.cuda.get_device_name(device)}) has {memory / 1e9:.1f} GB, {free / 1e9:.1f} GB of "
        f"them free. Ask for a larger or a free GPU in the profile, {smaller}or choose a smaller "
        "model."
    )


def require_model(path: str) -> None:
    """LensError when `path` can only be meant as a folder and no model lies there."""
    folder = Path(path)
    is_hub_id = re.fullmatch(r"\w[\w.-]*/[\w.-]+", path) and not folder.parent.is_dir()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise LensError(f"{path}: the folder has no config.json, so it holds no model.")
    elif not is_hub_id or folder.exists():
        raise LensError(
            f"{path}: no such model folder. Check the path, or give a Hub id "
            "(organisation/name, such as sentence-transformers/all-MiniLM-L6-v2)."
        )


def pick_device(device: str) -> str:
    """The device asked for; "auto" takes a GPU where there is one. LensError if it is not there.

    Of several processes that train together each takes its own GPU.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and "LOCAL_RANK" in os.environ:
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise LensError(
            f"device {device}: cannot be used here ({why}). Try --device cpu."
        ) from error
    return device


def context_length(tokenizer: "Tokenizer", model: "Model", max_length: int | None) -> int:
    """How many tokens the model may read: the smallest of its own limits and the one asked for."""
    limits = [
        getattr(model.config, "max_position_embeddings", None),
        tokenizer.model_max_length,
        max_length,
    ]
    return min(limit for limit in limits if limit)


def set_threads(threads: int) -> None:
    """Fixes the thread count of torch and NumPy, on which the last bits of a sum can depend."""
    import torch

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    set_numpy_threads(threads)
    torch.set_num_threads(threads)


def set_numpy_threads(threads: int) -> None:
    """The same for stages that spare themselves torch, which takes more than a second to import."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)


def weight_files(path: str | Path) -> dict[str, Path]:
    """A local model's weight files by name, for hashing; empty for a Hub id."""
    return {f"model/{file.name}": file for file in sorted(Path(path).glob("*.safetensors"))}


def identity(path: str, revision: str | None, trust_remote_code: bool = False) -> dict[str, str]:
    """What tells whether a model has changed, found without loading it: for a folder the sha256 of
    its weights, settings and templates by name (and of its own code, where that is run), for a Hub
    id {"commit": the one that `load` would read now}. A pinned commit needs no network and no
    cache, another revision its config's. Raises LensError."""
    folder = Path(path)
    if not (folder / "adapter_config.json").is_file():  # an adapter, of train-annotator, is whole
        require_model(path)
    if folder.is_dir():
        kinds = ["*.safetensors", "*.json", "*.jinja", *(["*.py"] if trust_remote_code else [])]
        files = sorted(file for kind in kinds for file in folder.glob(kind))
        return {f"model/{file.name}": artifacts.sha256(file) for file in files}
    if revision and COMMIT.fullmatch(revision):
        return {"commit": revision}
    from transformers.utils import cached_file

    with reading(path, revision):
        return {"commit": Path(cached_file(path, "config.json", revision=revision)).parent.name}
