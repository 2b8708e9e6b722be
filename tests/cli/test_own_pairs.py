"""The commands for one's own pairs, from a file to answers and a model, as a user calls them."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from lens.advice.own_pairs import embed_pairs, saved_embeddings
from lens.advice.preferences import read_pairs
from lens.core.errors import LensError
from lens.files import artifacts
from lens.language.encoder import Encoder
from lens.serving.reward_model import RewardModel
from tests.helpers.word_pairs import jsonl, some_rows

MISTAKES = [
    ("advise {pairs} --out {tmp}/new", "give either --model"),
    ("advise {pairs} --model m --embeddings e.npy --out {tmp}/new", "give either --model"),
    ("advise {tmp}/none.jsonl --model {model} --out {tmp}/new", "none.jsonl: no such file"),
    ("advise {pairs} --model {tmp}/none --out {tmp}/new", "no such model folder"),
    ("advise {pairs} --model {model} --minutes 1e-9 --out {tmp}/new", "embedding alone takes"),
    ("advise {few} --model {model} --out {tmp}/new", "8 distinct prompts"),
    ("fit --out {tmp}/m", "give either pairs"),
    ("fit --advice {tmp}/none --out {tmp}/m", "Run `lens advise PAIRS"),
    ("fit --advice {advice} --out {advice}", "is there already"),
    ("fit --advice {advice} --scale 2 --out {tmp}/m", "--scale goes with"),
    ("fit --advice {advice} --method lens --out {tmp}/m", "needs a scale"),
    ("fit --advice {advice} --method lenz --out {tmp}/m", "'lenz' is none of"),
    ("score {tmp}/none", "no such folder"),
    ("export {model} --out {tmp}/x", "not a reward model"),
]


def test_advise_leaves_text_json_and_picture(workplace):
    names = {path.name for path in (workplace / "advice").iterdir()}
    assert names == {
        ".lens",
        "advice.txt",
        "advice.json",
        "advice.png",
        "advice.pdf",
        "pairs.parquet",
        "pairs.json",
        "embeddings.safetensors",
    }
    found = artifacts.read_json(workplace / "advice/advice.json")
    assert found["pairs"] == 60
    assert found["data"]["source"].endswith("pairs.jsonl")
    assert found["settings"]["scales"] == [2]
    text = (workplace / "advice/advice.txt").read_text()
    assert "Recommended:" in text
    assert text.rstrip().endswith("--out REWARD_MODEL")


def test_a_second_advise_uses_the_embeddings_unless_asked_otherwise(
    workplace, lens, llama_folder, tmp_path, capsys
):
    """The files are the key: the same pairs by the same encoder, whatever the device's batches."""
    out = shutil.copytree(workplace / "advice", tmp_path / "advice")
    advise = (
        f"advise {workplace}/pairs.jsonl --model {llama_folder} --out {out} --scales 2 "
        "--device cpu --threads 1"
    ).split()
    before = (workplace / "advice/advice.txt").read_text().splitlines()
    lens(*advise, "--rounds", 2, "--batch-tokens", 64)
    said = capsys.readouterr()
    assert "Embeddings: those in" in said.err
    assert said.out.splitlines()[2:20] == before[2:20]
    lens(*advise, "--rounds", 1, "--pooling", "mean")
    assert "Embedding 120 texts: about" in capsys.readouterr().err


@pytest.mark.parametrize("asked", [[], ["--converged"]])
def test_the_converged_vae_is_tried_where_it_is_asked_for(
    workplace, fail, llama_folder, tmp_path, monkeypatch, asked
):
    def advise(pairs, **how):
        raise LensError(f"converged: {how.get('converged', False)}")

    monkeypatch.setattr("lens.advice.advise.advise", advise)
    out = shutil.copytree(workplace / "advice", tmp_path / "advice")
    given = ["--model", llama_folder, "--out", out, "--device", "cpu", "--threads", 1, *asked]
    message = fail("advise", workplace / "pairs.jsonl", *given)
    assert f"converged: {bool(asked)}" in message


