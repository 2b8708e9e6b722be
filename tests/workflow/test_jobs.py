"""What the rules ask of lens.workflow: cells, inputs, flags, artefacts, without Snakemake."""

import ast
import shlex
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace as Job

import pytest

from lens.cli import build_parser
from lens.core.errors import LensError
from lens.workflow import artefacts, cells, checks, flags, inputs
from lens.workflow.paths import At, cell, judged, local_files, model_files, text_cell
from tests.helpers.configs import resolved
from tests.helpers.workflow_tools import ROOT

PLACE = {"dataset": "dialogue", "model": "tiny-llama", "n_pairs": "200"}
AT = At("dialogue", "tiny-llama", 200)


@pytest.fixture(scope="module")
def config():
    return resolved()


def test_folders_of_cells(config):
    folder = "results/offline/best_of_n/dialogue/tiny-llama/n200/lens/x4"
    assert cell(config, "best_of_n", AT, "lens", 4) == folder
    text = text_cell(config, "best_of_n_text", AT, "lora", "all")
    assert text == "results/offline/best_of_n_text/dialogue/tiny-llama/n200/lora/standard/all"
    assert judged([folder])[0] == f"{folder}/prompts.parquet"
    assert {folder, text} <= set(cells.table_1_cells(config))


def test_methods_without_augmentation_have_one_scale(config):
    rows = cells.compared(config)
    assert [row for row in rows if row[0] == "linear_probe"] == [("linear_probe", 1)]
    assert [scale for method, scale in rows if method == "repeat"] == [2, 4, 8]
    assert cells.scales_of(config, "lora_repeat", "all") == [2, 4, 8]
    assert cells.scales_of(config, "lora", "all") == [1, 2, 4, 8]
    assert cells.scales_of(config, "full_finetune", "table_6") == [4]
    assert cells.scale_job(config, 8) == "all"


def test_a_swept_value_makes_a_method_and_a_vae_where_the_vae_differs(config):
    found = cells.variants(config)
    assert "gamma_0.5" in found
    assert "gamma_0.1" not in found
    assert found["noise_variance_1.0"] == ("synthesis", {"noise_variance": 1.0})
    assert cells.vae_name(config, "gamma_0.5") == "gamma_0.5"
    assert cells.vae_name(config, "noise_variance_1.0") == "standard"
    assert cells.base_method(config, "gamma_0.5") == "lens"
    assert cells.base_method(config, "repeat") == "repeat"
    job = Job(**PLACE, method="gamma_0.5", vae="gamma_0.5", scale="4")
    assert "--gamma 0.5" in flags.vae_flags(config, job)
    assert "gamma 0.5" not in flags.training_cell_flags(config, job)
    job.method = "noise_variance_1.0"
    assert "--method lens" in flags.training_cell_flags(config, job)
    assert "--noise-variance 1.0" in flags.training_cell_flags(config, job)
    [own] = [f for f in cells.swept_cells(config, "gamma") if "/lens/" in f]
    assert own.endswith("/lens/x4")


def test_vaes_are_read_by_methods_that_decode_alone(config):
    folder = "results/offline/train_vae/dialogue/tiny-llama/n200/standard"
    job = Job(**PLACE, method="lens", scale="4")
    assert inputs.vae_files(config, job) == [f"{folder}/seed_{s}.safetensors" for s in (0, 1, 2)]
    assert f"--vae-dir {folder} " in flags.training_cell_flags(config, job)
    for method in ("repeat", "embedding_mlp", "lens_plus", "linear_probe"):
        job.method = method
        assert inputs.vae_files(config, job) == []
        assert "--vae-dir" not in flags.training_cell_flags(config, job)


