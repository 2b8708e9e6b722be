"""The commands for one's own pairs, from a file to answers and a model, as a user calls them."""

import csv
import io
import json
import shutil
import sys

import numpy as np
import pytest

from lens.advice.fit import fit
from lens.advice.own_pairs import embed_pairs, kept, read_pairs
from lens.core.errors import LensError
from lens.files import artifacts
from lens.language.encoder import Encoder
from lens.serving.reward_model import RewardModel
from tests.helpers.word_pairs import some_rows


def jsonl(path, rows, newline="\n"):
    path.write_bytes("".join(json.dumps(row) + newline for row in rows).encode())
    return path


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, llama_folder):
    """A folder with pairs, an advice on them and a reward model fitted from it."""
    from lens.cli import main

    folder = tmp_path_factory.mktemp("door")
    source = jsonl(folder / "pairs.jsonl", some_rows(60))
    main(
        [
            "advise",
            str(source),
            "--model",
            str(llama_folder),
            "--out",
            str(folder / "advice"),
            "--scales",
            "2",
            "--rounds",
            "2",
            "--device",
            "cpu",
            "--threads",
            "1",
        ]
    )
    main(["fit", "--advice", str(folder / "advice"), "--out", str(folder / "model")])
    return folder


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
    workplace, lens, llama_folder, capsys, monkeypatch
):
    """The files are the key: the same pairs by the same encoder, whatever the device's batches."""
    common = ["--scales", "2", "--rounds", "2", "--device", "cpu", "--threads", "1"]
    before = (workplace / "advice/advice.txt").read_text().splitlines()
    lens(
        "advise",
        workplace / "pairs.jsonl",
        "--model",
        llama_folder,
        "--out",
        workplace / "advice",
        "--batch-tokens",
        64,
        *common,
    )
    said = capsys.readouterr()
    assert "Embeddings: those in" in said.err
    assert said.out.splitlines()[2:20] == before[2:20]
    lens(
        "advise",
        workplace / "pairs.jsonl",
        "--model",
        llama_folder,
        "--out",
        workplace / "advice",
        "--pooling",
        "mean",
        *common,
    )
    assert "Embedding 120 texts: about" in capsys.readouterr().err
    lens(
        "advise",
        workplace / "pairs.jsonl",
        "--model",
        llama_folder,
        "--out",
        workplace / "advice",
        *common,
    )


def test_what_an_interrupted_advise_left_is_not_taken_for_whole(
    workplace, lens, fail, llama_folder, tmp_path, capsys
):
    """Pairs written, embeddings of an older run: embedded anew. New pairs, old advice: refused."""
    folder = tmp_path / "advice"
    shutil.copytree(workplace / "advice", folder)
    other = artifacts.read_table(folder / "pairs.parquet").iloc[::-1]
    artifacts.write_table(folder / "pairs.parquet", other)
    assert "was not made from" in fail("fit", "--advice", folder, "--out", tmp_path / "m")
    encoder = Encoder(str(llama_folder), device="cpu")
    pairs = read_pairs(workplace / "pairs.jsonl")
    assert kept(folder, pairs, encoder) is None
    assert kept(workplace / "advice", pairs, encoder) is not None
    fewer = read_pairs(some_rows(60)[:50])
    assert kept(workplace / "advice", fewer, encoder) is None
    assert kept(workplace / "advice", pairs, Encoder(str(llama_folder), layer=1)) is None
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
    assert f"held-out pair accuracy, % [95 % interval]: {100 * card['held_out']['accuracy']['mean']:.1f}" in said  # fmt: skip  # noqa: E501
    assert f"expected calibration error, points: {100 * card['held_out']['calibration_error']:.1f}" in said  # fmt: skip  # noqa: E501
    assert "lens score" in said


