"""The stages from raw files to Table 1, all in one process, on tiny made-up data in this folder.

A script: `python tiny_stages.py`. Texts are not embedded but given embeddings that follow from
them, since loading a model takes longer than all the rest.
"""

import hashlib
from pathlib import Path

import numpy as np

from lens.cli import main
from lens.files import artifacts

METHODS = [("original", 1), ("repeat", 2), ("lens", 2), ("lens_plus", 2), ("linear_probe", 1)]


def run(command):
    main(command.split())


def write_raw():
    """Pairs and a pool with gold scores; some prompts nearly say the same, some are no ASCII."""
    topics = ["caf\u00e9", "\u732b", "bread", "rain", "chess", "the sea"]
    prompts = [f"what do you know of {topic}, in {i} lines?" for i in range(20) for topic in topics]
    pairs = [
        {"prompt": prompt, "chosen": f"a good answer {i % 7}", "rejected": f"a bad answer {i % 5}"}
        for i, prompt in enumerate(prompts)
    ]
    pool = [
        {
            "prompt": f"tell me of {topic}",
            "candidates": [{"response": f"{topic} {i}", "gold": (i * 5) % 7 / 2} for i in range(6)],
        }
        for topic in topics
    ]
    artifacts.write_jsonl("pairs.jsonl", pairs)
    artifacts.write_jsonl("pool.jsonl", pool)


def embedding(text):
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=8).astype(np.float32)


def embed(table, out, columns):
    rows = artifacts.read_table(table)
    arrays = {
        side: np.stack(
            [embedding(p + a) for p, a in zip(rows["prompt"], rows[column], strict=True)]
        )
        for side, column in columns.items()
    }
    artifacts.write_arrays(out, arrays, {"rows_sha256": artifacts.sha256(table)})


def prepare(more=""):
    """`more`: flags of prepare-pairs."""
    run(
        "prepare-candidates --path pool.jsonl --out results/pool.parquet "
        "--metrics results/pool/metrics.json"
    )
    run(
        "import-gold --path pool.jsonl --gold-field gold --out results/gold.parquet "
        "--metrics results/gold/metrics.json"
    )
    run(
        "prepare-pairs --path pairs.jsonl --pool results/pool.parquet --out results/pairs.parquet "
        f"--out-prompts results/prompts.parquet --report results/pairs/report.json {more}"
    )
    embed(
        "results/pairs.parquet",
        "results/pairs.safetensors",
        {"chosen": "chosen", "rejected": "rejected"},
    )
    embed("results/pool.parquet", "results/pool.safetensors", {"candidates": "response"})


def train_and_judge():
    pairs, counts = "--pairs results/pairs.parquet", "--n-pairs 40 --seeds 0 1"
    data = f"{pairs} --embeddings results/pairs.safetensors {counts}"
    run(f"train-vae {data} --hidden 16 --latent 4 --epochs 3 --out-dir results/vae")
    cells = []
    for method, scale in METHODS:
        model, cell = f"results/train_reward/{method}", f"results/best_of_n/{method}"
        vae = "--vae-dir results/vae" if method == "lens" else ""
        which = f"--method {method} --scale {scale}"
        run(f"train-reward {data} {which} {vae} --hidden 16 --epochs 3 --out-dir {model}")
        run(
            f"best-of-n --models {model}/seed_0.safetensors {model}/seed_1.safetensors {pairs} "
            "--pair-embeddings results/pairs.safetensors --candidates results/pool.parquet "
            "--candidate-embeddings results/pool.safetensors --gold results/gold.parquet "
            f"{counts} --dataset d --model m {which} --out-prompts {cell}/prompts.parquet "
            f"--out-pairs {cell}/pairs.parquet --metrics {cell}/metrics.json"
        )
        cells.append(cell)
    run(f"table-1 --cells {' '.join(cells)} --out-dir results/paper")
    run(f"best-of-n-curve --cells {' '.join(cells)} --out-dir results/paper")


if __name__ == "__main__":
    Path("results").mkdir()
    write_raw()
    prepare()
    train_and_judge()
