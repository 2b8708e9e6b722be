"""An encoder: a language model, and how texts are put to it and its states are pooled."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lens.core.diagnostics import check_finite
from lens.core.errors import LensError
from lens.files.hub import explain, known_absent, reading
from lens.language import loading
from lens.language.packed.reading import sees_ahead

if TYPE_CHECKING:
    pass

POOLING_MODES = {  # sentence-transformers' names, of two generations, and ours
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_cls_token": "first",
    "mean": "mean",
    "lasttoken": "last",
    "cls": "first",
}


@dataclass
class Encoder:
    """Embeddings of (prompt, response) texts by one model; loaded at first use.

    `text_style` is "chat" or "plain", `pooling` "last", "mean" or "first"; either may be "auto":
    what a sentence-transformers folder says, else the last token of a causal model and the mean of
    an encoder, chat where there is a template. `normalize` scales embeddings to length 1.
    `too_long` as for `templates.tokenize`. `model` is a Hub id or a folder, kept as a full path.
    """

    model: str
    revision: str | None = None
    dtype: str = "float32"
    trust_remote_code: bool = False
    text_style: str = "auto"
    pooling: str = "auto"
    layer: int = -1
    normalize: bool = False
    max_length: int | None = None
    too_long: str = "cut_left"
    device: str = "auto"
    batch_tokens: int = 8192

    def __post_init__(self) -> None:
        self._loaded: tuple | None = None
        if Path(self.model).is_dir():
            self.model = str(Path(self.model).absolute())
        for name, value, choices in (
            ("pooling", self.pooling, ("auto", *sorted(set(POOLING_MODES.values())))),
            ("text_style", self.text_style, ("auto", "chat", "plain")),
            ("too_long", self.too_long, ("error", "cut_left", "cut_right")),
        ):
            if value not in choices:
                raise LensError(f"{name} {value!r} is none of {', '.join(choices)}.")

    @classmethod
    def from_saved(
        cls, settings: dict, *, device: str, batch_tokens: int, trust_remote_code: bool
    ) -> "Encoder":
        """From the `as_dict` in a saved folder, which may be a stranger's: LensError where it wants
        code to be run that the caller has not agreed to."""
        if settings["trust_remote_code"] and not trust_remote_code:
            raise LensError(
                f"{settings['model']}: this encoder runs code that comes with it. If you trust it, "
                "say so: --trust-remote-code, or trust_remote_code=True."
            )
        return cls(**settings, device=device, batch_tokens=batch_tokens)

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_loaded": None}  # a copy for another process loads its own

    def as_dict(self) -> dict:
        """The settings that decide what an embedding is; device and batches do not."""
        run = {"device", "batch_tokens"}
        return {name: value for name, value in asdict(self).items() if name not in run}

    def load(self) -> tuple:
        """(tokenizer, model), loaded once; settles what was "auto"."""
        from transformers import AutoModel

        from lens.language.precision import settle

        if self._loaded is None:
            tokenizer, model = loading.load(
                AutoModel,
                path=self.model,
                revision=self.revision,
                dtype="float32" if self.dtype == "auto" else self.dtype,
                device=self.device,
                trust_remote_code=self.trust_remote_code,
            )
            if model.config.is_encoder_decoder:
                raise LensError(
                    f"{self.model}: has an encoder and a decoder. Choose a model that is one of "
                    "them, or import its embeddings as .npy."
                )
            if self.dtype == "auto":
                self.dtype = settle(tokenizer, model)
            if self.pooling == "auto":
                found = sentence_transformer(self.model, self.revision)
                self.normalize = self.normalize or found.get("normalize", False)
                self.max_length = self.max_length or found.get("max_length")
                self.pooling = found.get("pooling") or ("mean" if sees_ahead(model) else "last")
            if self.text_style == "auto":
                self.text_style = "chat" if tokenizer.chat_template else "plain"
            self._loaded = tokenizer, model
        return self._loaded

    def text(self, prompt: str, response: str) -> str:
        """What the model reads for a prompt (JSON messages) and a response."""
        from lens.language.templates import render

        tokenizer, _ = self.load()
        return render(prompt, response, self.text_style, tokenizer)

    def token_ids(
        self, prompts: Sequence[str], responses: Sequence[str], names: Sequence[str]
    ) -> tuple[list[list[int]], int]:
        """(token ids of each text, how many were cut); `names` say which text an error is about."""
        from lens.language.templates import tokenize

        tokenizer, model = self.load()
        return tokenize(
            [self.text(*both) for both in zip(prompts, responses, strict=True)],
            names,
            tokenizer,
            style=self.text_style,
            limit=loading.context_length(tokenizer, model, self.max_length),
            too_long=self.too_long,
        )

    def embed_tokens(
        self, token_ids: list[list[int]], names: Sequence[str], *, progress: bool = True
    ) -> np.ndarray:
        """Embeddings float32 [n, d] of tokenised texts; LensError where one is not finite."""
        from lens.language.embedding import embed

        _, model = self.load()
        found = embed(
            model,
            token_ids,
            pooling=self.pooling,
            layer=self.layer,
            batch_tokens=self.batch_tokens,
            progress=progress,
        )
        check_finite(
            found,
            names.__getitem__,
            f"{self.model}: the embedding",
            "Try precision high; if it stays, look at that text.",
        )
        if self.normalize:
            found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return found

    def embed(
        self, prompts: Sequence[str], responses: Sequence[str], *, progress: bool = False
    ) -> np.ndarray:
        """Embeddings float32 [n, d] of prompts (JSON messages) with their responses."""
        names = [f"text {number}" for number in range(1, len(prompts) + 1)]
        token_ids, _ = self.token_ids(prompts, responses, names)
        return self.embed_tokens(token_ids, names, progress=progress)


def sentence_transformer(model: str, revision: str | None) -> dict:
    """pooling, normalize, max_length of a sentence-transformers model; empty if it is none.

    Raises LensError for modules other than a transformer, one kind of pooling and normalisation.
    """
    listed = _model_json(model, revision, "modules.json")
    if listed is None:
        return {}
    found: dict[str, Any] = {"normalize": False}
    for module in listed:
        kind = module["type"].rpartition(".")[2]
        if kind == "Normalize":
            found["normalize"] = True
        elif kind == "Pooling":
            config = _model_json(model, revision, f"{module['path']}/config.json") or {}
            named = [key for key, value in config.items() if value is True and "mode_" in key]
            named += [config["pooling_mode"]] if isinstance(config.get("pooling_mode"), str) else []
            if len(named) != 1 or named[0] not in POOLING_MODES:
                raise LensError(
                    f"{model}: pooling {named} is not supported. Choose one with --pooling."
                )
            found["pooling"] = POOLING_MODES[named[0]]
        elif kind != "Transformer":
            raise LensError(
                f"{model}: its module {kind} is not supported (a transformer, pooling and "
                "normalisation are). Set --pooling to leave it out, or import embeddings as .npy."
            )
    limits = _model_json(model, revision, "sentence_bert_config.json") or {}
    return found | {"max_length": limits.get("max_seq_length")}


def _model_json(model: str, revision: str | None, name: str) -> Any:
    """A JSON file of a model's folder or Hub repository, or None where there is none. Raises
    LensError where that cannot be told, for want of a network."""
    from transformers.utils import cached_file

    with reading(model, revision):
        path = cached_file(
            model, name, revision=revision, _raise_exceptions_for_missing_entries=False
        )
    if path:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    if not (Path(model).is_dir() or known_absent(model, revision, name)):
        raise LensError(explain(FileNotFoundError(f"no {name}"), model, revision))
    return None