def test_score_adds_to_rows_and_keeps_their_order(workplace, lens, tmp_path, capsys):
    rows = [{"id": i, **row} for i, row in enumerate(some_rows(70, seed=2))]
    lens(
        "score",
        workplace / "model",
        jsonl(tmp_path / "in.jsonl", rows),
        "--out",
        tmp_path / "out.jsonl",
        "--chunk",
        16,
    )
    scored = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [{k: row[k] for k in rows[0]} for row in scored] == rows
    model = RewardModel.load(workplace / "model")
    expected = model.score([r["prompt"] for r in rows], [r["chosen"] for r in rows])
    np.testing.assert_allclose([r["reward_chosen"] for r in scored], expected, atol=1e-5)
    gaps = np.array([r["reward_chosen"] - r["reward_rejected"] for r in scored])
    np.testing.assert_allclose([r["probability"] for r in scored], 1 / (1 + np.exp(-gaps)))
    right = 100 * (gaps > 0).mean()
    said = capsys.readouterr().err
    assert f"70 pairs scored; the labelled answer is preferred in {right:.1f} %" in said
    assert "expected calibration error" in said


def test_score_reads_a_pipe_and_writes_as_it_goes(workplace, lens, monkeypatch, capsys):
    rows = [{"prompt": "w1", "response": text} for text in ("w2", "", "w3 w4")]
    rows.append(
        {
            "prompt": [{"role": "user", "content": "w1"}],
            "completion": [{"role": "assistant", "content": "w2"}],
        }
    )
    given = "".join(json.dumps(row) + "\n" for row in rows)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    lens("score", workplace / "model", "--chunk", 1)
    said = capsys.readouterr()
    scored = [json.loads(line) for line in said.out.splitlines()]
    assert len({row["reward"] for row in scored[:3]}) == 3
    assert scored[3]["reward"] == pytest.approx(scored[0]["reward"], abs=1e-5)
    assert "4 rows scored." in said.err


def test_score_names_the_row_that_it_cannot_use(workplace, fail, tmp_path):
    source = jsonl(tmp_path / "in.jsonl", [{"prompt": "w1", "response": "w2"}, {"prompt": "w1"}])
    message = fail("score", workplace / "model", source, "--out", tmp_path / "out.jsonl")
    assert "row 2: needs `prompt` and `response`, or `chosen` and `rejected`" in message
    assert not (tmp_path / "out.jsonl").exists()


def test_best_of_picks_by_reward(workplace, lens, tmp_path, capsys):
    rows = [
        {"prompt": "w1", "candidates": ["w2", "w3 w4", "w30"]},
        {"prompt": "w5", "responses": [{"text": "w6"}, {"text": "w7 w8"}]},
    ]
    lens("best-of", workplace / "model", jsonl(tmp_path / "in.jsonl", rows))
    picked = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    model = RewardModel.load(workplace / "model")
    for row, texts in zip(picked, (["w2", "w3 w4", "w30"], ["w6", "w7 w8"]), strict=True):
        expected = model.score([row["prompt"]] * len(texts), texts)
        np.testing.assert_allclose(row["rewards"], expected, atol=1e-5)
        assert row["best"] == expected.argmax()
        assert row["best_response"] == texts[row["best"]]


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
    pool = [{"prompt": "w1", "candidates": ["w2", "w3", "w4"]}, {"prompt": "w5", "candidates": ["w6", "w7", "w8"]}]  # fmt: skip  # noqa: E501
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
            "fit",
            workplace / "pairs.jsonl",
            "--embeddings",
            tmp_path / "x.npy",
            "--out",
            tmp_path / "m",
        )

    assert "60 usable pairs need [60, 2, features]" in message(np.zeros((59, 2, 4)))
    holed = np.zeros((60, 2, 4))
    holed[7, 1, 2] = np.nan
    assert "the value at [7, 1, 2] is not finite" in message(holed)
    assert "not a .npy file of numbers" in message(np.array([{"a": 1}], dtype=object))
    assert "an array of numbers is needed" in message(np.array(["a"]))


