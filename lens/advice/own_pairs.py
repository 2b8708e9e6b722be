"""A user's preference pairs with their embeddings, kept for the next command."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from lens.advice.preferences import Preferences, decided, read_pairs, summary
from lens.core import diagnostics
from lens.core.diagnostics import check_finite, constant_features, identical_pairs
from lens.core.errors import LensError
from lens.core.settings import BATCH_TOKENS
from lens.data.beware import pair_flags
from lens.files import artifacts
from lens.files.embedding_cache import Cache
from lens.files.embeddings import distinct_texts, read_embedded
from lens.language.encoder import Encoder
from lens.serving.known import embed_new, encoder_request, identity

__all__ = ["EmbeddedPairs", "Preferences", "claim", "embed_pairs"]
__all__ += ["import_embeddings", "read_pairs", "saved_embeddings", "summary"]

MARK = ".lens"
SIDES = {"chosen": "chosen", "rejected": "rejected"}
OF_EMBEDDING = ("texts_cut", "tokens", "asked")


@dataclass
class EmbeddedPairs:
    """Pairs and the embeddings of their answers, float32 [N, d] per side, in the same order.

    `encoder` is None for imported embeddings. `report` is that of `Preferences`, with the number of
    texts that were cut to the model's context.
    """

    table: pd.DataFrame
    chosen: np.ndarray
    rejected: np.ndarray
    encoder: Encoder | None
    report: dict

    def __post_init__(self) -> None:
        """LensError where an embedding is not finite, or none tells a chosen answer from its
        rejected one."""
        for side, embeddings in (("chosen", self.chosen), ("rejected", self.rejected)):
            names = [f"pair {name}, {side}" for name in self.table["id"]]
            check_finite(
                embeddings,
                names.__getitem__,
                "the embedding",
                "Embed again in float32, or remove the pair.",
            )
        if identical_pairs(self.chosen, self.rejected).all():
            raise LensError(
                "chosen and rejected answers have the same embeddings in every pair. Is the text "
                "cut too short (--max-length), or does the tokenizer not know these words?"
            )

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        by = Path(self.encoder.model).name if self.encoder else "imported"
        return f"<{len(self):,} pairs, embeddings of {self.chosen.shape[1]:,} features, {by}>"

    @property
    def groups(self) -> np.ndarray:
        """The groups [N] that may not be on both sides of a split: the prompts."""
        return self.table["group"].to_numpy()

    @property
    def labels(self) -> np.ndarray | None:
        """The probability [N] that the chosen answer is the better one, if labels are soft."""
        return self.table["label"].to_numpy() if "label" in self.table else None

    @property
    def lengths(self) -> np.ndarray:
        """The logarithm [N, 2] of the number of characters of chosen and rejected answers."""
        return np.log1p(self.table[["chosen", "rejected"]].map(len).to_numpy(np.float64))

    @property
    def graded(self) -> bool:
        """Whether any label is below 1, so that soft labels differ from hard ones."""
        return self.labels is not None and bool((self.labels < 1).any())

    @property
    def decided(self) -> np.ndarray:
        """Which pairs [N] are not ties."""
        return decided(self.table)

    @property
    def flags(self) -> list[dict]:
        """The flags of the pairs (`lens.data.beware`) and of the embeddings
        (`lens.core.diagnostics`)."""
        constant = constant_features(np.concatenate([self.chosen, self.rejected]))
        alike = int(identical_pairs(self.chosen, self.rejected).sum())
        flags = diagnostics.embedding_flags(int(constant.sum()), len(constant), alike, len(self))
        return diagnostics.named([*pair_flags(self.table), *flags])

    @property
    def sha256(self) -> str:
        """A hash of the pairs' texts, and of soft labels, in order: it identifies the data."""
        columns = ["prompt", "chosen", "rejected", *(["label"] if "label" in self.table else [])]
        texts = self.table[columns].to_json(orient="values")
        return sha256(texts.encode()).hexdigest()

    @property
    def note(self) -> str | None:
        """A sentence on texts that were cut, if any were."""
        cut, texts = self.report.get("texts_cut", 0), 2 * len(self.table)
        if not cut:
            return None
        side = "right" if self.encoder and self.encoder.too_long == "cut_right" else "left"
        return (
            f"{cut:,} of {texts:,} texts are longer than the model reads and were cut on the "
            f"{side} (--too-long, --max-length)."
        )

    def save(self, folder: str | Path, *, dtype: str = "float32") -> None:
        """Saves pairs.parquet, embeddings.safetensors and pairs.json for `load`; `dtype` "float16"
        halves the embeddings' file. LensError, and nothing is written, if the folder contains
        anything else."""
        folder = Path(folder)
        claim(folder)
        artifacts.write_table(folder / "pairs.parquet", self.table)
        encoder = self.encoder.as_dict() if self.encoder else None
        arrays, stored = self._each_text_once()
        artifacts.write_embeddings(
            folder / "embeddings.safetensors",
            arrays,
            dtype,
            stored
            | {
                "rows_sha256": artifacts.sha256(folder / "pairs.parquet"),
                "encoder": json.dumps(encoder, sort_keys=True),
                "asked": json.dumps(self.report.get("asked"), sort_keys=True),
            },
        )
        artifacts.write_json(folder / "pairs.json", self.report)

    def _each_text_once(self) -> tuple[dict[str, np.ndarray], dict]:
        """(arrays to be stored, what their file says of them): a row for each distinct text, or, if
        imported embeddings of one text differ, one for each answer."""
        texts, sides = distinct_texts(self.table, SIDES)
        both = np.stack([self.chosen, self.rejected], axis=1)
        once = both[texts[:, 0], texts[:, 1]]
        whole = {"chosen": self.chosen, "rejected": self.rejected}
        if all(np.array_equal(once[sides[name]], whole[name]) for name in SIDES):
            return {"texts": once}, {"texts_of": SIDES}
        return whole, {}

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: str = "auto",
        batch_tokens: int = BATCH_TOKENS,
        trust_remote_code: bool = False,
    ) -> "EmbeddedPairs":
        """Loads what `save` wrote; LensError if the files do not belong together."""
        folder = Path(folder)
        path = folder / "embeddings.safetensors"
        table, arrays = read_embedded(folder / "pairs.parquet", path)
        about = artifacts.read_about(path)
        settings = json.loads(about["encoder"])
        encoder = settings and Encoder.from_saved(
            settings, device=device, batch_tokens=batch_tokens, trust_remote_code=trust_remote_code
        )
        report = artifacts.read_json(folder / "pairs.json")
        if report.get("asked") != json.loads(about["asked"]):
            raise LensError(f"{folder}: an earlier run was stopped. Run `lens advise` again.")
        return cls(table, arrays["chosen"][:], arrays["rejected"][:], encoder, report)


