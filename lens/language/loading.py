"""Loading Hugging Face models by folder or Hub id, with messages that help."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens.core.errors import LensError
from lens.files import artifacts, cost
from lens.files.hub import COMMIT, reading
from lens.language.folders import adapters, gguf
from lens.language.folders.ends import check_vocabulary
from lens.language.folders.weights import check_folder, has_tokenizer, whole_model

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
    """(tokenizer, model in evaluation mode on the device) from a folder, a GGUF file or a Hub id;
    a folder with an adapter alone is merged into the model that it was trained on.

    A `tokenizer` that is given is not read again. `dtype` is a torch dtype's name (bfloat16 on a
    CPU: as `lens.language.precision` says). Raises LensError when the folder is not there or
    damaged, the Hub refuses, weights are missing or the GPU is too small. `trust_remote_code` runs
    code that comes with the model: off unless asked.
    """
    from lens.language.precision import make_fast

    fast = dtype == "bfloat16" and pick_device(device) == "cpu"
    tokenizer, model, missing = read(
        auto_class,
        path,
        revision,
        "float32" if fast else dtype,
        trust_remote_code=trust_remote_code,
        tokenizer=tokenizer,
    )
    missing = [name for name in missing if "pooler" not in name]
    if missing:
        raise LensError(
            f"model {path} has no trained weights for {', '.join(missing)}, which this stage needs "
            "(a reward model needs its head, a generator its language model). Choose another model."
        )
    model = move_to_device(model, path, device).eval()
    if fast:
        make_fast(model)
    return tokenizer, model


def read(
    auto_class: Any,
    path: str,
    revision: str | None,
    dtype: str,
    *,
    trust_remote_code: bool,
    tokenizer: "Tokenizer | None" = None,
    **config: Any,
) -> "tuple[Tokenizer, Any, list[str]]":
    """(tokenizer, model, names of the weights that it lacks), on the CPU; `config` are settings of
    the model's config. Arguments and LensError as for `load`."""
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    require_model(path)
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # what its load report would say is among what is returned
    common = {"revision": revision, "trust_remote_code": trust_remote_code}
    file = gguf.find(path)
    with reading(path, revision):
        if file:
            loaded = gguf.read(auto_class, file, getattr(torch, dtype), tokenizer, **config)
        elif adapters.is_adapter(path):
            loaded = _with_adapter(auto_class, path, dtype, trust_remote_code, tokenizer)
        else:
            tokenizer = tokenizer or AutoTokenizer.from_pretrained(path, **common)
            model, report = auto_class.from_pretrained(
                whole_model(path),
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                output_loading_info=True,
                **common,
                **config,
            )
            loaded = tokenizer, model, sorted(report["missing_keys"])
    check_vocabulary(loaded[1], loaded[0], path)
    return loaded


def _with_adapter(
    auto_class: Any, path: str, dtype: str, trust_remote_code: bool, tokenizer: "Tokenizer | None"
) -> "tuple[Tokenizer, Any, list[str]]":
    """As for `read`; a tokenizer next to the adapter is preferred to the base model's."""
    import torch
    from transformers import AutoTokenizer

    base, revision = adapters.base_model(path)
    loaded: list = [tokenizer]

    def load_base(base_class: Any, **config: Any) -> "Model":
        try:  # in float32: a small adapter would be lost in a sum of half precision
            given, model, _ = read(
                base_class,
                base,
                revision,
                "float32",
                trust_remote_code=trust_remote_code,
                tokenizer=loaded[0],
                **config,
            )
        except LensError as error:
            raise adapters.base_error(path, error) from error
        loaded[0] = given
        return model

    if tokenizer is None and has_tokenizer(Path(path)):
        loaded[0] = AutoTokenizer.from_pretrained(path, trust_remote_code=trust_remote_code)
    model = adapters.merged(auto_class, path, load_base)
    return loaded[0], model.to(getattr(torch, dtype)), []


def move_to_device(model: "Model", path: str, device: str) -> "Model":
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
    """LensError if `path` can only be a folder and has no model."""
    folder = Path(path)
    is_hub_id = re.fullmatch(r"\w[\w.-]*/[\w.-]+", path) and not folder.parent.is_dir()
    file = gguf.find(path)
    if file:
        gguf.check(file)
    elif folder.is_dir():
        if adapters.is_adapter(path):
            adapters.base_model(path)
        elif (folder / "config.json").is_file() or not (folder / "modules.json").is_file():
            check_folder(folder)  # a sentence-transformers model may have its parts in folders
    elif not is_hub_id or folder.exists():
        raise LensError(
            f"{path}: no such model folder or GGUF file. Check the path, or give a Hub id "
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
    """How many tokens the model may read: the smallest of its limits and `max_length`."""
    limits = [
        getattr(model.config.get_text_config(), "max_position_embeddings", None),
        *_learned_positions(model),
        tokenizer.model_max_length,
        max_length,
    ]
    return min((limit for limit in limits if limit and limit > 0), default=sys.maxsize)


def _learned_positions(model: "Model") -> Iterator[int]:
    """The positions that its tables of learned ones have: RoBERTa's begin behind the padding."""
    from torch.nn import Embedding

    for name, module in model.named_modules():
        if isinstance(module, Embedding) and name.endswith("position_embeddings"):
            padding = module.padding_idx
            yield module.num_embeddings - (0 if padding is None else padding + 1)


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
    file = gguf.find(str(path))
    files = [file] if file else sorted(Path(path).glob("*.safetensors"))
    return {f"model/{file.name}": file for file in files}


def identity(path: str, revision: str | None, trust_remote_code: bool = False) -> dict[str, str]:
    """What tells whether a model has changed, found without loading it: for a folder the sha256 of
    its weights, settings and templates by name (and of its own code, where that is run), for a Hub
    id {"commit": the one that `load` would read now}. A pinned commit needs no network and no
    cache, another revision its config's. Raises LensError."""
    folder = Path(path)
    require_model(path)
    if gguf.find(path):
        return {name: artifacts.sha256(file) for name, file in weight_files(path).items()}
    if folder.is_dir():
        kinds = ["*.safetensors", "*.json", "*.jinja", *(["*.py"] if trust_remote_code else [])]
        parts = "**/" if (folder / "modules.json").is_file() else ""
        files = sorted(file for kind in kinds for file in folder.glob(parts + kind))
        return {
            f"model/{file.relative_to(folder).as_posix()}": artifacts.sha256(file) for file in files
        }
    if revision and COMMIT.fullmatch(revision):
        return {"commit": revision}
    from transformers.utils import cached_file

    with reading(path, revision):
        return {"commit": Path(cached_file(path, "config.json", revision=revision)).parent.name}
