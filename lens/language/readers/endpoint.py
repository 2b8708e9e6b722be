"""Embeddings from an OpenAI-compatible endpoint (/v1/embeddings): vLLM, TEI, llama.cpp, Ollama.

Every vector is kept on disk as soon as it is there and never asked for again. An endpoint does not
say what it does to a text: whether the same text still gives the same vector, and whether it reads
long texts to their ends, is tried out.
"""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from lens.core.errors import LensError
from lens.core.progress import Bar
from lens.files.endpoints import LATER, check_address, client, error_line, host, read_key
from lens.language.readers.vectors import Vectors, default_path

PROBE = "How do I keep bread fresh? Keep it in a paper bag, cut side down, not in the fridge."
MOST_DRIFT = 0.02  # between vectors of one text, relative to their length
UNMOVED = 1e-6  # the same, where a part of the text is not read
TIMEOUT, RETRIES, PARALLEL = 60.0, 5, 4
BATCH_TEXTS, BATCH_CHARACTERS = 32, 100_000
TOO_LONG = re.compile(r"too (?:long|large)|context|exceed|maximum|longer than|must have less", re.I)
CUT_BY = 4  # a text that is refused loses a quarter
LEAST = 16  # characters, below which a text is not cut


class TooLongError(Exception):
    """The endpoint does not read the whole text."""


def check_unheard(model: str, **settings: bool) -> None:
    """LensError where settings are given that an endpoint does not heed."""
    unheard = [f"--{name.replace('_', '-')}" for name, value in settings.items() if value]
    if unheard:
        raise LensError(
            f"{model} at an endpoint: {', '.join(unheard)}: an endpoint reads plain text and pools "
            "by itself. Leave that out."
        )