def test_what_an_interrupted_advise_left_is_not_taken_for_whole(
    workplace, lens, fail, llama_folder, tmp_path, capsys
):
    """Pairs written, embeddings of an older run: embedded anew. New pairs, old advice: refused."""
    folder = tmp_path / "advice"
    shutil.copytree(workplace / "advice", folder)
    other = artifacts.read_table(folder / "pairs.parquet").iloc[::-1]
    artifacts.write_table(folder / "pairs.parquet", other)
    assert "was not made from" in fail("fit", "--advice", folder, "--out", tmp_path / "m")
    encoder = Encoder(str(llama_folder), dtype="auto", device="cpu")
    pairs = read_pairs(workplace / "pairs.jsonl")
    assert saved_embeddings(folder, pairs, encoder) is None
    assert saved_embeddings(workplace / "advice", pairs, encoder) is not None
    fewer = read_pairs(some_rows(60)[:50])
    assert saved_embeddings(workplace / "advice", fewer, encoder) is None
    assert saved_embeddings(workplace / "advice", pairs, replace(encoder, layer=1)) is None
    embed_pairs(fewer, encoder).save(folder)
    assert "advice is on other pairs" in fail("fit", "--advice", folder, "--out", tmp_path / "m")


def test_fit_takes_the_recommended_recipe(workplace):
    advised = artifacts.read_json(workplace / "advice/advice.json")["recommended"]
    model = RewardModel.load(workplace / "model")
    assert model.card["recipe"] == advised
    assert model.card["data"]["pairs"] == 60


def test_fit_of_a_chosen_method_says_how_good_it_is(workplace, lens, capsys):
    out = workplace / "chosen"
    lens("fit", "--advice", workplace / "advice", "--method", "lens", "--scale", 2, "--out", out)
    said = capsys.readouterr().out
    card = RewardModel.load(out).card
    assert card["recipe"] == {"method": "lens", "scale": 2}
    held_out = card["held_out"]
    accuracy, error = 100 * held_out["accuracy"]["mean"], 100 * held_out["calibration_error"]
    assert f"held-out pair accuracy, % [95 % interval]: {accuracy:.1f}" in said
    assert f"expected calibration error, points: {error:.1f}" in said
    assert "lens score" in said


def test_embeddings_go_out_and_come_back(workplace, lens, llama_folder, tmp_path, capsys):
    """(N, 2, D) for pairs and (N, K, D) for candidates; the same model comes of them."""
    lens("embed", workplace / "pairs.jsonl", "--model", llama_folder, "--out", tmp_path / "p.npy")
    array = np.load(tmp_path / "p.npy", allow_pickle=False)
    assert array.shape == (60, 2, 16)
    for name, more in (("own", ["--model", llama_folder]), ("imported", [])):
        source = more or ["--embeddings", tmp_path / "p.npy"]
        lens("fit", workplace / "pairs.jsonl", *source, "--out", tmp_path / name)
    own, imported = (RewardModel.load(tmp_path / name) for name in ("own", "imported"))
    np.testing.assert_allclose(
        imported.score_embeddings(array), own.score_embeddings(array), atol=1e-4
    )
    pool = [
        {"prompt": "w1", "candidates": ["w2", "w3", "w4"]},
        {"prompt": "w5", "candidates": ["w6", "w7", "w8"]},
    ]
    source = jsonl(tmp_path / "pool.jsonl", pool)
    lens("embed", source, "--candidates", "--model", llama_folder, "--out", tmp_path / "c.npy")
    assert np.load(tmp_path / "c.npy").shape == (2, 3, 16)
    capsys.readouterr()
    lens("best-of", tmp_path / "imported", "--embeddings", tmp_path / "c.npy")
    lens("best-of", tmp_path / "own", source)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for one, other in zip(lines[:2], lines[2:], strict=True):
        np.testing.assert_allclose(one["rewards"], other["rewards"], atol=1e-4)


def test_arrays_that_do_not_fit_are_refused(workplace, fail, tmp_path):
    def message(array):
        np.save(tmp_path / "x.npy", array, allow_pickle=True)
        return fail(
            *f"fit {workplace}/pairs.jsonl --embeddings {tmp_path}/x.npy --out {tmp_path}/m".split()
        )

    assert "60 usable pairs need [60, 2, features]" in message(np.zeros((59, 2, 4)))
    holed = np.zeros((60, 2, 4))
    holed[7, 1, 2] = np.nan
    assert "the value at [7, 1, 2] is not finite" in message(holed)
    assert "not a .npy file of numbers" in message(np.array([{"a": 1}], dtype=object))
    assert "not an array of numbers" in message(np.array(["a"]))


