"""Sentence-transformers models beyond our own engine, read by the library (extra `sentence`)."""

from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from lens.core.errors import LensError
from lens.core.progress import Bar
from lens.files.hub import model_json, reading
from lens.language import loading
from lens.language.batching import token_batches, while_memory_lasts
from lens.language.precision import make_fast

if TYPE_CHECKING:
    import torch

NO_LIMIT = 10**9
AROUND = 256  # tokens that a model may put around a text
WEIGHTLESS = ("Transformer", "Pooling", "Normalize", "Dropout")


class Library:
    """A SentenceTransformer that embeds whole texts, behind the prompt that it is given.

    `beyond` says what of the model needs the library, `limit` how many tokens may be read at most.
    Raises LensError where the library is missing or cannot load the model.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None,
        dtype: str,
        device: str,
        trust_remote_code: bool,
        prompt: str,
        beyond: str,
        limit: int | None,
    ):
        import torch

        self.model, self.prompt = model, prompt
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise LensError(
                f"{model}: {beyond}: this needs the package sentence-transformers. Run "
                '`pip install "lens-rm[sentence]"`, or set --pooling to read the transformer alone.'
            ) from error
        _refuse_pickles(model, revision)
        device = loading.pick_device(device)
        fast = dtype == "bfloat16" and device == "cpu"
        with reading(model, revision), redirect_stderr(StringIO()):
            self.library = SentenceTransformer(
                model,
                revision=revision,
                device=device,
                trust_remote_code=trust_remote_code,
                model_kwargs={
                    "dtype": torch.float32 if fast else getattr(torch, dtype),
                    "use_safetensors": True,
                },
            ).eval()
            if fast:
                make_fast(self.library)
            self.library.encode(["a"], prompt=prompt, show_progress_bar=False)
        self.limit = self._limit(limit)

    def _limit(self, max_length: int | None) -> int | None:
        library_limit = self.library.max_seq_length
        transformer = getattr(self.library[0], "auto_model", None)
        if transformer is not None:
            library_limit = loading.context_length(
                self.library.tokenizer, transformer, library_limit
            )
        shortest = min(
            (limit for limit in (library_limit, max_length) if limit and limit < NO_LIMIT),
            default=None,
        )
        if shortest is not None and transformer is not None:
            self.library.max_seq_length = shortest
        return shortest

    @property
    def parameters(self) -> int:
        return sum(value.numel() for value in self.library.parameters())

    def _tokens(self, text: str) -> int:
        """How many tokens the model would read, were there no limit."""
        whole = {"text": {"truncation": False}}
        read = self.library.preprocess([text], prompt=self.prompt, processing_kwargs=whole)
        return read["input_ids"].shape[-1]

    def texts(
        self, texts: Sequence[str], names: Sequence[str], too_long: str
    ) -> tuple[list[str], int]:
        """(texts as they are to be embedded, how many of them are or will be cut). Cut on the left,
        a text loses characters behind the prompt; on the right, the library cuts tokens."""
        limit = self.limit
        if limit is None:
            return list(texts), 0
        shortened, cut = [], 0
        for text, name in zip(texts, names, strict=True):
            # A token is a byte at least; what is put around a text has its own.
            near = len((self.prompt + text).encode()) + AROUND > limit
            count = self._tokens(text) if near else 0
            long = count > limit
            if long and too_long == "error":
                raise LensError(
                    f"{name}: {count} tokens, but the model reads {limit}. Remove it, or set "
                    "`too_long: cut_left` (keeps the answer) or `cut_right`."
                )
            cut += long
            if long and too_long == "cut_left":
                text = self._shortened(text, count, limit)
            shortened.append(text)
        return shortened, cut

    def _shortened(self, text: str, count: int, limit: int) -> str:
        while count > limit and text:
            text = text[max(1, len(text) * (count - limit) // count) :]
            count = self._tokens(text)
        return text

    def embed(self, texts: Sequence[str], *, batch_tokens: int, progress: bool) -> np.ndarray:
        """Embeddings float32 [n, d] in the order of the texts."""
        result = np.empty((len(texts), 0), np.float32)
        bar = Bar(total=len(texts), unit="text", desc="embed", shown=progress)

        def run(rows: Sequence[int], budget: int) -> "Iterator[tuple[list[int], torch.Tensor]]":
            lengths = [1 + len(texts[row]) // 3 for row in rows]  # tokens, nearly
            if self.limit:
                lengths = [min(length, self.limit) for length in lengths]
            for places in token_batches(lengths, budget):
                batch = [texts[rows[place]] for place in places]
                yield places, self._encode(batch)

        for rows, vectors in while_memory_lasts(run, len(texts), batch_tokens):
            if not result.shape[1]:
                result = np.empty((len(texts), vectors.shape[1]), np.float32)
            result[rows] = vectors.float().cpu().numpy()
            bar.update(len(rows))
        bar.close()
        return result

    def _encode(self, batch: list[str]) -> Any:
        return self.library.encode(
            batch,
            prompt=self.prompt,
            batch_size=len(batch),
            convert_to_tensor=True,
            show_progress_bar=False,
        )


def _refuse_pickles(model: str, revision: str | None) -> None:
    """LensError where a module's weights are not there as safetensors: the library would take
    pickled ones."""
    from transformers.utils import cached_file

    for module in model_json(model, revision, "modules.json"):
        kind, path = module["type"].rpartition(".")[2], module["path"]
        if kind in WEIGHTLESS:
            continue
        inside = f"{path}/" if path else ""
        with reading(model, revision):
            safe, pickled = (
                cached_file(
                    model,
                    inside + name,
                    revision=revision,
                    _raise_exceptions_for_missing_entries=False,
                )
                for name in ("model.safetensors", "pytorch_model.bin")
            )
        if pickled and not safe:
            raise LensError(
                f"{pickled}: pickled weights, and only model.safetensors is read. If you trust who "
                'made them, convert the model once, and give the new folder: python -c "from '
                f"sentence_transformers import SentenceTransformer as S; S('{model}')"
                ".save('converted')\""
            )
