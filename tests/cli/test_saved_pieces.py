"""Stages that train many models: one that was stopped makes what is left, and the same bytes."""

import json
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from lens.files import artifacts, saves
from tests.helpers.text_training import StoppedError, stopping
from tests.helpers.word_pairs import PROMPT, candidates

needs_trl = pytest.mark.skipif(
    not (find_spec("trl") and find_spec("peft")), reason="extra `text` is not installed"
)
COLUMNS = ["id", "prompt", "chosen", "rejected", "group", "split"]
THEORY = {
    "vae": {"hidden": 4, "latent": 2, "sharing": "share_everything", "beta": 1.0, "gamma": 0.1}
    | {"learning_rate": 1e-3, "batch_size": 16, "epochs": 2},
    "reward": {"hidden": 8, "learning_rate": 1e-2, "batch_size": 16, "epochs": 2, "patience": 2},
    "synthesis": {"noise_variance": 0.01, "candidates_per_kept": 2, "perturbation_variance": 0.01},
}


@pytest.fixture
def made(monkeypatch):
    """The names of all pieces that were made; before the one after the first `stop`, a kill."""
    names, piece = [], saves.piece

    def counting(path, make):
        def count(*places):
            if len(names) == made.stop:
                raise StoppedError
            facts = make(*places)
            names.append(path.name)
            return facts

        return piece(path, count)

    def made():
        return len(names)

    made.stop = None
    monkeypatch.setattr(saves, "piece", counting)
    return made


def test_theory_points_that_were_stopped_continue_and_end_with_the_same_bytes(lens, tmp_path, made):
    rng = np.random.default_rng(0)
    rows = [(f"p{i}", "[]", "a", "b", f"g{i}", "test" if i < 20 else "train") for i in range(120)]
    pd.DataFrame(rows, columns=COLUMNS).to_parquet(tmp_path / "pairs.parquet")
    sides = {side: rng.normal(m, 1, (120, 5)) for side, m in (("chosen", 0.4), ("rejected", 0))}
    about = {"rows_sha256": artifacts.sha256(tmp_path / "pairs.parquet")}
    artifacts.write_embeddings(tmp_path / "e.safetensors", sides, "float32", about)

    def run(name, steps=12):
        lens(
            *f"theory-points --pairs {tmp_path}/pairs.parquet --embeddings {tmp_path}/e.safetensors"
            f" --n-pairs 40 60 --seeds 0 1 --threads 1 --vae-steps {steps}".split(),
            *(word for part, given in THEORY.items() for word in (f"--{part}", json.dumps(given))),
            *("--out-dir", tmp_path / name),
        )

    run("whole")
    every = made()
    assert every == 1 + 3 * 3 + 2 * 3  # reference; VAEs, controls, Theorem 1; reward models
    for made.stop in (every, every + 8):
        with pytest.raises(StoppedError):
            run("again")
    made.stop = None
    run("again")
    assert made() == 2 * every
    files = {file.name for file in (tmp_path / "whole").iterdir()} - {"metrics.json", "cost.json"}
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    one, other = (artifacts.read_json(tmp_path / f / "metrics.json") for f in ("whole", "again"))
    assert one["metrics"] == other["metrics"]
    made.stop = made() + 3
    with pytest.raises(StoppedError):
        run("other")
    made.stop = None
    run("other", steps=30)  # with another setting nothing of it is used
    assert made() == 3 * every + 3
    assert not list(tmp_path.glob("*/blocks*"))


@needs_trl
@pytest.mark.parametrize("stage", ["evolve-pairs", "train-text"])
def test_trainings_on_text_that_were_stopped_continue_and_end_with_the_same_bytes(
    lens, tmp_path, llama_folder, made, monkeypatch, stage
):
    from transformers import Trainer

    rows = [(f"p{i}", PROMPT, f"w{i}", f"w{i + 10}", f"g{i}", "train") for i in range(8)]
    pd.DataFrame(rows, columns=COLUMNS).to_parquet(tmp_path / "pairs.parquet")
    answers = candidates(tmp_path / "r.parquet", ["w3", "w4 w5", "w6", "w7 w8", "w9"], prompts=1)
    steps, step = [], Trainer.training_step
    monkeypatch.setattr(
        Trainer, "training_step", lambda self, *given: steps.append(1) or step(self, *given)
    )
    words = (
        f"{stage} --pairs {tmp_path}/pairs.parquet --n-pairs 4 --seeds 0 --scales 2 3 --model "
        f"{llama_folder} --learning-rate 0.01 --batch-size 2 --threads 1"
    ).split()

    def run(name):
        out = tmp_path / name
        more = ["--out-dir", out / "models"]
        if stage == "evolve-pairs":
            more = f"--responses {answers} --rounds 2 --confidence 0.5001 --out {out}/s.parquet"
            more = more.split()
        lens(*words, *more, "--metrics", out / "metrics.json")

    run("whole")
    every, at_once = made(), len(steps)
    assert every == (3 if stage == "evolve-pairs" else 2)
    with stopping(1):  # within the first training
        run("again")
    made.stop = every + 1
    with pytest.raises(StoppedError):
        run("again")
    made.stop = None
    run("again")
    assert (made(), len(steps)) == (2 * every, 2 * at_once)
    for pattern in ("*.parquet", "models/*/*/model.safetensors"):
        for file in (tmp_path / "whole").glob(pattern):
            same = tmp_path / "again" / file.relative_to(tmp_path / "whole")
            assert file.read_bytes() == same.read_bytes()
    one, other = (artifacts.read_json(tmp_path / f / "metrics.json") for f in ("whole", "again"))
    assert one["metrics"] == other["metrics"]
    one, other = (artifacts.read_json(tmp_path / f / "cost.json") for f in ("whole", "again"))
    assert one["tokens"] == other["tokens"]
    assert not list(tmp_path.glob("again/*.unfinished")) + list(tmp_path.glob("again/blocks*"))
