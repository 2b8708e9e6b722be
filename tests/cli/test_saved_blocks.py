"""Stages of one job that read rows: one that was stopped makes what is left, and the same bytes."""

import pandas as pd
import pytest

from lens.files import saves
from tests.helpers.word_pairs import PROMPT, candidates

WORDS = ["w3", "w4 w5", "w6 w1 w2", "w7 w8"]


class StoppedError(Exception):
    """A job that is over before its end."""


@pytest.fixture
def place(tmp_path, llama_folder, gold_folder):
    """A folder with what all these stages read."""
    table = candidates(tmp_path / "c.parquet", WORDS, prompts=2)
    rows = pd.read_parquet(table)
    rows[["prompt_id", "candidate"]].assign(gold=range(len(rows))).to_parquet(
        tmp_path / "g.parquet"
    )
    rows.drop_duplicates("prompt_id").to_parquet(tmp_path / "prompts.parquet")
    (tmp_path / "judge.txt").write_text("w7 {prompt} w8 {first} w9 {second}")
    pairs = [(f"t{i}", PROMPT, "w1 w2 w3", f"w{i}", f"h{i}", "test") for i in range(3)]
    columns = ["id", "prompt", "chosen", "rejected", "group", "split"]
    pd.DataFrame(pairs, columns=columns).to_parquet(tmp_path / "pairs.parquet")
    for folder, model in (("sft", llama_folder), ("x1", gold_folder)):
        (tmp_path / folder).mkdir()
        for seed in (0, 1):
            (tmp_path / folder / f"seed_{seed}").symlink_to(model)
    return tmp_path


STAGES = {
    "judge-responses": "--responses {here}/c.parquet --model {llama} --template {here}/judge.txt "
    "--max-new-tokens 4 --pairs 3",
    "score-likelihood": "--responses {here}/c.parquet --model {llama}",
    "score-sft": "--candidates {here}/c.parquet --model {gold}",
    "sample-sft": "--models {here}/sft --seeds 0 1 --model {llama} --prompts "
    "{here}/prompts.parquet --max-new-tokens 6",
    "best-of-n-text": "--models {here} --seeds 0 1 --scales 1 --pairs {here}/pairs.parquet "
    "--candidates {here}/c.parquet --gold {here}/g.parquet --dataset d --model m --method f "
    "--n-pairs 3",
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_was_stopped_goes_on_and_ends_with_the_same_bytes(
    lens, place, llama_folder, gold_folder, monkeypatch, stage
):
    words = STAGES[stage].format(here=place, llama=llama_folder, gold=gold_folder).split()
    flush = 1 if stage == "sample-sft" else 2

    def run(folder):
        outs = ["--out-prompts", folder / "p.parquet", "--out-pairs", folder / "q.parquet"]
        outs = outs if stage == "best-of-n-text" else ["--out", folder / "out.parquet"]
        lens(stage, *words, "--flush", flush, *outs, "--metrics", folder / "metrics.json")

    saved, save = [], saves._save

    def saving(path, *rest):
        payload = save(path, *rest)
        saved.append(path.name)
        if len(saved) == stop:
            raise StoppedError
        return payload

    monkeypatch.setattr(saves, "_save", saving)
    stop = None
    run(place / "whole")
    every, stop = len(saved), len(saved) + 2
    with pytest.raises(StoppedError):
        run(place / "again")
    stop = None
    run(place / "again")
    assert len(saved) == 2 * every > 4
    for file in (place / "whole").glob("*.parquet"):
        assert file.read_bytes() == (place / "again" / file.name).read_bytes()
    one, other = (saves.artifacts.read_json(place / f / "metrics.json") for f in ("whole", "again"))
    assert one["metrics"] == other["metrics"]
    assert one["inputs"] == other["inputs"]
    assert not (place / "again/blocks").exists()
