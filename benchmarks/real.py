"""Real weights and texts for `make bench`: SmolLM2, and pairs of HH-RLHF and PandaLM."""

import gzip
import json
import random
from pathlib import Path

import torch

NAME = "SmolLM2-135M-Instruct*.gguf"


def find_weights(folder: Path) -> Path | None:
    """A SmolLM2 in a folder: a GGUF file, or a folder with config.json."""
    files = sorted(folder.glob(NAME)) if folder.is_dir() else []
    folders = [path.parent for path in sorted(folder.glob("smollm2*/config.json"))]
    return next(iter(folders + files), None)


def load_smollm2(path: Path):
    """(tokenizer, causal model float32 on the CPU)."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder, more = (path, {}) if path.is_dir() else (path.parent, {"gguf_file": path.name})
    tokenizer = AutoTokenizer.from_pretrained(folder, **more)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **more)
    return tokenizer, model.eval()


def rows_of(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def hh_pairs(data: Path, count: int) -> list[tuple[list[dict], str]]:
    """(messages, answer) of both answers of so many pairs of HH-RLHF, drawn by chance."""
    from lens.advice.preferences import read_pairs

    rows = rows_of(data / "hh_rlhf/pairs.jsonl.gz")
    drawn = random.Random(0).sample(rows, min(2 * count, len(rows)))
    kept = [{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in drawn]
    table = read_pairs(kept).table.head(count)
    return [
        (json.loads(prompt), answer)
        for prompt, *both in zip(table["prompt"], table["chosen"], table["rejected"], strict=True)
        for answer in both
    ]


def panda_pairs(data: Path, count: int) -> list[tuple[list[dict], str]]:
    """(messages, answer) of both answers of all of PandaLM's pairs with the first prompts, as many
    prompts as hold `count` pairs."""
    rows = rows_of(data / "pandalm/pairs.jsonl.gz")
    prompts = list(dict.fromkeys(row["prompt"] for row in rows))
    random.Random(0).shuffle(prompts)
    texts: list[tuple[list[dict], str]] = []
    for prompt in prompts:
        if len(texts) >= 2 * count:
            break
        asked = [{"role": "user", "content": prompt}]
        for row in (row for row in rows if row["prompt"] == prompt):
            texts += [(asked, row["response_a"]), (asked, row["response_b"])]
    return texts


def token_ids(tokenizer, texts: list[tuple[list[dict], str]], most: int = 1024) -> list[list[int]]:
    """What the model reads, under its chat template; a long text keeps its end."""
    from lens.language.templates import render

    rendered = [render(json.dumps(asked), answer, "chat", tokenizer) for asked, answer in texts]
    found = tokenizer(rendered, add_special_tokens=False, verbose=False)["input_ids"]
    return [ids[-most:] for ids in found]


def prompts_of_length(tokenizer, data: Path, count: int, length: int) -> list[list[int]]:
    """Token ids of HH prompts that ask for an answer, cut to `length` tokens on the left."""
    from lens.language.templates import render

    texts = [asked for asked, _ in hh_pairs(data, 40 * count)[::2]]
    rendered = [render(json.dumps(asked), None, "chat", tokenizer) for asked in texts]
    found = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    return [ids[-length:] for ids in found if len(ids) >= length][:count]
