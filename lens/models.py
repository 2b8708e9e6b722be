"""Loading Hugging Face models by folder or Hub id, with messages that help."""

import os
import re
from pathlib import Path

from lens import cost
from lens.artifacts import sha256
from lens.errors import LensError


def load(
    auto_class,
    path: str,
    *,
    revision: str | None,
    dtype: str,
    device: str,
    trust_remote_code: bool = False,
    tokenizer=None,
):
    """(tokenizer, model in evaluation mode on the device) from a folder or a Hub id.

    A `tokenizer` that is given is not read again. `dtype` is a torch dtype's name. Raises LensError
    when the folder is not there or the Hub refuses. `trust_remote_code` runs code that comes with
    the model: off unless asked.
    """
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    require_model(path)
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # what its load report would say is checked below
    common = {"revision": revision, "trust_remote_code": trust_remote_code}
    try:
        tokenizer = tokenizer or AutoTokenizer.from_pretrained(path, **common)
        model, report = auto_class.from_pretrained(
            path,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            output_loading_info=True,
            **common,
        )
    except (OSError, ValueError) as error:
        raise LensError(
            f"model {path} (revision {revision}) cannot be loaded: {error} "
            "A gated model needs its licence accepted on the Hub and HF_TOKEN in the environment; "
            "without a network, give the path of a folder."
        ) from error
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise LensError(
            f"model {path} has no trained weights for {', '.join(missing)}, which this stage needs "
            "(a reward model needs its head, a generator its language model). Choose another model."
        )
    device = pick_device(device)
    cost.uses(device)
    return tokenizer, model.to(device).eval()


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


def context_length(tokenizer, model, max_length: int | None) -> int:
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


def weight_files(path: str) -> dict[str, Path]:
    """A local model's weight files by name, for hashing; empty for a Hub id."""
    return {f"model/{file.name}": file for file in sorted(Path(path).glob("*.safetensors"))}


def identity(path: str, revision: str | None, trust_remote_code: bool = False) -> dict[str, str]:
    """Which weights a model has, without loading them: {"model/FILE": sha256} of a folder's, or
    {"commit": hash} of a Hub id's revision."""
    require_model(path)
    if Path(path).is_dir():
        return {name: sha256(file) for name, file in weight_files(path).items()}
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(
        path, revision=revision, trust_remote_code=trust_remote_code
    )
    return {"commit": config._commit_hash}