def test_embedding_mlp_reads_synthetic_text_and_its_embeddings(config):
    job = Job(**PLACE, method="embedding_mlp", scale="4")
    found = inputs.text_files(config, job)
    words = shlex.split(flags.training_cell_flags(config, job))[4:10]
    assert words[::2] == ["--synthetic", "--responses", "--response-embeddings"]
    assert words[1::2] == found[:3]
    assert found[0].endswith(
        "/label_pairs/dialogue/tiny-llama/n200/standard/annotator/pairs.parquet"
    )
    assert inputs.text_files(config, Job(**PLACE, method="lens")) == []
    job.method = "lens"
    assert "--synthetic" not in flags.training_cell_flags(config, job)


def test_candidates_and_gold_come_from_the_pool_or_the_model(config):
    layer = Job(dataset="dialogue", model="tiny-llama.layer_1")
    assert inputs.source_of(config, layer) == "tiny-llama"
    assert inputs.candidate_table(config, layer) == [
        "results/offline/generate_candidates/dialogue/tiny-llama/candidates.parquet"
    ]
    paths = {"paths": {"pairs": "pairs.jsonl", "pool": "pool.jsonl", "encoder": "a/b"}}
    pooled = resolved("workflow/configs/hh.yaml", paths)
    job = Job(dataset="harmless-base", model="all-MiniLM-L6-v2")
    assert inputs.gold_table(pooled, job) == "results/hh/import_gold/harmless-base/gold.parquet"
    assert inputs.pool_candidates(pooled, job) == inputs.candidate_table(pooled, job)
    assert "--gold-field gold" in flags.pool_gold_flags(pooled, job)
    assert "gold" not in flags.pool_flags(pooled, job)


def test_the_reward_model_that_picks_is_a_file_or_a_folder(config):
    latent, textual = (Job(**PLACE, picker=name) for name in ("latent", "textual"))
    assert inputs.picking_models(config, latent) == inputs.picking_paths(config, latent)
    [models] = inputs.picking_models(config, textual)
    assert models.endswith("/train_text/dialogue/tiny-llama/n200/full_finetune/standard/all/models")
    assert inputs.picking_paths(config, textual)[1] == f"{models}/x4/seed_1"
    assert inputs.picking_embeddings(config, textual) == []


@pytest.mark.parametrize(("own", "said"), [(None, None), (99, "99")])
def test_a_judge_reads_more_than_its_model_elsewhere(own, said):
    change = {"models": {"tiny-llama": {"load": {"max_length": 64}}}}
    config = resolved(change | {"textual": {"self_rewarding": {"max_length": own}}})
    words = shlex.split(flags.self_rewarding_flags(config, Job(**PLACE)))
    lengths = [after for word, after in pairwise(words) if "-length" in word]
    assert lengths == ([said] if said else [])


def test_shards_beside_their_index():
    config = resolved({"shards": {"embedding": {"jobs": 2}}})
    place = "results/offline/embed_pairs/d/m"
    assert inputs.embedded(config, "embed_pairs", "d/m") == [
        f"{place}/embeddings.json",
        f"{place}/shards/0.safetensors",
        f"{place}/shards/1.safetensors",
    ]
    job = Job(stage="embed_pairs", place="d/m", shard="1")
    assert inputs.gathered(config, "json", job)[1] == f"{place}/shards/1.json"
    said = flags.shard_flags(config, "embed_pairs", job)
    assert said == "--shard 1 --shards 2 --flush 8192"


def test_damaged_shards_are_set_aside(tmp_path, monkeypatch, config):
    monkeypatch.chdir(tmp_path)
    shards = tmp_path / "results/offline/embed_pairs/d/m/shards"
    shards.mkdir(parents=True)
    for name in ("0.safetensors", "0.safetensors.damaged", "1.safetensors"):
        (shards / name).write_text(name)
    inputs.set_damaged_aside(config)
    left = {file.name: file.read_text() for file in shards.iterdir()}
    assert left == {"0.safetensors.damaged": "0.safetensors", "1.safetensors": "1.safetensors"}


