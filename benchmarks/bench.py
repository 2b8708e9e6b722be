"""`make bench`: how fast LENS is beside its peers, as ratios measured side by side in one run.

Peers are written fairly: the same model, data, threads and precision, a warm-up, medians over runs
taken in turns.
"""

import argparse
import json
import os
from pathlib import Path

import torch
from bench_demo import demo
from bench_language import encoder, language
from bench_training import memory, probes, sweep, training

from lens.files import artifacts
from lens.files.cost import processor

PARTS = ("language", "encoder", "training", "probes", "memory", "sweep", "demo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--language-runs", type=int, default=1, help="of SmolLM2's rows: minutes each"
    )
    parser.add_argument(
        "--pairs", type=int, default=16, help="of HH; PandaLM's are 3 times as many"
    )
    parser.add_argument("--prompts", type=int, default=2, help="with 16 answers each")
    parser.add_argument(
        "--weights", default="results/real_inputs/weights", help="folder with SmolLM2"
    )
    parser.add_argument("--data", default="../shared/data", help="folder with HH-RLHF and PandaLM")
    parser.add_argument("--batch", type=int, default=16, help="rows in the peers' batches")
    parser.add_argument("--device", default="cpu", help="of the language models")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", default="benchmarks/results.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    machine = {"processor": processor(), "threads": args.threads, "device": args.device}
    if args.device == "cuda":
        machine["device"] = torch.cuda.get_device_name()
    print(json.dumps(machine | artifacts.versions()), flush=True)
    rows: list[dict] = []
    kept = artifacts.read_json(args.out) if Path(args.out).is_file() else []
    parts = {
        "language": lambda: language(rows, args.language_runs, args.device, args),
        "encoder": lambda: encoder(rows, args.runs, args.device, 480),
        "training": lambda: training(rows, args.runs),
        "probes": lambda: probes(rows, args.runs),
        "memory": lambda: memory(rows),
        "sweep": lambda: sweep(rows, args.runs, args.threads),
        "demo": lambda: demo(rows, args.threads),
    }
    for name in args.only:
        parts[name]()
        new = {(row["name"], row["peer"]) for row in rows}
        others = [row for row in kept if (row["name"], row["peer"]) not in new]
        artifacts.write_json(args.out, rows + others)


if __name__ == "__main__":
    main()