def test_a_csv_with_windows_line_ends_gives_the_same_model(workplace, lens, llama_folder, tmp_path):
    path = tmp_path / "pairs.csv"
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["prompt", "chosen", "rejected"], lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(some_rows(60))
    lens("fit", path, "--model", llama_folder, "--out", tmp_path / "csv")
    lens("fit", workplace / "pairs.jsonl", "--model", llama_folder, "--out", tmp_path / "jsonl")
    one, other = (artifacts.read_arrays(tmp_path / f"{kind}/reward.safetensors") for kind in ("csv", "jsonl"))  # fmt: skip  # noqa: E501
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["advise", "{pairs}"], "give either --model"),
        (["advise", "{pairs}", "--model", "m", "--embeddings", "e.npy"], "give either --model"),
        (["advise", "{tmp}/none.jsonl", "--model", "{model}"], "none.jsonl: no such file"),
        (["advise", "{pairs}", "--model", "{tmp}/none"], "no such model folder"),
        (["advise", "{pairs}", "--model", "{model}", "--minutes", "1e-9"], "embedding alone takes"),
        (["advise", "{few}", "--model", "{model}"], "8 distinct prompts"),
        (["fit", "--out", "{tmp}/m"], "give either pairs"),
        (["fit", "--advice", "{tmp}/none", "--out", "{tmp}/m"], "Run `lens advise PAIRS"),
        (["fit", "--advice", "{advice}", "--out", "{advice}"], "is there already"),
        (["fit", "--advice", "{advice}", "--scale", "2", "--out", "{tmp}/m"], "--scale goes with"),
        (["fit", "--advice", "{advice}", "--method", "lens", "--out", "{tmp}/m"], "needs a scale"),
        (
            ["fit", "--advice", "{advice}", "--method", "lenz", "--out", "{tmp}/m"],
            "'lenz' is none of",
        ),
        (["score", "{tmp}/none"], "no such folder"),
        (["export", "{model}", "--out", "{tmp}/x"], "not a reward model"),
    ],
)
def test_mistakes_get_a_sentence(arguments, message, workplace, fail, llama_folder, tmp_path):
    places = {
        "pairs": workplace / "pairs.jsonl",
        "advice": workplace / "advice",
        "tmp": tmp_path,
        "model": llama_folder,
        "few": jsonl(tmp_path / "few.jsonl", some_rows(8)),
    }
    more = ["--out", tmp_path / "new"] if arguments[0] == "advise" else []
    assert message in fail(*(part.format(**places) for part in arguments), *more)


def test_advise_writes_over_nothing_of_the_users(workplace, fail, llama_folder, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "pairs.parquet").write_bytes(b"precious")
    message = fail("advise", workplace / "pairs.jsonl", "--model", llama_folder, "--out", own)
    assert "holds other things" in message
    assert [path.name for path in own.iterdir()] == ["pairs.parquet"]
    assert (own / "pairs.parquet").read_bytes() == b"precious"


def test_embeddings_are_made_anew_when_any_file_of_the_model_changes(llama_folder, tmp_path):
    folder = tmp_path / "llama"
    shutil.copytree(llama_folder, folder)
    pairs, encoder = read_pairs(some_rows(20)), lambda: Encoder(str(folder), device="cpu")
    embed_pairs(pairs, encoder()).save(tmp_path / "kept")
    assert kept(tmp_path / "kept", pairs, encoder()) is not None
    [template] = [*folder.glob("*.jinja")]
    template.write_text(template.read_text() + " w5")
    assert kept(tmp_path / "kept", pairs, encoder()) is None


def test_kept_embeddings_report_what_was_read_now(llama_folder, tmp_path):
    encoder = Encoder(str(llama_folder), device="cpu", max_length=8)
    rows = some_rows(20)
    embed_pairs(read_pairs(jsonl(tmp_path / "a.jsonl", rows)), encoder).save(tmp_path / "kept")
    bad = {"prompt": "w1", "chosen": "w2", "rejected": "w2"}
    renamed = read_pairs(jsonl(tmp_path / "b.jsonl", [*rows, bad]))
    encoder = Encoder(str(llama_folder), device="cpu", max_length=8)
    found = kept(tmp_path / "kept", renamed, encoder)
    assert found.report["source"].endswith("b.jsonl")
    assert found.report["dropped"] == {"identical_responses": 1}
    assert found.report["texts_cut"] > 0
    assert "were cut on the left" in found.note


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
        assert "is no whole number from 1" in capsys.readouterr().err


