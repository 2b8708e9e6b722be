"""Tables made in shards: candidates, gold scores, sampling that was stopped."""

import numpy as np
import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.files import artifacts
from tests.helpers.sharded import (
    StoppedError,
    damage,
    gather,
    prompt,
    shard_file,
)


def candidates(folder, count=5, each=3):
    artifacts.write_table(
        folder / "prompts.parquet",
        pd.DataFrame(
            {
                "prompt_id": [f"p{i}" for i in range(count)],
                "prompt": [prompt(f"w{i} w{i + 2}") for i in range(count)],
                "group": [str(i) for i in range(count)],
            }
        ),
    )
    return (
        f"generate-candidates --prompts {folder}/prompts.parquet --candidates {each} "
        "--max-new-tokens 5 --flush 2"
    ).split()


def in_shards(lens, command, folder, of, more, gathered):
    for shard in range(of):
        out = shard_file(folder, shard, "parquet")
        lens(
            *command,
            *(
                f"--shard {shard} --shards {of} --out {out} --metrics "
                f"{out.with_suffix('.json')} --device cpu"
            ).split(),
            *more,
        )
    lens(*gather(folder, of, "gather-candidates", gathered, "parquet"))
    return folder / gathered, artifacts.read_json(folder / "metrics.json")["metrics"]


def test_candidates_and_their_gold_scores_are_the_same_in_any_number_of_shards(
    tmp_path, llama_folder, gold_folder, lens
):
    command = candidates(tmp_path)
    tables, scores = [], []
    for count in (1, 2, 4):
        folder = tmp_path / f"generate_{count}"
        model = ("--model", llama_folder)
        tables.append(in_shards(lens, command, folder, count, model, "candidates.parquet"))
        score = ("score-candidates", "--candidates", tables[-1][0], "--flush", 4)
        model = ("--model", gold_folder)
        folder = tmp_path / f"score_{count}"
        scores.append(in_shards(lens, score, folder, count, model, "gold.parquet"))
    for made in (tables, scores):
        assert len({path.read_bytes() for path, _ in made}) == 1
        assert made[0][1] == made[1][1] == made[2][1]
    table = pd.read_parquet(tables[0][0])
    assert list(table["prompt_id"]) == [f"p{i}" for i in range(5) for _ in range(3)]
    assert list(table["candidate"]) == [0, 1, 2] * 5
    cut, facts = int((~table["finished"]).sum()), tables[0][1]
    assert table["finished"].dtype == bool
    assert facts["answers_cut"] == cut > len(table) / 2
    assert facts["flags"] == [{"flag": "answers_cut", "detail": f"{cut} of 15 answers"}]
    assert tables[0][1]["candidates"] == 15
    gold = pd.read_parquet(scores[0][0])
    assert scores[0][1]["mean_gold"] == pytest.approx(gold["gold"].mean(), rel=1e-5)


def test_sampling_goes_on_where_it_was_stopped(tmp_path, llama_folder, lens, monkeypatch):
    import lens.language.generation as generation

    command = candidates(tmp_path)
    model = ("--model", llama_folder)
    path, _ = in_shards(lens, command, tmp_path / "whole", 1, model, "candidates.parquet")
    generate, calls = generation.generate, []

    def stopped(model, tokenizer, token_ids, names, **settings):
        if len(calls) == 1:
            raise StoppedError
        calls.append(names)
        return generate(model, tokenizer, token_ids, names, **settings)

    monkeypatch.setattr(generation, "generate", stopped)
    folder = tmp_path / "stopped"
    with pytest.raises(StoppedError):
        in_shards(lens, command, folder, 1, model, "candidates.parquet")
    calls.append("from here on")
    again, _ = in_shards(lens, command, folder, 1, model, "candidates.parquet")
    assert calls == [["p0", "p1"], "from here on", ["p2", "p3"], ["p4"]]
    assert again.read_bytes() == path.read_bytes()


def test_a_damaged_table_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    artifacts.write_table(path, pd.DataFrame({"x": np.arange(1000) % 17}))
    whole = path.read_bytes()
    for place in (40, -6):  # a page, the length of the footer
        damage(path, place)
        with pytest.raises(LensError, match=r"t.parquet is damaged .*Remove it and run again"):
            artifacts.read_table(path)
        path.write_bytes(whole)
    for length in (0, 3, 500, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(LensError, match=r"t.parquet is damaged"):
            artifacts.read_table(path)
