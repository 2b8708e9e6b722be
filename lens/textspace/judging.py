"""Judging pairs of answers: a language model says in words, or by the probability of its next
token, which answer is better.

Every pair is judged in both orders, because judges have a position bias. The judge can run
anywhere: `judge_pairs` takes a function from texts to answers, such as `endpoint.ask_endpoint`.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lens.core import diagnostics
from lens.core.errors import LensError
from lens.files.artifacts import require_file
from lens.language.templates import render

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer

PLACEHOLDERS = re.compile(r"\{(prompt|first|second)\}")
MARKS = {"A": "first", "B": "second", "C": "tie"}
VERDICTS = ("first", "second", "tie", "unparsable", "failed")
PREFERRED = ("a", "b", "tie", "none")
WON = {"a": 1.0, "b": 0.0, "tie": 0.5}


def read_template(path: str | None) -> str:
    """The judge's prompt from a file; None: the default prompt.

    Raises LensError unless it contains {prompt}, {first} and {second}.
    """
    if path is None:
        return (resources.files("lens.textspace") / "prompts" / "pairwise.txt").read_text(
            encoding="utf-8"
        )
    template = require_file(path).read_text(encoding="utf-8")
    missing = {"prompt", "first", "second"} - set(PLACEHOLDERS.findall(template))
    if missing:
        names = " and ".join(f"{{{name}}}" for name in sorted(missing))
        raise LensError(f"{path}: no {names}. A judge's prompt needs these placeholders: add them.")
    return template


def fill(template: str, prompt: str, first: str, second: str) -> str:
    """The judge's input text; `prompt` is JSON messages, and several turns are shown with speakers.

    Filled in one pass: "{second}" inside an answer is not replaced.
    """
    request = render(prompt, None, "plain", None).removesuffix("\n\n")
    texts = {"prompt": request, "first": first, "second": second}
    return PLACEHOLDERS.sub(lambda match: texts[match[1]], template)


def parse(answer: str | None) -> str:
    """The judge's verdict: "first", "second" or "tie" for the last [[A]], [[B]] or [[C]] of its
    answer, "unparsable" without one, "failed" without an answer (None)."""
    if answer is None:
        return "failed"
    marks = re.findall(r"\[\[([ABC])\]\]", answer)
    return MARKS[marks[-1]] if marks else "unparsable"


def both_orders(
    template: str, prompts: Sequence[str], answers_a: Sequence[str], answers_b: Sequence[str]
) -> list[str]:
    """The judge's input texts [2 n]: n with answer a first, then n with answer b first."""
    pairs = list(zip(prompts, answers_a, answers_b, strict=True))
    return [fill(template, prompt, a, b) for prompt, a, b in pairs] + [
        fill(template, prompt, b, a) for prompt, a, b in pairs
    ]


def judge_pairs(
    ask: Callable[[list[str]], list[str | None]],
    template: str,
    prompts: Sequence[str],
    answers_a: Sequence[str],
    answers_b: Sequence[str],
) -> pd.DataFrame:
    """One row per pair: the verdict of `parse` in each order (`a_first`, `b_first`), `preferred`.

    `ask` is called once with the 2 n texts of `both_orders`. A verdict for a counts +1, for b -1, a
    tie 0; the sign of their sum gives "a", "b" or "tie". Without a verdict in both orders,
    `preferred` is "none".
    """
    verdicts = [
        parse(answer) for answer in ask(both_orders(template, prompts, answers_a, answers_b))
    ]
    count = len(prompts)
    judged = pd.DataFrame({"a_first": verdicts[:count], "b_first": verdicts[count:]}, dtype="str")
    preferred = map(_preferred, judged["a_first"], judged["b_first"])
    return judged.assign(preferred=pd.Series(preferred, dtype="str"))


def _preferred(a_first: str, b_first: str) -> str:
    votes = {"first": 1, "second": -1, "tie": 0}
    if a_first not in votes or b_first not in votes:
        return "none"
    for_a = votes[a_first] - votes[b_first]
    return "a" if for_a > 0 else "b" if for_a < 0 else "tie"


def describe(judged: pd.DataFrame) -> dict:
    """Counts of verdicts, and the judge's position bias.

    `preferred`, `a_first` and `b_first` count each value. `clear_pairs` have a winner in both
    orders. Of these, `favours_first` and `favours_second` are the shares in which the same position
    won twice, `position_bias` is their sum, and `consistent` is the share in which the same answer
    won twice; all are None without clear pairs. `flags` say so where position decides most.
    """
    positions = ["first", "second"]
    clear = judged[judged["a_first"].isin(positions) & judged["b_first"].isin(positions)]
    same_position = clear["a_first"] == clear["b_first"]

    def share(verdicts: pd.Series) -> float | None:
        return float(verdicts.mean()) if len(clear) else None

    return {
        "preferred": _counts(judged["preferred"], PREFERRED),
        "a_first": _counts(judged["a_first"], VERDICTS),
        "b_first": _counts(judged["b_first"], VERDICTS),
        "clear_pairs": len(clear),
        "position_bias": share(same_position),
        "favours_first": share(same_position & (clear["a_first"] == "first")),
        "favours_second": share(same_position & (clear["a_first"] == "second")),
        "consistent": share(~same_position),
        "flags": diagnostics.named(diagnostics.judge_flags(int(same_position.sum()), len(clear))),
    }


