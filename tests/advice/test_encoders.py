"""Encoders compared: which to keep where the answer is known, and layers of one pass."""

import json
import shlex
import shutil

import numpy as np
import pytest

from lens.advice.encoders import compare_encoders, conclude, embed_layers, encoder_names
from lens.advice.own_pairs import embed_pairs
from lens.advice.preferences import read_pairs
from lens.core.errors import LensError
from lens.core.intervals import interval_by_prompt, p_value_by_prompt
from lens.language.encoder import Encoder
from tests.helpers.word_pairs import jsonl, some_rows


def right(share, count=400, seed=0):
    """Whether pairs are ordered rightly, in 3 rounds, the first `share` of them; some by chance."""
    rng = np.random.default_rng(seed)
    found = np.repeat((np.arange(count) < share * count)[None].astype(float), 3, axis=0)
    flipped = rng.random(found.shape) < 0.1
    return np.where(flipped, 1 - found, found)


def test_the_cheaper_one_is_kept_where_no_difference_is_detectable():
    groups = np.arange(400).astype(str)
    names, features = ["large", "small", "bad"], [768, 384, 384]
    outcomes = [right(0.71, seed=1), right(0.70, seed=2), right(0.5, seed=3)]
    found = conclude(names, outcomes, groups, features, [20.0, 2.0, 1.0], "p")
    assert found.keep == "small"
    assert "no detectable difference to large" in found.reason
    worse = {(d.first, d.second): d.p_value < 0.05 for d in found.differences}
    assert worse == {("large", "small"): False, ("large", "bad"): True, ("small", "bad"): True}
    assert "Keep small" in str(found)
    assert (found.pairs, found.rounds) == (400, 3)


def test_the_dearer_one_is_kept_where_it_is_clearly_better():
    groups = np.arange(400).astype(str)
    found = conclude(
        ["large", "small"], [right(0.8), right(0.6, seed=1)], groups, [768, 384], [20.0, 2.0], "p"
    )
    assert found.keep == "large"
    assert found.reason == "clearly better than all others."


def test_layers_of_one_cost_are_told_apart_by_features_and_p_values_are_holms():
    groups = np.arange(400).astype(str)
    outcomes = [right(0.70, seed=i) for i in range(3)]
    found = conclude(["a", "b", "c"], outcomes, groups, [64, 16, 32], [1.0, 1.0, 1.0], "p")
    assert found.keep == "b"
    alike = [right(share, seed=i) for i, share in enumerate((0.68, 0.71, 0.70))]
    equal = conclude(["a", "b", "c"], alike, groups, [16, 16, 16], [1.0, 2.0, 1.0], "p")
    assert equal.keep == "c"  # b is the most accurate, and dearer; a costs as much as c
    raw = sorted(
        p_value_by_prompt(outcomes["abc".index(d.first)] - outcomes["abc".index(d.second)], groups)
        for d in found.differences
    )
    assert min(d.p_value for d in found.differences) == pytest.approx(min(1, 3 * raw[0]))


def test_a_p_value_below_5_percent_is_an_interval_without_0():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 3).astype(str)
    for shift in np.linspace(0, 0.3, 12):
        values = rng.normal(shift, 1, size=(3, 180)).clip(-1, 1)
        interval = interval_by_prompt(values, groups, least=-1)
        assert (p_value_by_prompt(values, groups) < 0.05) == (interval.low > 0 or interval.high < 0)


def test_models_whose_last_names_are_alike_keep_their_whole_names():
    encoders = [Encoder(name) for name in ("one/m", "two/m")]
    assert encoder_names(encoders) == ["one/m", "two/m"]
    assert encoder_names(encoders[:1]) == ["m"]
    assert encoder_names([encoders[0], Encoder("three/other")]) == ["m", "other"]


@pytest.mark.slow
def test_two_models_of_one_name_are_compared(tmp_path, llama_folder, lens, capsys):
    """The same model under two paths: both are named, and no pair is ordered otherwise."""
    source = jsonl(tmp_path / "pairs.jsonl", some_rows(60))
    models = [str(tmp_path / name / "model") for name in ("first", "second")]
    for model in models:
        shutil.copytree(llama_folder, model)
    how = ("--rounds", "1", "--device", "cpu", "--out", tmp_path / "out")
    lens("advise", source, "--model", models[0], "--model", models[1], *how)
    printed = capsys.readouterr().out
    saved = json.loads((tmp_path / "out/encoders.json").read_text())
    assert {candidate["name"] for candidate in saved["candidates"]} == set(models)
    assert "+0.0 points [+0.0, +0.0], p = 1" in printed
    (command,) = (line for line in printed.splitlines() if line.startswith("Next: lens advise"))
    assert saved["keep"] in shlex.split(command)


@pytest.mark.slow
def test_layers_of_one_pass_are_those_of_one_each(llama_folder, monkeypatch):
    monkeypatch.setenv("LENS_CACHE", "off")
    folder, pairs = str(llama_folder), read_pairs(some_rows(30))
    encoders = [Encoder(folder, device="cpu", layer=layer) for layer in (1, -1)]
    assert [name.split(", ")[1] for name in encoder_names(encoders)] == ["layer 1", "layer -1"]
    together = embed_layers(pairs, encoders)
    for encoder, data in zip(encoders, together, strict=True):
        alone = embed_pairs(pairs, Encoder(folder, device="cpu", layer=encoder.layer))
        np.testing.assert_allclose(data.chosen, alone.chosen, atol=1e-5)
        np.testing.assert_allclose(data.rejected, alone.rejected, atol=1e-5)
    with pytest.raises(LensError, match="two or more that differ"):
        compare_encoders(pairs, encoders[:1])


@pytest.mark.slow
def test_the_command_says_which_to_keep(tmp_path, llama_folder, lens, capsys):
    source, out = jsonl(tmp_path / "pairs.jsonl", some_rows(60)), tmp_path / "out"
    how = ("--model", llama_folder, "--rounds", "1", "--device", "cpu", "--out", out)
    how += ("--columns", '{"prompt": "prompt"}', "--scales", "2", "--control", "length")
    lens("advise", source, *how, "--layer", "1", "--layer", "-1")
    printed = capsys.readouterr().out
    assert "evidence probe, length controlled, 1 round of" in printed
    (command,) = (line for line in printed.splitlines() if line.startswith("Next: lens advise"))
    kept = shlex.split(command)[3:]
    assert kept[0] == str(source)
    again = dict(zip(kept[1::2], kept[2::2], strict=True))
    assert again.pop("--layer", "-1") in ("1", "-1")
    assert again == {
        "--model": str(llama_folder),
        "--device": "cpu",
        "--out": str(out),
        "--columns": '{"prompt": "prompt"}',
        "--scales": "2",
        "--control": "length",
    }
    saved = json.loads((out / "encoders.json").read_text())
    assert f"Keep {saved['keep']}" in printed
    assert len(saved["candidates"]) == 2
    assert len(saved["differences"]) == 1
