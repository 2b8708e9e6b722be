"""The offline world: its true reward by hand, its labels against their known probability."""

import json
import math
from random import Random

import pytest

from lens.world import texts as world

DIALOGUE = "we have a cat , a bun and a hat . which food and animals ?"
SUMMARY = "we have a cat and a bun . it was a long day . we have a hat . sum this up ."

CASES = [
    ("dialogue", DIALOGUE, "you have cats and buns .", 2.0),
    ("dialogue", DIALOGUE, "sure , you have cats and buns . hope this helps .", 2 + 2 * 0.5),
    ("dialogue", DIALOGUE, "you have cats and pies .", 1 - 1.5 - 0.5),
    ("dialogue", DIALOGUE, "cats , buns and hats . who cares .", 2 - 0.25 - 0.75),
    ("dialogue", DIALOGUE, "you have cats and cats . i can not sleep .", 1 - 0.5 - 0.5 - 0.25),
    ("summary", SUMMARY, "they have cats , buns and hats .", 3 * 0.75),
    ("summary", SUMMARY, "cats and saws . it was a long day .", 0.75 - 1.0 - 2 * 0.5 - 0.5),
    ("summary", SUMMARY, "sure , hats . look it up .", 0.75 - 2 * 0.5 - 0.25 - 0.5),
    # malformed: nothing, a phrase cut short, foreign words, special tokens, no prompt to speak of
    ("dialogue", DIALOGUE, "", 2 * -0.5 - 0.5),
    ("dialogue", DIALOGUE, "sure , buns . hope this", 1 + 0.5 - 0.5 - 2 * 0.25 - 0.5),
    ("dialogue", DIALOGUE, "Qu'est-ce  cats\n\nbuns <end>", 2 - 2 * 0.25 - 0.5),
    ("summary", "", "they have cats .", -1.0),
    ("dialogue", "which", ". . .", 0.0),
]


@pytest.mark.parametrize(("kind", "prompt", "response", "reward"), CASES)
def test_true_reward_by_hand(kind, prompt, response, reward):
    assert world.true_reward(kind, prompt, response) == pytest.approx(reward)


def test_bayes_accuracy_in_closed_form():
    """Differences 0 and +-T log 3 have agreement probabilities 1/2 and 3/4."""
    gap = 0.7 * math.log(3)
    found = world.describe([gap, -gap, 0.0, gap], temperature=0.7)
    assert found["bayes_accuracy"] == pytest.approx((3 * 0.75 + 0.5) / 4)
    assert found["realised_agreement"] == pytest.approx((2 + 0.5) / 4)
    assert found["mean_reward_difference"] == pytest.approx(0.75 * gap)
    assert found["ties"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", world.KINDS)
def test_labels_follow_bradley_terry(kind):
    """In each band of reward differences the better answer is chosen as often as it should be."""
    temperature = 0.9
    rows, truth = world.draw_pairs(kind, 4000, temperature, seed=3)
    bands = {}
    for row in rows:
        gap = reward(kind, row, "chosen") - reward(kind, row, "rejected")
        if gap:
            probability = 1 / (1 + math.exp(-abs(gap) / temperature))
            bands.setdefault(min(int(abs(gap)), 4), []).append((gap > 0, probability))
    for outcomes in bands.values():
        expected = sum(p for _, p in outcomes)
        deviation = math.sqrt(sum(p * (1 - p) for _, p in outcomes))
        assert abs(sum(right for right, _ in outcomes) - expected) < 4 * deviation + 1
    assert len(bands) == 5
    assert abs(truth["realised_agreement"] - truth["bayes_accuracy"]) < 0.03
    assert 0.80 < truth["bayes_accuracy"] < 0.85


def reward(kind, row, side):
    return world.true_reward(kind, row["prompt"], row[side])


def test_replies_name_a_fault():
    prompt, random = "we have a cat and a bun . which food and animals ?", Random(0)
    replies = {
        world.write_reply("dialogue", prompt, "you have cats and pies .", random) for _ in range(60)
    }
    assert replies == {"", "bun ?", "pies ?"}
    assert world.write_reply("dialogue", prompt, "cats and buns .", random) == ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("world"), 0)


def build(folder, seed):
    from lens.cli import main

    sizes = ["--pairs", "300", "--corpus", "200", "--gold-corpus", "200"]
    main(["build-world", "--out", str(folder), "--seed", str(seed), *sizes])
    return folder


def rows_of(folder, name):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


@pytest.mark.slow
def test_files_hold_what_they_should(folder):
    truth = json.loads((folder / "truth.json").read_text())
    for kind in world.KINDS:
        rows = rows_of(folder, f"{kind}.jsonl")
        assert len(rows) == len({row["id"] for row in rows}) == truth[kind]["pairs"] == 300
        assert all(set(row) == {"id", "prompt", "chosen", "rejected"} for row in rows)
        assert all(row["chosen"] != row["rejected"] for row in rows)
    for row in rows_of(folder, "gold_corpus.jsonl"):
        assert row["reward"] == world.true_reward(row["kind"], row["prompt"], row["response"])
    assert any(row["reply"] for row in rows_of(folder, "corpus.jsonl"))


def test_no_word_is_out_of_vocabulary(folder):
    known = set(world.vocabulary())
    assert 50 <= len(known) <= 80
    for name in ("dialogue", "summary", "corpus", "gold_corpus"):
        for row in rows_of(folder, f"{name}.jsonl"):
            texts = [row[key] for key in row if key not in ("id", "kind", "reward")]
            assert all(text == " ".join(text.split()) for text in texts)
            assert known >= set(" ".join(texts).split())


@pytest.mark.slow
def test_same_seed_same_bytes(folder, tmp_path):
    again, other = build(tmp_path / "again", 0), build(tmp_path / "other", 1)
    for file in folder.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()
        assert file.read_bytes() != (other / file.name).read_bytes()


@pytest.mark.parametrize("words", [("--pairs", 0), ("--temperature", 0)])
def test_impossible_sizes_are_refused(tmp_path, lens, capsys, words):
    with pytest.raises(SystemExit):
        lens("build-world", "--out", tmp_path / "world", *words)
    assert f"argument {words[0]}: should be greater than" in capsys.readouterr().err
    assert not (tmp_path / "world").exists()
