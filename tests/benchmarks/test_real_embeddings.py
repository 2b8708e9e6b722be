"""From public files and a tiny model to folders of embeddings, and the theory's constants."""

import gzip
import json
import sys

import numpy as np
import pytest
import real_embeddings
import real_theory

from lens.advice.extend import saved_pairs
from lens.files import artifacts
from lens.files.embeddings import read_embedded
from lens.language.encoder import Encoder
from lens.reward.recipes import SYNTHESIS_SETTINGS
from tests.helpers.word_models import WORDS


def written(path, rows):
    path.parent.mkdir(parents=True)
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)

    def said(count):
        return " ".join(rng.choice(WORDS, count))

    def hh(subset, number):
        prompt = f"\n\nHuman: {said(4)} w{number % 40}\n\nAssistant:"
        row = {"id": f"{subset} {number}", "subset": subset, "prompt": prompt}
        return row | {"chosen": said(3), "rejected": said(3), "multi_turn_tail": "no"}

    rows = [hh(subset, n) for subset in real_embeddings.HH[:2] for n in range(90)]
    written(folder / "hh_rlhf/pairs.jsonl.gz", rows)
    asked = {"prompt": said(5), "response_a": said(3), "response_b": said(2), "preferred": "a"}
    rows = [asked, asked | {"response_b": said(4)}, asked | {"preferred": "tie"}]
    written(folder / "pandalm/pairs.jsonl.gz", rows)
    texts = [{"output": said(3), "gold": n / 16 if n < 11 else None} for n in range(16)]
    written(folder / "bon16/pool.jsonl.gz", [{"instruction": said(4), "candidates": texts}])
    return folder


def made(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["real_embeddings.py", *map(str, words)])
    real_embeddings.main()


def test_every_set_is_what_the_model_gives_in_16_bits(data, tmp_path, llama_folder, monkeypatch):
    sets = ["harmless-base", "pandalm", "pool"]
    made(monkeypatch, data, tmp_path, "--model", llama_folder, "--pairs", 70, "--sets", *sets)
    sizes = [len(saved_pairs(tmp_path / name)) for name in sets]
    assert sizes == [70, 2, 5]  # the pool's 11th is left over, as are those without a score
    for name in sets:
        pairs = saved_pairs(tmp_path / name)
        encoder = Encoder(llama_folder, device="cpu")
        for side in ("chosen", "rejected"):
            whole = encoder.embed(list(pairs.table["prompt"]), list(pairs.table[side]))
            np.testing.assert_allclose(getattr(pairs, side), whole, rtol=1e-3, atol=1e-3)
        files = (tmp_path / name / "pairs.parquet", tmp_path / name / "embeddings.safetensors")
        _, arrays = read_embedded(*files)  # as study.py reads it
        np.testing.assert_array_equal(arrays["chosen"][:], pairs.chosen)
        (stored,) = artifacts.map_arrays(files[1]).values()
        assert stored.dtype == np.float16
    texts = artifacts.read_table(tmp_path / "pandalm/texts.csv")
    assert texts["side"].tolist() == ["chosen", "rejected", "rejected"]  # two pairs share one
    pairs = saved_pairs(tmp_path / "pandalm").table
    text = f"{pairs['prompt'][1]}\n{pairs['rejected'][1]}"
    assert texts["sha256"][2] == real_embeddings.hashlib.sha256(text.encode()).hexdigest()
    readme = (tmp_path / "README.md").read_text()
    assert all(name in readme for name in sets)


def test_a_run_that_was_stopped_reads_nothing_twice(data, tmp_path, llama_folder, monkeypatch):
    monkeypatch.setenv("LENS_CACHE", str(tmp_path / "cache"))
    read, usual, parts = [], Encoder.embed_tokens, iter(range(3))

    def counted(self, token_ids, *args, **options):
        if next(parts, None) is None:
            raise KeyboardInterrupt
        read.extend(map(tuple, token_ids))
        return usual(self, token_ids, *args, **options)

    monkeypatch.setattr(Encoder, "embed_tokens", counted)
    monkeypatch.setattr(real_embeddings, "AT_ONCE", 20)
    sets = ("--model", llama_folder, "--sets", "helpful-base", "--pairs")
    with pytest.raises(KeyboardInterrupt):
        made(monkeypatch, data, tmp_path / "out", *sets, 80)
    assert len(read) == 60
    parts = iter(range(30))
    made(monkeypatch, data, tmp_path / "out", *sets, 80)
    made(monkeypatch, data, tmp_path / "out", *sets, 90)
    assert len(saved_pairs(tmp_path / "out/helpful-base")) == 90
    assert len(read) == len(set(read)) == 180


@pytest.mark.slow
def test_the_theory_s_constants_on_such_a_folder(data, tmp_path, llama_folder, monkeypatch, capsys):
    made(monkeypatch, data, tmp_path, "--model", llama_folder, "--sets", *real_embeddings.HH[:2])
    words = [tmp_path / "theory"]
    for name in real_embeddings.HH[:2]:
        words += ["--set", name, tmp_path / name]
    words += ["--n-pairs", 16, 32, "--scales", 2, "--seeds", 2, "--vae-steps", 5]
    short = {name: part | {"epochs": 3} for name, part in real_theory.SETTINGS.items()}
    monkeypatch.setattr(real_theory, "SETTINGS", short | {"synthesis": SYNTHESIS_SETTINGS})
    monkeypatch.setattr(sys, "argv", ["real_theory.py", *map(str, words)])
    real_theory.main()
    shown = capsys.readouterr().out
    for name in real_embeddings.HH[:2]:
        constants = artifacts.read_json(tmp_path / "theory" / name / "constants.json")
        assert {"C1", "p", "B0", "N0"} <= set(constants)
        assert constants["model"] == llama_folder.name
        table = artifacts.read_table(tmp_path / "theory" / name / "pairs.parquet")
        test = table["split"] == "test"
        assert set(table["group"][test]).isdisjoint(table["group"][~test])
        assert f"{name}, {llama_folder.name}" in shown
