"""Downloads for machines without a network, against a Hub on this one."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from lens.core.errors import LensError
from lens.files.artifacts import sha256
from lens.language import loading
from tests.helpers.fake_hub import Hub
from tests.helpers.workflow_tools import ROOT

TOKEN = "hf_aSecretThatMustNotBeShown"
CHAT = [{"role": "user", "content": "w1"}]


@pytest.fixture
def hub(tmp_path, llama_folder, gold_folder):
    """org/open has files that nobody reads, org/gated a licence, org/pairs two commits."""
    hub = Hub()
    folder = tmp_path / "open"
    shutil.copytree(llama_folder, folder)
    for name in (
        "pytorch_model.bin",
        "consolidated.safetensors",
        "original/params.json",
        "onnx/model.onnx",
        "model.gguf",
        "README.md",
        "modeling.py",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("not wanted")
    hub.add("org/open", folder)
    hub.add("org/gated", gold_folder)
    hub.gated.add("org/gated")
    for commit in (1, 2):
        folder = tmp_path / f"pairs-{commit}"
        for part in ("base", "online"):
            for split, count in (("train", 3), ("test", 2)):
                (folder / part).mkdir(parents=True, exist_ok=True)
                rows = [
                    {"prompt": f"{commit} {part} {split} {i}", "chosen": "w2", "rejected": "w3"}
                    for i in range(count)
                ]
                with gzip.open(folder / part / f"{split}.jsonl.gz", "wt") as file:
                    file.writelines(json.dumps(row) + "\n" for row in rows)
        hub.add("org/pairs", folder, "datasets")
    return hub


EACH = "import json, sys; from lens.cli import main; [*map(main, json.loads(sys.argv[1]))]"


@pytest.fixture
def lens_with(tmp_path):
    """Runs commands of `lens` one after another in a process of its own, with a cache of its own
    and these variables."""

    def run(*commands, **environment):
        home = tmp_path / ".cache/huggingface"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        return subprocess.run(
            [sys.executable, "-c", EACH, json.dumps(commands, default=str)],
            capture_output=True,
            text=True,
            timeout=600,
            cwd=tmp_path,
            env={
                **inherited,
                "HF_HOME": str(home),
                "HF_TOKEN": TOKEN,
                "HF_HUB_DISABLE_TELEMETRY": "1",
                "PYTHONPATH": str(ROOT),
                **environment,
            },
        )

    return run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Has this very process look for the Hub at an address, or, at None, nowhere."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    def look(address):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", address is None)
        template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    return look


def embed(pairs, model, out, *more):
    return (
        *(
            f"embed-pairs --pairs {pairs} --model {model} --device cpu --out {out} --metrics "
            f"{out}.json"
        ).split(),
        *more,
    )


def pair_table(path):
    pd.DataFrame(
        {
            "id": ["a", "b"],
            "prompt": [json.dumps(CHAT)] * 2,
            "chosen": ["w2", "w3 w4"],
            "rejected": ["w5", "w6"],
            "group": ["a", "b"],
            "split": ["train", "test"],
        }
    ).to_parquet(path)
    return path


def test_what_was_downloaded_is_read_without_a_network(
    hub, lens_with, lens, tmp_path, llama_folder
):
    first, second = hub.repositories["datasets", "org/pairs"]
    datasets = f"--datasets org/pairs@{first}"
    command = f"prefetch --models org/open {datasets} org/pairs@{second} --out prefetch.json"
    with hub.serving() as address:
        run = lens_with(command.split(), HF_ENDPOINT=address)
        assert run.returncode == 0, run.stderr
        asked = len(hub.asked)
        again = lens_with(["prefetch", *datasets.split()], HF_ENDPOINT=address)
        assert again.returncode == 0, again.stderr
        assert len(hub.asked) == asked, "what is there is not asked for again"
    model, *pairs = json.loads((tmp_path / "prefetch.json").read_text())
    (commit,) = hub.repositories["models", "org/open"]
    assert (model["id"], model["revision"], model["commit"]) == ("org/open", "main", commit)
    assert f"'main' may move: pin `revision: {commit}`" in run.stdout
    assert run.stdout.count("(pinned)") == 2
    assert [p["commit"] for p in pairs] == [first, second]
    paths = [path for _, path, _ in hub.asked if "org/open/resolve" in path]
    fetched = {path.rpartition(f"{commit}/")[2] for path in paths}
    assert fetched == {file.name for file in llama_folder.iterdir()}
    assert model["bytes"] == sum(file.stat().st_size for file in llama_folder.iterdir())
    # The server has stopped.
    with_no_network = partial(lens_with, HF_ENDPOINT=address, HF_HUB_OFFLINE="1")
    table = pair_table(tmp_path / "pairs.parquet")
    source = "prepare-pairs --hub org/pairs --train-split train --test-split test --revision"
    tables = tmp_path / "1.parquet", tmp_path / "2.parquet"
    run = with_no_network(
        embed(table, "org/open", tmp_path / "hub.safetensors"),
        *(
            f"{source} {commit} --out {out} --out-prompts q.parquet --report r.json".split()
            for commit, out in zip((first, second), tables, strict=True)
        ),
    )
    assert run.returncode == 0, run.stderr
    lens(*embed(table, llama_folder, tmp_path / "folder.safetensors"))
    by_hub, by_folder = (load_file(tmp_path / f"{n}.safetensors") for n in ("hub", "folder"))
    assert by_folder["texts"].shape[1:] == (16,)
    np.testing.assert_array_equal(by_hub["texts"], by_folder["texts"])
    for number, out in enumerate(tables, 1):  # each the pinned revision, not the latest one
        found = pd.read_parquet(out)
        assert len(found) == 10
        assert all(json.loads(p)[0]["content"].startswith(f"{number} ") for p in found["prompt"])


def test_all_refusals_are_told_at_once_and_the_rest_stays(hub, lens_with, tmp_path):
    with hub.serving() as address:
        models = f"org/gated org/missing org/open@{'0' * 40} org/open"
        command = f"prefetch --models {models} --datasets org/nothing --out prefetch.json"
        run = lens_with(command.split(), HF_ENDPOINT=address)
    assert run.returncode == 1
    assert "model org/open: " in run.stdout
    message = run.stderr
    assert "4 of 5 are not there" in message
    assert "model org/gated (revision main) is gated. Accept its licence at " in message
    assert "https://huggingface.co/org/gated and" in message
    assert "environment variable HF_TOKEN" in message
    assert "(it is set, but" in message
    assert "no such model. Check the name at https://huggingface.co/org/missing;" in message
    assert "no such dataset. Check the name at https://huggingface.co/datasets/org/n" in message
    assert "no such revision. Choose one of https://huggingface.co/org/open/commits/" in message
    assert not (tmp_path / "prefetch.json").exists()
    assert any(token == f"Bearer {TOKEN}" for _, _, token in hub.asked), "the token must be sent"
    assert TOKEN not in run.stdout + run.stderr
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) > 5
    assert not any(TOKEN.encode() in file.read_bytes() for file in written)


@pytest.mark.slow
def test_a_hub_out_of_reach_is_said(lens_with):
    run = lens_with(["prefetch", "--models", "org/open"], HF_ENDPOINT="http://127.0.0.1:9")
    assert run.returncode == 1
    assert "model org/open (revision main): the Hub cannot be reached" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.fixture
def offline(hub, here):
    """What was downloaded of `org/open`, in the cache of this process, which has no network."""
    from lens.files.hub import download, parse

    with hub.serving() as address:
        here(address)
        found = download(parse("org/open", "model"))
    here(None)
    return found


def test_what_is_not_in_the_cache_names_prefetch(offline, fail, lens, tmp_path):
    table = pair_table(tmp_path / "pairs.parquet")
    command = embed(table, "org/open", tmp_path / "out.safetensors", "--revision", "main")
    lens(*command)
    advice = "run `snakemake prefetch --configfile ...` or `lens prefetch --models org/open@main`"
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        moved = (Path(offline["folder"]) / name).rename(tmp_path / name)
        message = fail(*command)
        assert advice in message, name
        assert "HF_HUB_OFFLINE allows no download" in message
        moved.rename(Path(offline["folder"]) / name)
    lens(*command)
    assert "`lens prefetch --datasets org/pairs@main`" in fail("check", "data", "org/pairs")
    assert "HF_HUB_OFFLINE is set" in fail("prefetch", "--models", "org/open")
    message = fail("prefetch", "--models", "no-organisation")
    assert "'no-organisation' is not a Hub id. Write ORGANISATION/NAME@REVISION" in message


def test_another_engine_gets_the_folder(offline, monkeypatch, llama_folder):
    """vLLM would ask the cache for all files of the repository, and some are left out."""
    from lens.language import vllm_engine

    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=lambda **options: options))
    options = {"dtype": "float32", "max_length": 8, "trust_remote_code": False}
    engine = vllm_engine.load("org/open", revision=None, **options)
    assert engine["model"] == offline["folder"]
    engine = vllm_engine.load(str(llama_folder), revision=None, **options)
    assert engine["model"] == str(llama_folder)
    with pytest.raises(LensError, match="lens prefetch --models org/other@main"):
        vllm_engine.load("org/other", revision=None, **options)


def test_half_a_model_is_no_model(offline):
    from lens.files.hub import cached_folder

    folder = Path(offline["folder"])
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "model.safetensors", "b": "model-2-of-2.safetensors"}})
    )
    with pytest.raises(LensError, match=r"main\): model-2-of-2\.safetensors missing"):
        cached_folder("org/open", None, False)


def test_a_moved_revision_is_another_identity(hub, here, tmp_path):
    with hub.serving() as address:
        here(address)
        first = loading.identity("org/open", "main")
        assert first == loading.identity("org/open", None)
        commit = hub.add("org/open", tmp_path / "open")
        second = loading.identity("org/open", "main")
        assert not any("safetensors" in path for _, path, _ in hub.asked)
    assert second == {"commit": commit} != first
    here(None)
    assert loading.identity("org/open", "main") == second
    assert loading.identity("org/never-seen", "0" * 40) == {"commit": "0" * 40}
    with pytest.raises(LensError, match="lens prefetch --models org/never-seen@main"):
        loading.identity("org/never-seen", "main")


def test_a_folder_is_known_by_its_weights_settings_and_templates(tmp_path, llama_folder):
    folder = tmp_path / "model"
    shutil.copytree(llama_folder, folder)
    (folder / "modeling.py").write_text("1")
    first = loading.identity(str(folder), None)
    names = {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"}
    assert names <= {name.removeprefix("model/") for name in first}
    assert first["model/model.safetensors"] == sha256(folder / "model.safetensors")
    assert "model/modeling.py" not in first
    with_code = loading.identity(str(folder), None, trust_remote_code=True)
    assert with_code == first | {"model/modeling.py": sha256(folder / "modeling.py")}
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = weights["lm_head.weight"] + 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    second = loading.identity(str(folder), None)
    assert {name for name in first if first[name] != second[name]} == {"model/model.safetensors"}
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert loading.identity(str(folder), None) != second


def test_pooling_is_not_guessed_where_the_cache_cannot_tell(hub, here, tmp_path, bert_folder):
    """A sentence-transformers model without its modules.json would be pooled as any other."""
    from lens.files.hub import download, parse
    from lens.language.readers.sentence import read_sentence

    folder = tmp_path / "sentences"
    shutil.copytree(bert_folder, folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode": "cls"}))
    modules = [{"path": "", "type": "m.Transformer"}, {"path": "1_Pooling", "type": "m.Pooling"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    hub.add("org/sentences", folder)
    with hub.serving() as address:
        here(address)
        assert read_sentence("org/open", None, None) is None, "the Hub says that it is none"
        found = [download(parse(name, "model")) for name in ("org/open", "org/sentences")]
    here(None)
    assert read_sentence("org/open", None, None) is None
    assert read_sentence("org/sentences", None, None).pooling == "first"
    (Path(found[1]["folder"]) / "modules.json").unlink()
    with pytest.raises(LensError, match=r"no modules\.json.*lens prefetch --models org/sent"):
        read_sentence("org/sentences", None, None)
