"""An encoder: a language model, and how texts are put to it and its states are pooled."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lens.core.diagnostics import check_finite
from lens.core.errors import LensError
from lens.core.settings import BATCH_TOKENS, KEY_VARIABLE
from lens.files.endpoints import on_this_machine
from lens.language import loading
from lens.language.folders.ends import ends, keep_promise, name_promise
from lens.language.packed.reading import sees_ahead
from lens.language.readers.sentence import Sentence, lower_case, read_sentence

if TYPE_CHECKING:
    from lens.language.readers.endpoint import Endpoint
    from lens.language.readers.library import Library

POOLINGS = ("last", "mean", "first")


class Loaded(NamedTuple):
    """What reads the texts: our own engine (tokenizer and model), or what is `outside` of it.
    `prompt` stands before every text."""

    tokenizer: Any
    model: Any
    outside: "Library | Endpoint | None" = None
    prompt: str = ""


SETTLED = ("dtype", "pooling", "text_style", "max_length", "normalize", "sentence")


@dataclass
class Encoder:
    """Embeddings of (prompt, response) texts by one model; loaded at first use.

    `model` is a Hub id, a folder or a GGUF file (saved as a full path), or, with `base_url`, a
    model's name at an OpenAI-compatible endpoint. `text_style` is "chat" or "plain", `pooling`
    "last", "mean" or "first". "auto" takes both from a sentence-transformers folder; for other
    models it is chat if there is a template, the last token of a causal model and the mean of an
    encoder. `normalize` scales embeddings to length 1. `too_long` as for `templates.tokenize`;
    "auto" is "error" at an endpoint, else "cut_left".

    `sentence`: whether to read texts by a sentence-transformers model's files, with its prompt
    `prompt_name` ("": none, None: its default); None: decided by `pooling` "auto". `key_variable`
    and `cache` are for an endpoint, see `readers.endpoint.Endpoint`.
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
    too_long: str = "auto"
    prompt_name: str | None = None
    sentence: bool | None = None
    base_url: str | None = None
    device: str = "auto"
    batch_tokens: int = BATCH_TOKENS
    key_variable: str = KEY_VARIABLE
    cache: str | None = None

    def __post_init__(self) -> None:
        self._loaded: Loaded | None = None
        self.cut = 0
        if self.too_long == "auto":
            self.too_long = "cut_left" if self.base_url is None else "error"
        if self.base_url is None and Path(self.model).exists():
            self.model = str(Path(self.model).absolute())
        for name, value, choices in (
            ("pooling", self.pooling, ("auto", *POOLINGS)),
            ("text_style", self.text_style, ("auto", "chat", "plain")),
            ("too_long", self.too_long, ("error", "cut_left", "cut_right")),
        ):
            if value not in choices:
                raise LensError(f"{name} {value!r} is none of {', '.join(choices)}.")

    @classmethod
    def from_saved(
        cls,
        settings: dict,
        *,
        device: str,
        batch_tokens: int,
        trust_remote_code: bool,
        base_url: str | None = None,
        key_variable: str = KEY_VARIABLE,
    ) -> "Encoder":
        """An encoder from the `as_dict` in a saved folder. The folder may be a stranger's:
        LensError if it would run code, or send texts and a key to another machine, without the
        caller's consent. `base_url` allows an endpoint, or gives its new address."""
        if settings["trust_remote_code"] and not trust_remote_code:
            raise LensError(
                f"{settings['model']}: this encoder runs code that comes with it. If you trust it, "
                "say so: --trust-remote-code, or trust_remote_code=True."
            )
        url = settings.get("base_url")
        if url and not base_url and not on_this_machine(url):
            raise LensError(
                f"{settings['model']}: texts would be sent to {url}. If you trust that endpoint, "
                f"say so: --base-url {url}, or base_url='{url}'."
            )
        if url:
            settings = settings | {"base_url": base_url or url, "key_variable": key_variable}
        return cls(**settings, device=device, batch_tokens=batch_tokens)

    def __getstate__(self) -> dict:
        return self.__dict__ | {
            "_loaded": None,
            "cut": 0,
        }  # a copy for another process loads its own

    def as_dict(self) -> dict:
        """The settings that decide embeddings, without device and batch size."""
        run = {"device", "batch_tokens", "key_variable", "cache"}
        return {name: value for name, value in asdict(self).items() if name not in run}

    def load(self) -> tuple:
        """(tokenizer, model), loaded once; resolves "auto" settings. LensError if an endpoint or
        another library embeds."""
        loaded = self._reader()
        if loaded.outside:
            raise LensError(
                f"{self.model}: is read by sentence-transformers or an endpoint, so that only its "
                "embeddings can be used here."
            )
        return loaded.tokenizer, loaded.model

    @property
    def parameters(self) -> int:
        """The number of the model's parameters; 0 for an endpoint."""
        loaded = self._reader()
        return loaded.outside.parameters if loaded.outside else loaded.model.num_parameters()

    def cutting(self) -> "Encoder":
        """A copy of this encoder, with the same model, that cuts texts that are too long."""
        other = replace(self, too_long="cut_left")
        other._loaded = self._reader()
        return other

    def _reader(self) -> Loaded:
        if self._loaded is None:
            self._loaded = self._endpoint() if self.base_url is not None else self._load()
        return self._loaded

    def _load(self) -> Loaded:
        from transformers import AutoModel

        from lens.language.precision import settle

        sentence_model = None
        if self.pooling == "auto" or self.sentence:
            loading.require_model(self.model)
            sentence_model = read_sentence(self.model, self.revision, self.prompt_name)
        if self.prompt_name is not None and not sentence_model:
            raise LensError(
                f"{self.model}: --prompt-name names a prompt of a sentence-transformers model that "
                "is read as it was made; with --pooling, or for another model, there is none."
            )
        self.sentence = sentence_model is not None
        if sentence_model and sentence_model.beyond and self.text_style != "chat":
            return self._library(sentence_model)
        tokenizer, model = loading.load(
            AutoModel,
            path=sentence_model.folder if sentence_model else self.model,
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
        try:
            ahead = sees_ahead(model)
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            raise LensError(
                f"{self.model}: a {type(model).__name__}, which does not turn a text alone into a "
                f"state for each token ({error}). Choose a language model or a sentence encoder."
            ) from error
        if self.dtype == "auto":
            limit = loading.context_length(tokenizer, model, self.max_length)
            self.dtype = settle(tokenizer, model, limit)
        if sentence_model:
            self._settle(sentence_model, tokenizer)
        elif self.pooling == "auto":
            self.pooling = "mean" if ahead else "last"
        if not sentence_model:
            keep_promise(tokenizer, self.model, self.revision)
        if self.text_style == "auto":
            self.text_style = "chat" if tokenizer.chat_template and not sentence_model else "plain"
        return Loaded(tokenizer, model, prompt=sentence_model.prompt if sentence_model else "")

    def _endpoint(self) -> Loaded:
        from lens.language.readers.endpoint import Endpoint, check_unheard

        check_unheard(
            self.model,
            pooling=self.pooling not in ("auto", "last"),
            text_style=self.text_style == "chat",
            layer=self.layer != -1,
            prompt_name=self.prompt_name is not None,
        )
        self.text_style, self.dtype = "plain", "float32"
        endpoint = Endpoint(
            str(self.base_url), self.model, key_variable=self.key_variable, cache=self.cache
        )
        return Loaded(None, None, endpoint)

    def _settle(self, sentence_model: Sentence, tokenizer: Any) -> None:
        """Takes over what a sentence-transformers model's files say."""
        if sentence_model.beyond:
            raise LensError(
                f"{self.model}: {sentence_model.beyond}: such a model reads only plain text. "
                "Leave out --text-style chat."
            )
        self.normalize = self.normalize or sentence_model.normalize
        self.max_length = self.max_length or sentence_model.max_length
        self.pooling = sentence_model.pooling
        if sentence_model.lower_case:
            lower_case(tokenizer)
        name_promise(tokenizer, sentence_model.folder, self.revision)

    def _library(self, sentence_model: Sentence) -> Loaded:
        from lens.language.readers.library import Library

        self.dtype = "float32" if self.dtype == "auto" else self.dtype
        library = Library(
            self.model,
            revision=self.revision,
            dtype=self.dtype,
            device=self.device,
            trust_remote_code=self.trust_remote_code,
            prompt=sentence_model.prompt,
            beyond=str(sentence_model.beyond),
            limit=self.max_length,
        )
        self.max_length = library.limit
        self.text_style, self.pooling = "plain", sentence_model.pooling
        return Loaded(None, None, library, sentence_model.prompt)

    def text(self, prompt: str, response: str) -> str:
        """The model's input text for a prompt (JSON messages) and a response."""
        from lens.language.templates import render

        loaded = self._reader()
        text = render(prompt, response, self.text_style, loaded.tokenizer)
        return text if loaded.outside else loaded.prompt + text

    def token_ids(
        self, prompts: Sequence[str], responses: Sequence[str], names: Sequence[str]
    ) -> tuple[list[list[int]], int]:
        """(token ids of each text, how many were cut); `names` are the texts' names in errors. For
        an endpoint or another library: character codes instead of token ids."""
        from lens.language.templates import tokenize

        loaded = self._reader()
        texts = [self.text(*both) for both in zip(prompts, responses, strict=True)]
        if loaded.outside:
            read, cut = loaded.outside.texts(texts, names, self.too_long)
            tokenised = [list(map(ord, text)) for text in read]
        else:
            limit = loading.context_length(loaded.tokenizer, loaded.model, self.max_length)
            end: list[int] = []
            if self.sentence and self.text_style == "chat":
                # Not pooled at the line break of a template, but at the token of the tokenizer.
                texts, end = [text.rstrip() for text in texts], ends(loaded.tokenizer)[1]
            tokenised, cut = tokenize(
                texts,
                names,
                loaded.tokenizer,
                style=self.text_style,
                limit=limit - len(end),
                too_long=self.too_long,
                prefix=loaded.prompt,
            )
            tokenised = [[*ids, *end] for ids in tokenised] if end else tokenised
        self.cut += cut
        return tokenised, cut

    def share(self, other: "Encoder") -> None:
        """Reads with the model that another encoder, which differs in its layer alone, has loaded,
        and takes over what it settled."""
        self._loaded = other._reader()
        for name in SETTLED:
            setattr(self, name, getattr(other, name))

    def embed_tokens(
        self, token_ids: list, names: Sequence[str], *, progress: bool = True
    ) -> np.ndarray:
        """Embeddings float32 [n, d] of tokenised texts; LensError if one is not finite."""
        loaded = self._reader()
        if loaded.outside:
            texts = ["".join(map(chr, ids)) for ids in token_ids]
            vectors = loaded.outside.embed(texts, batch_tokens=self.batch_tokens, progress=progress)
        else:
            vectors = self._embed(token_ids, self.layer, progress)
        return self._checked(vectors, names)

    def embed_layers(
        self, token_ids: list, names: Sequence[str], layers: Sequence[int]
    ) -> list[np.ndarray]:
        """As `embed_tokens`, of several layers in one pass."""
        self.load()  # LensError where it is not our own engine
        found = np.split(self._embed(token_ids, tuple(layers), True), len(layers), axis=1)
        return [self._checked(np.ascontiguousarray(each), names) for each in found]

    def _embed(self, token_ids: list, layer: int | tuple[int, ...], progress: bool) -> np.ndarray:
        from lens.language.embedding import embed

        return embed(
            self._reader().model,
            token_ids,
            pooling=self.pooling,
            layer=layer,
            batch_tokens=self.batch_tokens,
            progress=progress,
        )

    def _checked(self, vectors: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Embeddings [n, d], normalised if they are to be; LensError if one is not finite."""
        check_finite(
            vectors,
            names.__getitem__,
            f"{self.model}: the embedding",
            "Try precision high; if it stays, look at that text.",
        )
        if self.normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors

    def embed(
        self, prompts: Sequence[str], responses: Sequence[str], *, progress: bool = False
    ) -> np.ndarray:
        """Embeddings float32 [n, d] of prompts (JSON messages) with their responses."""
        names = [f"text {number}" for number in range(1, len(prompts) + 1)]
        token_ids, _ = self.token_ids(prompts, responses, names)
        return self.embed_tokens(token_ids, names, progress=progress)
