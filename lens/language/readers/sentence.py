"""How a sentence-transformers model reads a text, from its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lens.core.errors import LensError
from lens.files.hub import model_json

POOLING_MODES = {  # sentence-transformers' names, of two generations, and ours
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_cls_token": "first",
    "mean": "mean",
    "lasttoken": "last",
    "cls": "first",
}
SETTINGS = [  # the files that the module Transformer keeps its settings in, over the years
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
]
# Settings of a transformer that is read as any other.
PLAIN = {
    "max_seq_length": None,
    "do_lower_case": None,
    "transformer_task": ("feature-extraction",),
    "module_output_name": ("token_embeddings",),
    "modality_config": (
        {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
    ),
}
HARMLESS: tuple = (None, {}, [], False)


@dataclass(frozen=True)
class Sentence:
    """How a sentence-transformers model reads texts. `folder` is where its transformer is and
    `prompt` what is put before every text. `beyond` names what the library itself must do, besides
    a plain transformer, one kind of pooling and normalisation; None where there is nothing."""

    folder: str
    pooling: str
    normalize: bool
    max_length: int | None
    lower_case: bool
    prompt: str
    beyond: str | None


def read_sentence(model: str, revision: str | None, prompt_name: str | None) -> Sentence | None:
    """What the files of a model say, or None for other models.

    `prompt_name` is one of the model's prompts, "" for none, None for the default that its config
    names. Raises LensError for another prompt, or a model without one vector per text.
    """
    listed = model_json(model, revision, "modules.json")
    if listed is None:
        return None
    try:
        modules = [(module["type"].rpartition(".")[2], module["path"]) for module in listed]
    except (TypeError, KeyError, AttributeError) as error:
        raise LensError(
            f"{model}: its modules.json is damaged ({error!r}). Download it again."
        ) from error
    about = model_json(model, revision, "config_sentence_transformers.json") or {}
    kind = about.get("model_type") or "SentenceTransformer"
    if kind != "SentenceTransformer" or not modules:
        raise LensError(
            f"{model}: a {kind}, which does not give one dense vector per text. Choose a "
            "SentenceTransformer."
        )
    prompt = _prompt(model, about, prompt_name)
    if modules[0][0] != "Transformer":
        return Sentence(model, "mean", False, None, False, prompt, modules[0][0])
    path, pooling = modules[0][1], _pooling(model, revision, modules)
    settings = _settings(model, revision, path)
    beyond = [name for name, _ in modules[1:] if name not in ("Pooling", "Normalize")]
    beyond += [name for name, value in settings.items() if not _plain(name, value)]
    beyond += pooling["beyond"] if not (prompt == "" and pooling["beyond"] == ["prompt"]) else []
    config = model_json(model, revision, f"{path}/config.json" if path else "config.json") or {}
    beyond += ["encoder and decoder"] if config.get("is_encoder_decoder") else []
    beyond += ["subfolder"] if path and not Path(model).is_dir() else []
    return Sentence(
        str(Path(model) / path) if path and Path(model).is_dir() else model,
        pooling["mode"],
        any(name == "Normalize" for name, _ in modules),
        settings.get("max_seq_length"),
        bool(settings.get("do_lower_case")),
        prompt,
        ", ".join(beyond) or None,
    )


def _prompt(model: str, about: dict, name: str | None) -> str:
    prompts = about.get("prompts") or {}
    name = about.get("default_prompt_name") if name is None else name
    if name in (None, ""):
        return ""
    if name not in prompts:
        known = ", ".join(map(repr, sorted(prompts))) or "none"
        raise LensError(
            f"{model}: it has no prompt {name!r} (it has: {known}). Choose one of them with "
            '--prompt-name, or --prompt-name "" for no prompt.'
        )
    return prompts[name] or ""


def _settings(model: str, revision: str | None, folder: str) -> dict:
    """Of the module Transformer; empty where no file has any."""
    for name in SETTINGS:
        path = f"{folder}/{name}" if folder else name
        values = model_json(model, revision, path)
        if values:
            return values
    return {}


def _plain(name: str, value: Any) -> bool:
    """Whether a setting of the transformer leaves it a plain one."""
    if name not in PLAIN:
        return value in HARMLESS
    allowed = PLAIN[name]
    return allowed is None or value in allowed


def _pooling(model: str, revision: str | None, modules: list[tuple[str, str]]) -> dict:
    """Its `mode`, and what of it is `beyond` us."""
    poolings = [path for name, path in modules if name == "Pooling"]
    if len(poolings) != 1:
        return {"mode": "mean", "beyond": [f"{len(poolings)} poolings"]}
    config = model_json(model, revision, f"{poolings[0]}/config.json") or {}
    named = [key for key, value in config.items() if value is True and "mode_" in key]
    if "pooling_mode" in config:
        mode = config["pooling_mode"]
        named = [mode] if isinstance(mode, str) else list(mode)
    named = named or ["mean"]
    beyond = [] if config.get("include_prompt", True) else ["prompt"]
    if len(named) != 1 or named[0] not in POOLING_MODES:
        return {"mode": "mean", "beyond": [*beyond, f"pooling {' + '.join(named)}"]}
    return {"mode": POOLING_MODES[named[0]], "beyond": beyond}


def lower_case(tokenizer: Any) -> None:
    """Has the tokenizer read texts in lower case, as `do_lower_case` asks for."""
    from tokenizers import normalizers

    old = tokenizer.backend_tokenizer.normalizer
    both = [normalizers.Lowercase(), *([old] if old else [])]
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(both)