class Endpoint:
    """A model at `base_url`, which ends before /embeddings.

    The API key is in the environment variable `key_variable`; an endpoint on this machine needs
    none. `cache` is the file that keeps vectors. Raises LensError where the address or key is
    wrong, the endpoint does not answer, or it gives other vectors than those that are kept.
    """

    parameters = 0

    def __init__(self, base_url: str, model: str, *, key_variable: str, cache: str | None):
        check_address(base_url)
        self.base_url, self.model = base_url.rstrip("/"), model
        self.key_variable = key_variable
        self.secret = read_key(key_variable, base_url)
        self.client = client(base_url, self.secret, TIMEOUT, RETRIES)
        path = Path(cache) if cache else default_path()
        self.kept = Vectors(path, [self.base_url, model])
        # Of texts that the endpoint may have cut, which only those get who ask for that.
        self.kept_cut = Vectors(path, [self.base_url, model, "cut_right"])
        self.whole = 0  # characters of the longest text that is known to be read to its ends
        self._check_same()

    def __str__(self) -> str:
        return f"{self.model} at {host(self.base_url)}"

    def texts(
        self, texts: Sequence[str], names: Sequence[str], too_long: str
    ) -> tuple[list[str], int]:
        """(texts as the endpoint reads them, how many of them were cut here); their vectors are in
        the cache then. With `too_long` "error" a text that it does not read whole is a LensError;
        with "cut_left" or "cut_right" it loses a quarter at a time until it is accepted."""
        name_of = dict(zip(texts, names, strict=True))
        accepted = too_long == "cut_right"
        have = self._saved_vectors(name_of) if accepted else self.kept.get(name_of)
        missing = sorted(name_of.keys() - have.keys(), key=lambda text: (len(text.encode()), text))
        if missing and not accepted:
            self._check_whole(missing[-1], name_of[missing[-1]])
        cut = self._ask_all(missing, name_of, too_long)
        return [cut.get(text, text) for text in texts], sum(text in cut for text in texts)

    def embed(self, texts: Sequence[str], *, batch_tokens: int, progress: bool) -> np.ndarray:
        """Embeddings float32 [n, d] in the order of the texts that `texts` has returned."""
        known = self._saved_vectors(texts)
        if absent := [text for text in texts if text not in known]:
            raise LensError(f"{self.kept.path}: {len(absent)} vectors are gone. Run again.")
        try:
            return np.stack([known[text] for text in texts])
        except ValueError as error:
            raise LensError(
                f"{self}: vectors of several lengths are in {self.kept.path}: there is another "
                "model behind this name now. Remove that file and run again."
            ) from error

    def _saved_vectors(self, texts: Iterable[str]) -> dict[str, np.ndarray]:
        texts = list(texts)
        return self.kept_cut.get(texts) | self.kept.get(texts)

    def _check_same(self) -> None:
        """LensError unless the endpoint gives a fixed text the vector that it gave before."""
        now, again = self._vectors([PROBE, PROBE])
        before = self.kept.get([PROBE]).get(PROBE)
        if _distance(now, again) > MOST_DRIFT:
            raise LensError(
                f"{self}: the same text twice gives two vectors (off by "
                f"{_distance(now, again):.2g}): nothing can be learnt from these."
            )
        if before is not None and not _distance(now, before) <= MOST_DRIFT:
            raise LensError(
                f"{self}: a fixed text has another vector than in {self.kept.path} (off by "
                f"{_distance(now, before):.2g}): there is another model or version behind this "
                "name. Remove that file and embed and fit again."
            )
        self.kept.put([PROBE], now[None])

    def _check_whole(self, text: str, name: str) -> None:
        """LensError where the endpoint passes over an end of its longest text in silence: a change
        there leaves the vector as it is."""
        if len(text) <= max(self.whole, LEAST):
            return
        part = max(LEAST, len(text) // 10)
        other = ("0 9 1 8 2 7 3 6 4 5 " * (part // 20 + 1))[:part]
        try:
            own, again, ends, begins = (
                self._vectors([one])[0]
                for one in (text, text, text[:-part] + other, other + text[part:])
            )
        except TooLongError:
            return  # refused, so that it is not in silence
        least = max(UNMOVED, 2 * _distance(own, again))
        for side, moved in (("end", ends), ("beginning", begins)):
            if _distance(own, moved) <= least:
                raise LensError(
                    f"{self}: it does not read the {side} of long texts, and does not say so: "
                    f"other words there change nothing ({name}, {len(text):,} characters). Raise "
                    "the server's limit (Ollama: num_ctx), remove the longest texts"
                    + (", or accept that it cuts: --too-long cut_right." if side == "end" else ".")
                )
        self.whole = len(text)

    def _ask_all(
        self, missing: Sequence[str], name_of: dict[str, str], too_long: str
    ) -> dict[str, str]:
        """Has the vectors of these texts kept; returns those that were cut, as they are now."""
        cut: dict[str, str] = {}
        bar = Bar(total=len(missing), unit="text", desc="embed")
        pool = ThreadPoolExecutor(PARALLEL)
        try:
            asked = {
                pool.submit(self._fitted, batch, too_long): batch for batch in _batches(missing)
            }
            for future in as_completed(asked):
                read, vectors = self._answer(future, name_of)
                (self.kept_cut if too_long == "cut_right" else self.kept).put(read, vectors)
                cut |= {
                    text: now for text, now in zip(asked[future], read, strict=True) if text != now
                }
                bar.update(len(read))
        finally:
            pool.shutdown(cancel_futures=True)
            bar.close()
        return cut

    def _answer(self, future: Future, name_of: dict[str, str]) -> tuple[list[str], np.ndarray]:
        try:
            return future.result()
        except TooLongError as error:
            text = error.args[1]
            raise LensError(
                f"{name_of[text]}: {self} refuses it ({len(text):,} characters: {error.args[0]}). "
                "Remove it, or let it be cut: --too-long cut_left (keeps the answer) or cut_right."
            ) from None

    def _fitted(self, batch: list[str], too_long: str) -> tuple[list[str], np.ndarray]:
        """(the texts as they were accepted, their vectors)."""
        try:
            return batch, self._vectors(batch)
        except TooLongError as error:
            if len(batch) > 1:
                half = len(batch) // 2
                parts = [self._fitted(part, too_long) for part in (batch[:half], batch[half:])]
                return parts[0][0] + parts[1][0], np.concatenate([part[1] for part in parts])
            if too_long == "error" or len(batch[0]) < LEAST:
                raise TooLongError(str(error), batch[0]) from None
            drop = len(batch[0]) // CUT_BY
            shorter = batch[0][drop:] if too_long == "cut_left" else batch[0][:-drop]
            return self._fitted([shorter], too_long)

    def _vectors(self, texts: list[str]) -> np.ndarray:
        """Vectors float32 [n, d] by one request, after the client's own retries. TooLongError where
        a text may be too long, LensError for what does not pass."""
        import openai

        try:
            reply = self.client.embeddings.create(
                model=self.model, input=texts, encoding_format="float"
            )
        except openai.APIStatusError as error:
            words = error_line(error, self.secret, 300)
            if error.status_code == 413 or (
                error.status_code not in (401, 403, 404, *LATER) and TOO_LONG.search(words)
            ):
                raise TooLongError(words) from None
            raise LensError(
                f"{self}: refused (HTTP {error.status_code}: {words}). Check --base-url "
                f"{self.base_url}, --model and the key in {self.key_variable}. What was embedded "
                f"is kept in {self.kept.path}."
            ) from None
        except openai.APIError as error:
            raise LensError(
                f"{self}: no answer from {self.base_url}/embeddings "
                f"({error_line(error, self.secret, 200)}). Is the server running, and does the "
                f"address end before /embeddings? Finished embeddings are kept in {self.kept.path}."
            ) from None
        return self._checked(reply, len(texts))

    def _checked(self, reply: object, count: int) -> np.ndarray:
        try:
            rows = sorted(reply.data, key=lambda vector: vector.index)  # type: ignore[attr-defined]
            vectors = np.array([row.embedding for row in rows], np.float32)
            if vectors.ndim != 2 or len(vectors) != count or not vectors.shape[1]:
                raise ValueError(f"{vectors.shape} for {count} texts")
        except (AttributeError, TypeError, ValueError) as error:
            raise LensError(
                f"{self}: its answer is not a list of {count} embeddings ({error}). Is it a model "
                "that embeds, and does the address end before /embeddings?"
            ) from error
        if not np.isfinite(vectors).all():
            raise LensError(f"{self}: a vector holds numbers that are not finite.")
        return vectors


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    """Relative to the first's length; infinite where they are of unlike size."""
    if first.shape != second.shape:
        return float("inf")
    size = float(np.linalg.norm(first))
    return float(np.linalg.norm(first - second)) / size if size else float("inf")


def _batches(texts: Sequence[str]) -> list[list[str]]:
    """The texts in batches for one request each."""
    batches: list[list[str]] = []
    room = 0
    for text in texts:
        if not batches or len(batches[-1]) == BATCH_TEXTS or len(text) > room:
            batches.append([])
            room = BATCH_CHARACTERS
        batches[-1].append(text)
        room -= len(text)
    return batches
