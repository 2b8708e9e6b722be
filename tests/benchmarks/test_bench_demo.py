"""The share of time outside computation that `make bench` reports."""

import json

import pytest
from bench_demo import outside


def test_share_of_a_finished_run_by_hand(tmp_path):
    # Two cores for 20 s. 6 s, of which imports take 1.5 and the start 0.5; the last attempt counts.
    jobs = {
        "train_vae/dialogue": ([9.0, 6.0], "imports took 1.500 s\n"),
        "table_1": ([5.0], "imports took 1.000 s\nwritten\nimports took 0.500 s\n"),
    }
    for name, (seconds, log) in jobs.items():
        file = tmp_path / f"results/demo/benchmarks/{name}.jsonl"
        noted = tmp_path / f"logs/demo/{name}.log"
        for folder in (file.parent, noted.parent):
            folder.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps({"s": one}) + "\n" for one in seconds))
        noted.write_text(log)
    share, said = outside(tmp_path, wall=20, threads=2, boot=0.5)
    assert share == pytest.approx(1 - (4 + 3) / 40)
    assert said == (
        "20 s, 2 jobs on 2 cores: 7 s of computation, 3 s of imports, 1 s of starts, "
        "29 s of Snakemake and idle cores"
    )