def test_a_csv_with_windows_line_ends_gives_the_same_model(workplace, lens, llama_folder, tmp_path):
    path = tmp_path / "pairs.csv"
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["prompt", "chosen", "rejected"], lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(some_rows(60))
    lens("fit", path, "--model", llama_folder, "--out", tmp_path / "csv")
    lens("fit", workplace / "pairs.jsonl", "--model", llama_folder, "--out", tmp_path / "jsonl")
    one, other = (
        artifacts.read_arrays(tmp_path / kind / "reward.safetensors") for kind in ("csv", "jsonl")
    )
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_ratings_become_pairs_and_what_is_left_out_is_said(lens, llama_folder, tmp_path, capsys):
    """UltraFeedback's own rows: every two responses with different scores, ties left out."""
    rows = [
        {
            "instruction": row["prompt"],
            "completions": [
                {"response": row["chosen"], "overall_score": 8.0},
                {"response": row["rejected"], "overall_score": 3.0},
                {"response": f"w39 {i}", "overall_score": 3.0},
            ],
        }
        for i, row in enumerate(some_rows(20))
    ]
    source = jsonl(tmp_path / "uf.jsonl", rows, newline="\r\n")
    lens("fit", source, "--model", llama_folder, "--out", tmp_path / "m")
    assert "40 pairs with 20 prompts from 20 rows; left out: 20 ties." in capsys.readouterr().err
    assert RewardModel.load(tmp_path / "m").card["data"]["form"]["ties"] == 20


@pytest.mark.parametrize(("command", "message"), MISTAKES)
def test_mistakes_get_a_sentence(command, message, workplace, fail, llama_folder, tmp_path):
    places = {
        "pairs": workplace / "pairs.jsonl",
        "advice": workplace / "advice",
        "tmp": tmp_path,
        "model": llama_folder,
        "few": jsonl(tmp_path / "few.jsonl", some_rows(8)),
    }
    assert message in fail(*command.format(**places).split())


def test_advise_writes_over_nothing_of_the_users(workplace, fail, llama_folder, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "pairs.parquet").write_bytes(b"precious")
    message = fail("advise", workplace / "pairs.jsonl", "--model", llama_folder, "--out", own)
    assert "holds other things" in message
    assert [path.name for path in own.iterdir()] == ["pairs.parquet"]
    assert (own / "pairs.parquet").read_bytes() == b"precious"


@pytest.mark.parametrize(
    "more",
    [
        ["--model", "other"],
        ["--pooling", "mean"],
        ["--max-pairs", "3"],
        ["--columns", '{"a": "b"}'],
    ],
)
def test_what_the_advice_decided_cannot_be_asked_of_fit(workplace, fail, tmp_path, more):
    message = fail("fit", "--advice", workplace / "advice", "--out", tmp_path / "m", *more)
    assert message.endswith(f"{more[0]} was decided by the advice: give it to `lens advise`.")


def test_the_card_shows_no_folder_of_the_machine(workplace):
    card = (workplace / "model/README.md").read_text()
    assert str(workplace.parent) not in card.split("## How it was made")[1]


@pytest.mark.parametrize("flag", ["--rounds", "--max-pairs", "--threads", "--max-length"])
def test_counts_begin_at_one(workplace, lens, capsys, flag):
    for value in ("0", "-1", "x"):
        with pytest.raises(SystemExit):
            lens("advise", workplace / "pairs.jsonl", "--model", "m", flag, value)
        assert "is not a whole number from 1" in capsys.readouterr().err


def test_another_files_advice_is_not_replaced(workplace, fail, llama_folder, tmp_path):
    other = jsonl(tmp_path / "other.jsonl", some_rows(20))
    message = fail("advise", other, "--model", llama_folder, "--out", workplace / "advice")
    assert "holds the advice on" in message


def test_check_takes_one_source_with_or_without_the_word(workplace, lens, fail, capsys):
    lens("check", "data", workplace / "pairs.jsonl")
    first = capsys.readouterr().out
    lens("check", workplace / "pairs.jsonl")
    assert capsys.readouterr().out == first
    assert "check one source" in fail("check", "data", "a.csv", "b.csv")


def test_an_interrupt_is_no_traceback(monkeypatch, lens, capsys, tmp_path):
    def stop(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("lens.cli.check.run", stop)
    with pytest.raises(SystemExit) as found:
        lens("check", "data", tmp_path / "x.csv")
    assert found.value.code == 130
    assert "stopped" in capsys.readouterr().err