def _counts(values: pd.Series, names: Sequence[str]) -> dict[str, int]:
    return {name: int((values == name).sum()) for name in names}


def probability_verdicts(
    model: "Model",
    tokenizer: "Tokenizer",
    token_ids: Sequence[Sequence[int]],
    labels: tuple[str, str],
    *,
    batch_tokens: int,
) -> np.ndarray:
    """P(label 1) / (P(label 1) + P(label 2)) of the token after each text, float64 [n].

    `token_ids` are the judge's input texts, which end just before a label; their common beginnings
    are read once where the model lets us. Raises LensError for a label that is not one token of the
    judge, and for probabilities that are not finite.
    """
    import torch

    from lens.core.progress import Bar
    from lens.language.batching import distinct, while_memory_lasts
    from lens.language.packed import reading
    from lens.language.packed.head import head_can_pack

    label_ids = _label_ids(tokenizer, labels)
    texts, text_rows = distinct(token_ids)
    head = model.get_output_embeddings()
    packed = bool(texts) and head_can_pack(model, head)

    def run(rows: Sequence[int], budget: int) -> "Iterator[tuple[list[int], torch.Tensor]]":
        part = [texts[row] for row in rows]
        if not packed:
            return _padded_texts(model, part, budget)
        states = reading.last_states(model.base_model, part, layer=-1, budget=budget)
        return ((numbers, head(state)) for numbers, state in states)

    shares = np.empty(len(texts))
    progress = Bar(total=len(texts), unit="text", desc="judge")
    with torch.inference_mode():
        for rows, logits in while_memory_lasts(run, len(texts), batch_tokens):
            first, second = logits[:, label_ids].double().T
            shares[rows] = (first - second).sigmoid().cpu().numpy()
            progress.update(len(rows))
    progress.close()
    if not np.isfinite(shares).all():
        raise LensError(
            f"{(~np.isfinite(shares)).sum()} of the judge's probabilities are not finite. "
            "Use float32."
        )
    return shares[text_rows]


def _padded_texts(
    model: "Model", token_ids: Sequence[Sequence[int]], budget: int
) -> "Iterator[tuple[list[int], torch.Tensor]]":
    """(rows, the logits [n, words] after their last tokens) batch by batch."""
    import torch

    from lens.language.batching import pad, token_batches

    for rows in token_batches(list(map(len, token_ids)), budget, model.device.type):
        ids, mask = pad([token_ids[row] for row in rows], 0, model.device)
        # Logits of all positions would take more memory than the model.
        last, which = torch.unique(mask.sum(dim=1) - 1, return_inverse=True)
        logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=last).logits
        yield rows, logits[torch.arange(len(rows), device=logits.device), which]


def _label_ids(tokenizer: "Tokenizer", labels: tuple[str, str]) -> list[int]:
    label_ids = []
    for label in labels:
        ids = tokenizer(label, add_special_tokens=False)["input_ids"]
        if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
            raise LensError(
                f"label {label!r}: {len(ids)} tokens of {tokenizer.name_or_path}, or unknown to "
                "it. Choose labels that are one token each."
            )
        label_ids += ids
    if label_ids[0] == label_ids[1]:
        raise LensError(f"labels {labels[0]!r} and {labels[1]!r} are the same token: change one.")
    return label_ids


def judge_by_probability(
    model: "Model",
    tokenizer: "Tokenizer",
    template: str,
    prompts: Sequence[str],
    answers_a: Sequence[str],
    answers_b: Sequence[str],
    *,
    labels: tuple[str, str] = ("A", "B"),
    opening: str = "[[",
    style: str,
    limit: int,
    batch_tokens: int,
) -> pd.DataFrame:
    """As `judge_pairs`, by a judge's probabilities of `labels` (first better, second better).

    `opening` begins the judge's answer, up to the label; for `style` see `templates.render`. `p_a`
    is the mean of P(first) with a first and 1 - P(first) with b first: above 1/2, a is preferred;
    below, b; exactly 1/2 is a tie. A text above `limit` tokens is "failed" and its pair "none",
    because a cut answer cannot be judged. LensError as `probability_verdicts`.
    """
    texts = [
        render(json.dumps([{"role": "user", "content": text}]), None, style, tokenizer) + opening
        for text in both_orders(template, prompts, answers_a, answers_b)
    ]
    count = len(prompts)
    token_ids = tokenizer(texts, add_special_tokens=style == "plain", verbose=False)["input_ids"]
    fits = np.array([len(ids) <= limit for ids in token_ids])
    p_first = np.full(len(texts), np.nan)
    p_first[fits] = probability_verdicts(
        model,
        tokenizer,
        [ids for ids, fit in zip(token_ids, fits, strict=True) if fit],
        labels,
        batch_tokens=batch_tokens,
    )
    a_first, b_first = p_first[:count], p_first[count:]
    p_a = (a_first + 1 - b_first) / 2
    return pd.DataFrame(
        {
            "a_first": _above_half(a_first, "first", "second", "failed"),
            "b_first": _above_half(b_first, "first", "second", "failed"),
            "preferred": _above_half(p_a, "a", "b", "none"),
            "p_a": p_a,
        }
    )


def _above_half(shares: np.ndarray, above: str, below: str, unknown: str) -> list[str]:
    names = [above if share > 0.5 else below if share < 0.5 else "tie" for share in shares]
    return [unknown if share != share else name for share, name in zip(shares, names, strict=True)]
