"""An OpenAI-compatible endpoint embeds: each text asked for once, nothing cut in silence."""

import json
from importlib.util import find_spec
from itertools import count

import numpy as np
import pytest

from lens.core.errors import LensError
from lens.language.encoder import Encoder
from tests.helpers.embedding_server import Embedder, serving, vector

pytestmark = pytest.mark.skipif(not find_spec("openai"), reason="openai is not installed")
PROMPTS = [f"question {number} and some more words" for number in range(40)]
ANSWERS = [f"answer {number} " * (number % 5 + 1) for number in range(40)]
TEXTS = [f"{prompt}\n\n{answer}" for prompt, answer in zip(PROMPTS, ANSWERS, strict=True)]
LONG = "a much longer answer than the others " * 10


def messages(prompts):
    return [json.dumps([{"role": "user", "content": prompt}]) for prompt in prompts]


@pytest.fixture
def cache(tmp_path):
    return str(tmp_path / "vectors.sqlite")


@pytest.fixture
def encoder(cache):
    def make(url, **more):
        return Encoder("m", base_url=url, **{"cache": cache, "too_long": "error", **more})

    return make


def test_vectors_are_the_servers_in_order_and_asked_for_once(encoder):
    server = Embedder(busy=2)
    with serving(server) as url:
        got = encoder(url).embed(messages(PROMPTS), ANSWERS)
        np.testing.assert_array_equal(got, np.stack([vector(text) for text in TEXTS]))
        asked = [text for texts in server.asked for text in texts]
        assert max(map(len, server.asked)) > 8, "in batches"
        assert set(TEXTS) <= set(asked)
        server.asked.clear()
        again = encoder(url).embed(messages(PROMPTS[:5]), ANSWERS[:5])
        np.testing.assert_array_equal(again, got[:5])
        assert not {text for texts in server.asked for text in texts} & set(TEXTS)


def test_another_model_behind_the_name_is_noticed(encoder):
    server = Embedder()
    with serving(server) as url:
        encoder(url).embed(messages(PROMPTS[:2]), ANSWERS[:2])
        server.turned = 1.0
        with pytest.raises(LensError, match=r"another vector than in .*Remove that file and embed"):
            encoder(url).embed(messages(PROMPTS[:2]), ANSWERS[:2])


def test_vectors_that_change_from_call_to_call_are_refused(encoder, monkeypatch):
    from tests.helpers import embedding_server

    turns = count()
    monkeypatch.setattr(embedding_server, "vector", lambda text: vector(text) + next(turns))
    with (
        serving(Embedder()) as url,
        pytest.raises(LensError, match="same text twice gives two vectors"),
    ):
        encoder(url).embed(messages(PROMPTS[:2]), ANSWERS[:2])


def test_a_long_text_that_is_refused_is_named_or_cut(encoder):
    with serving(Embedder(limit=200)) as url:
        texts = (messages(PROMPTS), [*ANSWERS[:-1], LONG])
        with pytest.raises(LensError, match=r"text 40: m at 127.* refuses it \(4\d\d characters: "):
            encoder(url).embed(*texts)
        whole = f"{PROMPTS[-1]}\n\n{LONG}"
        for side in ("cut_left", "cut_right"):
            reader = encoder(url, too_long=side)
            got = reader.embed(*texts)
            assert reader.cut == 1
            np.testing.assert_array_equal(got[:-1], np.stack([vector(t) for t in TEXTS[:-1]]))
            part = whole
            while len(part) > 200:
                drop = len(part) // 4
                part = part[drop:] if side == "cut_left" else part[:-drop]
            np.testing.assert_array_equal(got[-1], vector(part))


def test_a_server_that_cuts_in_silence_is_caught(encoder):
    with serving(Embedder(limit=200, beyond="cut")) as url:
        texts = (messages(PROMPTS), [*ANSWERS[:-1], LONG])
        for side in ("error", "cut_left"):
            with pytest.raises(LensError, match=r"does not read the end of long texts.*text 40"):
                encoder(url, too_long=side).embed(*texts)
        accepted = encoder(url, too_long="cut_right").embed(*texts)
        np.testing.assert_array_equal(accepted[-1], vector(f"{PROMPTS[-1]}\n\n{LONG}"[:200]))
        with pytest.raises(LensError, match="does not read the end"):  # what is kept is not taken
            encoder(url).embed(*texts)


