"""The share of time outside computation that `make bench` reports."""

import json

import pytest
from bench_demo import outside


def attempt(seconds, threads=1, cpu_time=0.0):
    return {"s": seconds, "threads": threads, "cpu_time": cpu_time}


def test_share_of_a_finished_run_by_hand(tmp_path):
    # Two cores for 20 s; a start takes 0.5 s, the last attempt counts.
    jobs = {
        "train_vae/dialogue": ([attempt(9.0), attempt(6.0)], "imports took 1.500 s\n"),
        "table_1": ([attempt(5.0)], "imports took 1.000 s\nwritten\nimports took 0.500 s\n"),
        "train_base_model": ([attempt(4.0, threads=2, cpu_time=7.0)], ""),
    }
    for name, (attempts, log) in jobs.items():
        file = tmp_path / f"results/demo/benchmarks/{name}.jsonl"
        noted = tmp_path / f"logs/demo/{name}.log"
        for folder in (file.parent, noted.parent):
            folder.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(one) + "\n" for one in attempts))
        noted.write_text(log)
    share, said = outside(tmp_path, wall=20, threads=2, boot=0.5)
    assert share == pytest.approx(1 - (4 + 3 + 6.5) / 40)
    assert said == (
        "20 s, 3 jobs on 2 cores: 14 s of computation, 3 s of imports, 2 s of starts, "
        "22 s of Snakemake and idle cores"
    )