@pytest.mark.slow
def test_code_is_a_command_and_all_that_it_imports():
    found = inputs.code(ROOT, "train_vae")
    for name in ("cli/train_vae", "latent/vae", "latent/settings", "core/seeds"):
        assert str(ROOT / f"lens/{name}.py") in found
    assert not [file for file in found if "/paper/" in file or "__init__" in file]
    synthesis = str(ROOT / "lens/latent/synthesis.py")
    assert synthesis in inputs.code(ROOT, "train_reward")
    for command in ("train_reward", "embed_pairs", "table_1", "overview"):
        assert not [file for file in inputs.code(ROOT, command) if "/lens/workflow/" in file]


@pytest.mark.slow
def test_imports_are_found_as_python_finds_them():
    for file in ROOT.glob("lens/**/*.py"):
        names = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        below = {ROOT / f"{name.replace('.', '/')}.py" for name in names if "lens." in name}
        assert {path for path in inputs.imported(ROOT, file) if path.is_file()} == {
            path for path in below if path.is_file()
        }


def test_tables_depend_on_the_names_of_methods_not_on_what_trains_them():
    training = {f"lens/{name}.py" for name in ("latent/vae", "latent/synthesis", "reward/mlp")}
    for command in ("table_1", "table_4", "figure_2", "size_sweep", "overview"):
        found = inputs.code(ROOT, command, trains=False)
        assert str(ROOT / "lens/reward/methods.py") in found
        assert not training & {str(Path(file).relative_to(ROOT)) for file in found}


@pytest.mark.parametrize("name", artefacts.ARTEFACTS)
def test_every_artefact_reads_what_its_flags_name(config, name):
    made = artefacts.ARTEFACTS[name].make(config)
    read = artefacts.read_files(config, name, None)
    assert read
    assert len(read) == len(set(read))
    words = shlex.split(artefacts.artefact_flags(config, name, None))
    told = [word for word in words if word.startswith("results/")]
    assert told
    for place in told:
        assert place in read or any(file.startswith(f"{place}/") for file in read), place
    assert ("--paper-n-pairs" in words) == artefacts.ARTEFACTS[name].compared
    parsed = vars(build_parser().parse_args([name.replace("_", "-"), *words, "--out-dir", "x"]))
    assert set(made.settings) <= set(parsed)
    captions = {caption for _, caption, _ in artefacts.shown_files(artefacts.ARTEFACTS[name])}
    assert all((ROOT / f"workflow/report/{caption}.rst").is_file() for caption in captions)


def test_a_section_of_one_artefact_makes_no_other_out_of_date(config):
    other = resolved({"table_4": {"scale": 8}, "vae": {}})
    changed = resolved({"vae": {"epochs": 7}})
    for name, artefact in artefacts.ARTEFACTS.items():
        hashes = [artefacts.made_from(c, artefact.make, None) for c in (config, other, changed)]
        assert (hashes[0] == hashes[1]) == (name != "table_4"), name
        assert hashes[0] != hashes[2]
    whole = artefacts.OVERVIEW.make
    assert artefacts.made_from(config, whole, None) != artefacts.made_from(other, whole, None)


def test_missing_files_and_packages_are_named(tmp_path, monkeypatch, config):
    with pytest.raises(LensError, match=r"no.txt: no such file"):
        local_files("no.txt", None)
    with pytest.raises(LensError, match="no such model folder"):
        model_files(str(tmp_path))
    assert model_files("organisation/name") == []
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LensError, match=r'needs trl and peft: pip install "lens-rm\[text\]"'):
        checks.check_packages(config)
    checks.check_packages(resolved("workflow/configs/demo.yaml"))


def test_what_is_downloaded(config):
    assert flags.hub_downloads(config, None) == ""
    paper = shlex.split(flags.hub_downloads(resolved("workflow/configs/paper.yaml"), None))
    assert "allenai/reward-bench@main" in paper
    assert [word for word in paper if word.startswith("meta-llama/Llama-3.1-8B-Instruct@")]
    assert len(paper) == len(set(paper))
