"""GGUF files, dequantised by transformers into an ordinary model (extra `gguf`)."""

import re
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens.core.errors import LensError
from lens.language.folders.ends import add_ends

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer

SUFFIX = ".gguf"
PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")
SIZES = {
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
}
HEADS = ("cls.output.weight", "score.weight")  # of a classifier, as converters name it


def find(path: str) -> Path | None:
    """The GGUF file that `path` is, or the one in the folder where it holds no other model.
    LensError where several could be meant, or where the file is one part of several."""
    folder = Path(path)
    if folder.is_dir() and not (folder / "config.json").is_file():
        files = sorted(folder.glob(f"*{SUFFIX}"))
        files = [file for file in files if not file.name.lower().startswith("mmproj")]
        if len(files) > 1 and not all(PART.search(file.name) for file in files):
            raise LensError(
                f"{path}: holds {len(files)} GGUF files. Give one: --model '{files[0]}' (or "
                f"{', '.join(file.name for file in files[1:])})."
            )
        file = files[0] if files else None
    else:
        file = folder if folder.suffix.lower() == SUFFIX and folder.is_file() else None
    if file and PART.search(file.name):
        raise LensError(
            f"{file}: one of several parts. Join them first: `llama-gguf-split --merge '{file}' "
            f"'{file.with_name(PART.sub(SUFFIX, file.name))}'`."
        )
    return file


def check(file: Path) -> Any:
    """The reader of the file. LensError where it is damaged, or where packages are missing."""
    try:
        import accelerate  # noqa: F401, transformers wants it
        from gguf import GGUFReader
    except ImportError as error:
        raise LensError(
            f'{file}: GGUF files need the package {error.name}. Run `pip install "lens-rm[gguf]"`.'
        ) from error
    try:
        reader = GGUFReader(file)
        kind = reader.fields["general.architecture"].contents()
        if not reader.tensors or not kind:
            raise ValueError("no tensors")
    except Exception as error:  # what a damaged file makes of a reader that trusts its lengths
        raise LensError(
            f"{file}: damaged, or no GGUF file of a language model ({error!r}, "
            f"{file.stat().st_size:,} bytes). Download it again."
        ) from error
    return reader


def sizes(file: Path) -> dict:
    """The model's sizes, named as in a config.json."""
    reader = check(file)
    kind = _metadata(reader, "general.architecture")
    given = {name: _metadata(reader, f"{kind}.{key}") for name, key in SIZES.items()}
    return {name: value for name, value in given.items() if value is not None} | {
        "model_type": kind,
        "vocab_size": len(reader.fields["tokenizer.ggml.tokens"].data),
        "tie_word_embeddings": all(tensor.name != "output.weight" for tensor in reader.tensors),
    }


def read(
    auto_class: Any, file: Path, dtype: Any, tokenizer: "Tokenizer | None", **config: Any
) -> "tuple[Tokenizer, Model, list[str]]":
    """(tokenizer, model without a trace of its quantisation, names of weights that it lacks);
    `config` are settings of the model's config."""
    import torch
    from transformers import AutoTokenizer

    reader = check(file)
    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    if tokenizer is None:
        tokenizer = AutoTokenizer.from_pretrained(**source)
        adds = {
            name: _metadata(reader, f"tokenizer.ggml.add_{name}_token") for name in ("bos", "eos")
        }
        add_ends(tokenizer, begin=adds["bos"] is True, end=adds["eos"] is True)
    head = None
    if "SequenceClassification" in auto_class.__name__:
        head = next((tensor for tensor in reader.tensors if tensor.name in HEADS), None)
        labels = int(head.shape[1]) if head is not None and len(head.shape) > 1 else 1
        config = {"num_labels": labels, **config}
    with redirect_stderr(StringIO()):  # a bar that nothing turns off
        model, report = auto_class.from_pretrained(
            **source, dtype=dtype, output_loading_info=True, **config
        )
    missing = set(report["missing_keys"])
    if head is not None and hasattr(model, "score"):
        from gguf import dequantize

        weight = torch.tensor(dequantize(head.data, head.tensor_type)).to(dtype)
        model.score.weight.data.copy_(weight.reshape(model.score.weight.shape))
        missing.discard("score.weight")
    # As if it had been an ordinary folder: it can be saved, exported and trained.
    model.hf_quantizer = None
    model.is_quantized = False
    del model.config.quantization_config
    return tokenizer, model, sorted(missing)


def _metadata(reader: Any, name: str) -> Any:
    return reader.fields[name].contents() if name in reader.fields else None