def test_data_frames_may_hold_arrays_and_holes():
    import pandas as pd

    frame = pd.DataFrame(
        {
            "prompt": [np.array([{"role": "user", "content": f"w{i}"}]) for i in range(3)],
            "chosen": [np.array([{"role": "assistant", "content": "w4"}]), "w5", np.nan],
            "rejected": ["w6", "w7", "w8"],
        }
    )
    pairs = read_pairs(frame)
    assert list(pairs.table["chosen"]) == ["w4", "w5"]
    assert pairs.report["dropped"] == {"empty_response": 1}


def test_messages_as_json_in_csv_are_messages(tmp_path):
    path = tmp_path / "m.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, ["prompt", "chosen", "rejected"])
        writer.writeheader()
        prompt = json.dumps([{"role": "user", "content": "w1"}])
        answer = json.dumps([{"role": "assistant", "content": "w2"}])
        writer.writerow({"prompt": prompt, "chosen": answer, "rejected": "[not, json"})
    [pair] = read_pairs(path).table.to_dict("records")
    assert json.loads(pair["prompt"]) == [{"role": "user", "content": "w1"}]
    assert (pair["chosen"], pair["rejected"]) == ("w2", "[not, json")


def test_another_files_advice_is_not_replaced(workplace, fail, llama_folder, tmp_path):
    other = jsonl(tmp_path / "other.jsonl", some_rows(20))
    message = fail("advise", other, "--model", llama_folder, "--out", workplace / "advice")
    assert "holds the advice on" in message


def test_objects_say_what_they_are(workplace, llama_folder):
    pairs = read_pairs(workplace / "pairs.jsonl")
    assert "60 pairs with" in repr(pairs)
    assert len(pairs) == 60
    data = embed_pairs(pairs, str(llama_folder))
    assert repr(data) == f"<60 pairs, embeddings of 16 features, {llama_folder.name}>"
    model = fit(data, "mean_difference")
    assert repr(model) == f"RewardModel(mean difference, 60 pairs, {llama_folder.name})"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: read_pairs({"prompt": ["a"]}), "a dict a row"),
        (lambda: read_pairs(None), "a dict a row"),
        (lambda: embed_pairs(some_rows(3), "x"), "lens.read_pairs"),
        (lambda: fit(read_pairs(some_rows(20))), "needs embedded pairs"),
        (lambda: Encoder("x/y", pooling="avg"), "pooling 'avg' is none of auto, first, last, mean"),
        (lambda: Encoder("x/y", too_long="cut"), "too_long 'cut' is none of"),
    ],
)
def test_mistakes_in_python_get_a_sentence(call, message):
    with pytest.raises(LensError, match=message):
        call()


def test_check_takes_one_source_with_or_without_the_word(workplace, lens, fail, capsys):
    lens("check", "data", workplace / "pairs.jsonl")
    first = capsys.readouterr().out
    lens("check", workplace / "pairs.jsonl")
    assert capsys.readouterr().out == first
    assert "check one source" in fail("check", "data", "a.csv", "b.csv")


def test_trouble_with_files_and_devices_gets_a_sentence(workplace, fail, tmp_path):
    pairs, model = workplace / "pairs.jsonl", workplace / "model"
    for device in ("foo", "cuda:99"):
        assert f"device {device}: cannot be used here" in fail(
            "score", model, pairs, "--device", device, "--out", tmp_path / "x"
        )
    (tmp_path / "file").write_text("")
    for arguments in (
        ["score", model, pairs, "--out", tmp_path],
        ["fit", "--advice", workplace / "advice", "--out", tmp_path / "file/below"],
    ):
        assert str(tmp_path) in fail(*arguments)


def test_rows_with_dates_are_scored(workplace, lens, tmp_path, capsys):
    import datetime

    import pandas as pd

    rows = [{"prompt": "w1", "response": "w2", "day": datetime.date(2026, 1, 2)}]
    pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")
    lens("score", workplace / "model", tmp_path / "rows.parquet")
    assert json.loads(capsys.readouterr().out)["day"] == "2026-01-02"


def test_an_interrupt_is_no_traceback(monkeypatch, lens, capsys, tmp_path):
    def stop(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("lens.cli.check.run", stop)
    with pytest.raises(SystemExit) as found:
        lens("check", "data", tmp_path / "x.csv")
    assert found.value.code == 130
    assert "stopped" in capsys.readouterr().err
