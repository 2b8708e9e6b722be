"""Tokens and keys: planted in the environment, and looked for in everything that a run writes."""

import base64
import gzip
import json
import urllib.parse

import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.textspace.endpoint import ask_endpoint
from tests.helpers.judge_server import needs_openai, says, server
from tests.helpers.planted import SECRETS, secrets_in, secrets_in_text
from tests.helpers.workflow_tools import TEXT, run

PROMPT = json.dumps([{"role": "user", "content": "w1"}])
KEY = SECRETS["JUDGE_KEY"]
VERDICTS = "results/small/judge_sft/dialogue/tiny-llama/n40/verdicts.parquet"


def test_a_secret_is_found_in_every_form_in_which_it_could_be_written(tmp_path):
    forms = {
        "plain.txt": f"Bearer {KEY}\n".encode(),
        "url.log": urllib.parse.quote(KEY, safe="").encode(),
        "page.html": b"data:text/plain;base64," + base64.b64encode(b"ab" + KEY.encode()),
        "short.json": base64.b64encode(KEY.encode()),
        "page.json": json.dumps({"key": KEY}).replace("/", "\\/").encode(),
        "rows.jsonl.gz": gzip.compress(KEY.encode()),
    }
    for name, content in forms.items():
        (tmp_path / name).write_bytes(content)
    pd.DataFrame({"said": [f"it is {KEY}"] * 9}).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "other.txt").write_bytes(b"nothing planted here " * 99)
    found = {file.rpartition("/")[2] for file, secret in secrets_in(tmp_path)}
    assert found == {*forms, "rows.parquet"}


def write_answers(folder):
    for name in ("textual", "latent"):
        table = pd.DataFrame(
            {
                "prompt_id": f"p{i}",
                "prompt": PROMPT,
                "group": "g",
                "candidate": seed,
                "response": f"w{i} of {name}",
            }
            for i in range(3)
            for seed in (0, 1, 2)
        )
        place = folder / f"results/small/sample_sft/dialogue/tiny-llama/n40/{name}/answers.parquet"
        place.parent.mkdir(parents=True)
        table.to_parquet(place)


def judged_by(base_url):
    endpoint = {"base_url": base_url, "model": "judge", "key_variable": "JUDGE_KEY", "retries": 0}
    return {"judge": {"kind": "endpoint", "endpoint": endpoint, "verdict": "text"}}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(folder, everything said) of a run with secrets in its environment: a judge that refuses,
    one that breaks, one that repeats the key, and a download that fails."""
    folder = tmp_path_factory.mktemp("secrets")
    write_answers(folder)
    environment = {
        **SECRETS,
        "LENS_TRACK": "tensorboard",
        "HF_HOME": str(folder / "hub"),
        "NO_PROXY": "127.0.0.1",
    }
    said = ""

    def snakemake(*targets, expect, **change):
        nonlocal said
        result = run(
            folder, "--cores", 1, "-p", *targets, config=TEXT, change=change, **environment
        )
        said += result.stdout + result.stderr
        assert result.returncode == expect, result.stdout + result.stderr

    def repeat(text, times):
        return says(f"your key is {KEY} [[A]]")

    refusals = [(500, {}, f"<h1>Bearer {KEY}</h1>".encode())]

    def refuse(text, times):
        return refusals.pop() if refusals else (401, {}, {"error": {"message": f"not {KEY}"}})

    verdicts = (VERDICTS, "--allowed-rules", "judge_sft")
    environment["LENS_TEST_HARMLESS"] = " ".join(environment)  # a judge starts warm with all of it
    with server(refuse) as (base_url, asked):
        snakemake(*verdicts, expect=1, rejection_sampling=judged_by(base_url))
        assert asked.keys[0] == f"Bearer {KEY}"
    with server(repeat) as (base_url, asked):
        snakemake(*verdicts, expect=0, rejection_sampling=judged_by(base_url))
    del environment["LENS_TEST_HARMLESS"]
    hub = {
        "pairs": {"hub": "org/name"},
        "pool": {"path": str(folder / "change.yaml"), "gold": True},
    }
    snakemake(
        "prefetch",
        expect=1,
        compare={"datasets": ["own"]},
        datasets={"own": hub},
        models={"tiny-llama": {"load": {"model": "org/model"}}},
        gold={"load": {"model": "org/gold"}},
        artefacts=["table_1"],
        textual={"methods": []},
    )
    return folder, said


@pytest.mark.slow
@needs_openai
def test_no_secret_is_written_or_said(written):
    folder, said = written
    assert not secrets_in_text(said.encode())
    assert not secrets_in(folder)
    assert "[API key]" in said
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"judge_answers.jsonl", "verdicts.parquet", "metrics.json", "cost.json"} <= names
    assert any(name.startswith("events.out") for name in names), "the tracker must have written"
    assert any(".snakemake/log" in str(path) for path in folder.rglob("*.log"))
    assert "[API key]" in (folder / "results/small/judge_answers.jsonl").read_text()


@needs_openai
def test_a_key_follows_no_redirect_to_another_place(tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    with server(lambda text, times: says("[[A]]")) as (other, heard):
        to = {"Location": f"{other}/chat/completions"}
        with server(lambda text, times: (307, to, {})) as (base_url, asked):
            ask_endpoint(
                ["x"],
                base_url=base_url,
                model="judge",
                cache=tmp_path / "a.jsonl",
                key_variable="JUDGE_KEY",
                retries=0,
            )
    assert asked.keys == [f"Bearer {KEY}"]
    assert heard.texts == ["x"]
    assert heard.keys == [None]


ADDRESSES = ("http://me:{}@host/v1", "htp://me:{}@host", "//{}@x", "http://h/?k={}")


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_key_in_an_address_or_for_a_name_is_not_repeated(address, tmp_path):
    options = {"model": "judge", "cache": tmp_path / "a.jsonl"}
    with pytest.raises(LensError, match="a user name, a password or a query") as stopped:
        ask_endpoint(["x"], base_url=address.format(KEY), **options)
    assert KEY not in str(stopped.value)
    with pytest.raises(LensError, match="not the name of an environment variable") as stopped:
        ask_endpoint(["x"], base_url="http://localhost:1/v1", key_variable=KEY, **options)
    assert KEY not in str(stopped.value)