def embed_pairs(
    pairs: Preferences,
    encoder: Encoder | str,
    *,
    estimate: Callable[[float, int], None] = lambda seconds, texts: None,
) -> EmbeddedPairs:
    """Embeds both answers of every pair, each distinct text once; cached embeddings are reused
    (`lens.files.embedding_cache`). An encoder can be given as a folder or Hub id.
    `estimate(seconds, texts)` is called with the expected time and the number of new texts; it may
    raise to stop."""
    if not isinstance(pairs, Preferences):
        raise LensError("embed_pairs needs pairs that `lens.read_pairs` has read.")
    encoder = Encoder(encoder) if isinstance(encoder, str) else encoder
    request = encoder_request(encoder)
    prompts = [*pairs.table["prompt"]] * 2
    answers = [*pairs.table["chosen"], *pairs.table["rejected"]]
    keys = list(pairs.table["id"])
    names = [f"pair {key}, {side}" for side in SIDES for key in keys]
    token_ids, cut = encoder.token_ids(prompts, answers, names)
    with Cache(identity(encoder)) as cache:
        both = embed_new(encoder, token_ids, names, cache, estimate=estimate)
    chosen, rejected = both.reshape(2, len(keys), -1)
    counts = (cut, sum(map(len, token_ids)), request)
    report = pairs.report | dict(zip(OF_EMBEDDING, counts, strict=True))
    return EmbeddedPairs(pairs.table, chosen, rejected, encoder, report)


def claim(folder: Path, source: str | None = None) -> None:
    """Marks a folder as ours; LensError if it is there and holds what `lens` did not write, or an
    advice on another `source`."""
    mark, report = folder / MARK, folder / "pairs.json"
    if source and mark.is_file() and report.is_file():
        other = artifacts.read_json(report)["source"]
        if Path(other).name != Path(source).name:
            raise LensError(f"{folder}: holds the advice on {other}. Choose another --out.")
    if folder.exists() and not mark.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise LensError(f"{folder}: is there and holds other things. Choose a new folder.")
    artifacts.write_text(mark, "Written by `lens advise`, which may replace what lies here.\n")


def saved_embeddings(
    folder: str | Path, pairs: Preferences, encoder: Encoder
) -> EmbeddedPairs | None:
    """The embeddings that `EmbeddedPairs.save` left in a folder, if they are of these pairs by this
    encoder; else None."""
    folder = Path(folder)
    if not (folder / "pairs.json").is_file():
        return None
    try:
        saved = EmbeddedPairs.load(
            folder,
            device=encoder.device,
            batch_tokens=encoder.batch_tokens,
            trust_remote_code=encoder.trust_remote_code,
        )
    except LensError:  # an earlier run was stopped while it wrote
        return None
    same = saved.report.get("asked") == encoder_request(encoder) and saved.table.equals(pairs.table)
    if not same:
        return None
    saved.report = pairs.report | {name: saved.report[name] for name in OF_EMBEDDING}
    return saved


def import_embeddings(pairs: Preferences, path: str | Path) -> EmbeddedPairs:
    """Pairs with embeddings from a .npy file [N, 2, d], chosen before rejected, in the pairs'
    order. Raises LensError if shapes or numbers are wrong."""
    array = artifacts.read_npy(path)
    wanted = len(pairs.table)
    if array.ndim != 3 or array.shape[:2] != (wanted, 2):
        raise LensError(
            f"{path}: shape {list(array.shape)}, but {wanted} usable pairs need [{wanted}, 2, "
            "features], chosen before rejected, in the file's order. If rows were dropped, remove "
            "them from the data first, or make the array with `lens embed`."
        )
    return EmbeddedPairs(
        pairs.table,
        np.ascontiguousarray(array[:, 0]),
        np.ascontiguousarray(array[:, 1]),
        None,
        pairs.report,
    )
