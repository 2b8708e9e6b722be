"""Going on with more labels: embeds the texts that are new, and nothing again."""

from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from lens.advice.own_pairs import EmbeddedPairs, Preferences
from lens.core.errors import LensError
from lens.language.encoder import Encoder
from lens.serving.known import encoder_request

PAIRS = "pairs"  # in a reward model's folder: its pairs, for the next fit


def saved_pairs(folder: str | Path, *, model: str | None = None, **how: object) -> EmbeddedPairs:
    """The pairs that `lens fit` or `lens advise` left in a folder. `model` says where the encoder
    is now, if it was moved; `how` as for `EmbeddedPairs.load`. LensError where there are none."""
    for candidate in (Path(folder) / PAIRS, Path(folder)):
        if (candidate / "pairs.parquet").is_file():
            pairs = EmbeddedPairs.load(candidate, **how)  # type: ignore[arg-type]
            if model and pairs.encoder:
                pairs.encoder = replace(pairs.encoder, model=model)
            return pairs
    raise LensError(
        f"{folder}: holds no embedded pairs. Give the folder of a `lens fit` or `lens advise`."
    )


def extend_pairs(before: EmbeddedPairs, new: Preferences | EmbeddedPairs) -> EmbeddedPairs:
    """The pairs of `before` and `new`, embedded; a pair in both gets the label of `new`.

    Texts of `new` pairs that `before` does not contain are embedded by its encoder. LensError if it
    has none, or if the encoder's files have changed.
    """
    if not isinstance(before, EmbeddedPairs) or not isinstance(new, Preferences | EmbeddedPairs):
        raise LensError("extend_pairs needs embedded pairs, then pairs of `lens.read_pairs`.")
    if ("label" in before.table) != ("label" in new.table):
        raise LensError(
            "one of the two has soft labels and the other hard ones. Read both with the same "
            "`labels`."
        )
    if isinstance(new, Preferences):
        new = _embedded(before, new)
    if new.chosen.shape[1] != before.chosen.shape[1]:
        raise LensError(
            f"embeddings of {before.chosen.shape[1]} and of {new.chosen.shape[1]} features do not "
            "go together. Embed both with the same model."
        )
    latest = set(_keys(new.table))
    kept = np.array([key not in latest for key in _keys(before.table)], bool)
    table = pd.concat([before.table[kept], new.table], ignore_index=True)
    table["id"] = _distinct(table["id"])
    report = new.report | {
        "pairs": len(table),
        "prompts": int(table["group"].nunique()),
        "rows": before.report.get("rows", 0) + new.report.get("rows", 0),
        "usable_pairs": len(table),
        "continued_from": before.sha256,
    }
    return EmbeddedPairs(
        table,
        np.concatenate([before.chosen[kept], new.chosen]),
        np.concatenate([before.rejected[kept], new.rejected]),
        before.encoder,
        report,
    )


def _keys(table: pd.DataFrame) -> list[tuple]:
    """What a pair is, whichever answer is the better one."""
    sides = zip(table["prompt"], table["chosen"], table["rejected"], strict=True)
    return [(prompt, *sorted((one, other))) for prompt, one, other in sides]


def _distinct(ids: pd.Series) -> list[str]:
    """Ids, those that stand twice (row numbers of two files, for instance) with a count added."""
    taken, distinct = set(ids), []
    seen: set[str] = set()
    for name in ids:
        count, new = 1, name
        while new in seen:
            count += 1
            new = f"{name}+{count}" if f"{name}+{count}" not in taken else new
        seen.add(new)
        distinct.append(new)
    return distinct


def _embedded(before: EmbeddedPairs, new: Preferences) -> EmbeddedPairs:
    known: dict[tuple, np.ndarray] = {}
    for side, embeddings in (("chosen", before.chosen), ("rejected", before.rejected)):
        texts = zip(before.table["prompt"], before.table[side], strict=True)
        known.update(zip(texts, embeddings, strict=True))
    sides = {
        side: list(zip(new.table["prompt"], new.table[side], strict=True))
        for side in ("chosen", "rejected")
    }
    missing = [text for text in dict.fromkeys(chain(*sides.values())) if text not in known]
    report = dict(before.report) | new.report
    if missing:
        encoder = _unchanged(before)
        prompts, answers = map(list, zip(*missing, strict=True))
        names = [f"new text {number}" for number in range(1, len(missing) + 1)]
        token_ids, cut = encoder.token_ids(prompts, answers, names)
        vectors = encoder.embed_tokens(token_ids, names)
        known.update(zip(missing, vectors, strict=True))
        report["texts_cut"] = before.report.get("texts_cut", 0) + cut
        report["tokens"] = before.report.get("tokens", 0) + sum(map(len, token_ids))
    chosen, rejected = (np.stack([known[text] for text in texts]) for texts in sides.values())
    return EmbeddedPairs(new.table, chosen, rejected, before.encoder, report)


def _unchanged(before: EmbeddedPairs) -> Encoder:
    """The encoder of the pairs; LensError where there is none or its files are others now."""
    encoder, asked = before.encoder, before.report.get("asked")
    if encoder is None:
        raise LensError(
            "the pairs to continue from have imported embeddings, so new texts need embeddings of "
            "the same model: --embeddings NEW.npy."
        )
    if asked and encoder.model == asked["model"]:
        now = encoder_request(encoder)["files"]
        if now != asked["files"]:
            raise LensError(
                f"{encoder.model}: the model's files have changed since the pairs were embedded. "
                "Fit again on all pairs, without --continue."
            )
    return encoder