def test_the_key_is_from_the_environment_and_not_shown(encoder, monkeypatch):
    with serving(Embedder(key="sk-planted-1")) as url:
        monkeypatch.setenv("MY_KEY", "sk-planted-1")
        assert encoder(url, key_variable="MY_KEY").embed(messages(["a"]), ["b"]).shape == (1, 8)
        monkeypatch.setenv("MY_KEY", "sk-planted-2")
        with pytest.raises(LensError, match=r"refused \(HTTP 401") as caught:
            encoder(url, key_variable="MY_KEY").embed(messages(["a"]), ["c"])
        assert "sk-planted" not in str(caught.value)
    reader = Encoder("m", base_url="https://elsewhere.example/v1", key_variable="NO_KEY")
    with pytest.raises(LensError, match="NO_KEY: not set"):
        reader.embed(messages(["a"]), ["b"])


def test_no_server_a_wrong_address_and_settings_that_mean_nothing(encoder, tmp_path):
    with serving(Embedder()) as url:
        with pytest.raises(LensError, match=r"refused \(HTTP 404.*Check --base-url"):
            encoder(url.removesuffix("/v1")).embed(messages(["a"]), ["b"])
        with pytest.raises(LensError, match="--layer, --prompt-name: an endpoint reads plain text"):
            encoder(url, layer=1, prompt_name="q").embed(messages(["a"]), ["b"])
        (tmp_path / "other.txt").write_text("not a cache, and long enough to be taken for one" * 99)
        with pytest.raises(LensError, match="cannot be used as a cache of vectors"):
            encoder(url, cache=str(tmp_path / "other.txt")).embed(messages(["a"]), ["b"])


def test_a_saved_encoder_sends_nothing_to_a_strangers_address():
    saved = Encoder("m", base_url="https://elsewhere.example/v1").as_dict()
    assert not {"key_variable", "cache"} & set(saved)
    how = {"device": "cpu", "batch_tokens": 64, "trust_remote_code": False}
    with pytest.raises(LensError, match=r"texts would be sent to https://elsewhere\.example/v1"):
        Encoder.from_saved(saved, **how)
    url = "https://mine.example/v1"
    assert Encoder.from_saved(saved, **how, base_url=url).base_url == url
    here = saved | {"base_url": "http://localhost:8000/v1"}
    assert Encoder.from_saved(here, **how).base_url == here["base_url"]


@pytest.mark.slow
def test_a_reward_model_on_an_endpoint(tmp_path, lens, capsys, monkeypatch):
    """From pairs to rewards by command line, with the server asked for each text once."""
    from tests.helpers.word_pairs import some_rows

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rows = some_rows(60)
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    server = Embedder(limit=4000)
    with serving(server) as url:
        where = ["--model", "m", "--base-url", url, "--cache", tmp_path / "v.sqlite"]
        lens("fit", tmp_path / "pairs.jsonl", *where, "--out", tmp_path / "reward")
        asked = [text for texts in server.asked for text in texts]
        distinct = {
            f"{row['prompt']}\n\n{row[side]}" for row in rows for side in row if side != "prompt"
        }
        assert sum(asked.count(text) for text in distinct) <= len(distinct) + 2
        capsys.readouterr()
        lens("score", tmp_path / "reward", tmp_path / "pairs.jsonl")
    scored = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(scored) == 60
    assert all(0 < row["probability"] < 1 for row in scored)


def test_nothing_is_cut_at_an_endpoint_unless_asked():
    assert Encoder("m", base_url="http://localhost:1/v1").too_long == "error"
    assert (
        Encoder("m", base_url="http://localhost:1/v1", too_long="cut_left").too_long == "cut_left"
    )
    assert Encoder("org/m").too_long == "cut_left"
