"""Labels that were turned round stand first in the list, and it says how many to expect."""

import json
import re

import numpy as np
import pytest

import lens
from lens.cli import main
from lens.core.errors import LensError
from lens.labels.suspects import annotator_votes, suspects
from tests.helpers.embedded_pairs import embedded
from tests.helpers.labelstudio_exports import picks, task


def flipped(count=400, share=0.1, strength=6.0, seed=0):
    """(pairs with a share of their labels turned round, which)."""
    pairs = embedded(count, seed=seed, strength=strength)
    turned = np.random.default_rng(seed).random(count) < share
    chosen, rejected = pairs.chosen.copy(), pairs.rejected.copy()
    pairs.chosen[turned], pairs.rejected[turned] = rejected[turned], chosen[turned]
    return pairs, turned


def test_turned_labels_come_first_and_their_number_is_right():
    """Of a list, as many are the other way round, by the planted reward, as it says."""
    pairs, turned = flipped()
    found = suspects(pairs)
    ids = found.table["id"].astype(int).to_numpy()
    first = ids[: turned.sum()]
    assert turned[first].mean() > 0.6
    gap = pairs.chosen[:, 0] - pairs.rejected[:, 0]
    assert found.expected(40) == pytest.approx((gap[ids[:40]] < 0).sum(), abs=7)
    assert found.table["other_way"].is_monotonic_decreasing
    assert len(found.table) == 400


def test_labels_of_a_coin_are_suspected_alike():
    found = suspects(embedded(300, strength=0.0))
    assert found.expected(300) == pytest.approx(150, abs=10)


def test_annotators_who_answer_by_coin_stand_out():
    pairs, _ = flipped(share=0.0)
    careless = np.arange(400) % 4 == 0
    swap = careless & (np.random.default_rng(1).random(400) < 0.5)
    votes = {
        key: [("careless", not turn) if sloppy else ("careful", True)]
        for key, sloppy, turn in zip(pairs.table["id"], careless, swap, strict=True)
    }
    found = suspects(pairs, votes=votes).annotators
    assert list(found["annotator"]) == ["careless", "careful"]
    assert list(found["votes"]) == [100, 300]
    assert found["share"][0] > 0.3 > 0.15 > found["share"][1]


def test_votes_are_read_from_an_export():
    rows = [task(picks("left"), picks("left", by=2), picks("right", by=3))]
    assert annotator_votes([("f, row 1", rows[0])]) == {
        "1": [("1", True), ("2", True), ("3", False)]
    }


def test_the_command_names_annotators(tmp_path, capsys):
    """An export with three annotators, of whom the third says the opposite of the others."""
    data = [{"prompt": f"What now? {i}", "answer1": f"a{i}", "answer2": f"b{i}"} for i in range(60)]
    votes = [picks("left"), picks("left", by=2), picks("right", by=3)]
    rows = [task(*votes, number=i, data=each) for i, each in enumerate(data)]
    (tmp_path / "export.json").write_text(json.dumps(rows))
    array = np.random.default_rng(0).normal(size=(60, 2, 4)).astype(np.float32)
    array[:, 0, 0] += 2
    np.save(tmp_path / "pairs.npy", array, allow_pickle=False)
    arguments = ["--embeddings", tmp_path / "pairs.npy", "--count", 7]
    arguments += ["--out", tmp_path / "again.jsonl"]
    main(["suspects", *map(str, [tmp_path / "export.json", *arguments])])
    said = capsys.readouterr().out
    assert "60 labels; if they were given again" in said
    shares = re.findall(r"^  (\d): 60, ([\d.]+) %$", said, re.MULTILINE)
    assert shares[0][0] == "3"
    assert float(shares[0][1]) > 60 > 40 > float(shares[1][1])
    listed = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    assert len(listed) == 7
    assert listed[0]["annotators"] == {"1": "for", "2": "for", "3": "against"}


def test_the_list_changes_nothing():
    pairs, _ = flipped(60)
    before = pairs.table.copy(), pairs.chosen.copy()
    suspects(pairs)
    assert pairs.table.equals(before[0])
    np.testing.assert_array_equal(pairs.chosen, before[1])
    with pytest.raises(LensError, match="needs embedded pairs"):
        lens.suspects("pairs.jsonl")
