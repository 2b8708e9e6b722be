"""A config is resolved without Snakemake: pure, complete, and refused with a clear message."""

import json
import re
from copy import deepcopy

import pytest

from lens.core.errors import LensError
from lens.workflow.resolve import fill_in, resolve
from tests.helpers.configs import raw_config, resolved
from tests.helpers.workflow_tools import ROOT

HH = "workflow/configs/hh.yaml"
HH_PATHS = {"paths": {"pairs": "pairs.jsonl", "pool": "pool.jsonl", "encoder": "a/b"}}
CONFIGS = [
    (),
    ("workflow/configs/demo.yaml",),
    ("workflow/configs/paper.yaml",),
    ("workflow/configs/paper.yaml", "workflow/configs/paper_latent.yaml"),
    ("workflow/configs/small.yaml",),
    (HH, HH_PATHS),
    ("tests/text.yaml",),
    ("tests/small.yaml", "tests/sweeps.yaml"),
    ("tests/slurm.yaml",),
]


@pytest.mark.parametrize("changes", CONFIGS, ids=lambda changes: str(changes[:1]))
def test_resolving_is_pure_and_a_resolved_config_resolves_to_itself(changes):
    raw = raw_config(*changes)
    before = deepcopy(raw)
    config = resolve(raw, ROOT)
    assert raw == before
    given = config.given()
    assert json.loads(json.dumps(given)) == given
    assert resolve(given, ROOT) == config
    assert resolve(given, ROOT).given() == given
    assert set(config.datasets) == set(config.compare.datasets)
    assert config.compare.models == list(config.models)[: len(config.compare.models)]


def test_what_was_read_stays_as_it_is_but_for_names_that_are_filled_in():
    raw, config = raw_config(), resolved()
    for section in ("vae", "synthesis", "reward", "theory", "compare", "sweeps", "plan", "world"):
        assert config.given()[section] == raw[section]
    load = config.models["tiny-llama"].load
    assert load.model == "results/offline/train_base_model/model"
    assert config.textual.self_rewarding.template == f"{ROOT}/workflow/prompts/world.txt"
    assert config.results == "results/offline"


def test_what_is_not_compared_is_left_out():
    config = resolved({"compare": {"datasets": ["summary"]}, "artefacts": ["table_1"]})
    assert list(config.datasets) == ["summary"]
    assert config.textual.datasets == ["summary"]
    own = {"other": {"gpu": 0, "load": {"model": "{nowhere}"}, "embedding": {}}}
    assert "other" not in resolved({"models": own}).models


def test_without_a_compared_model_text_space_is_left_out():
    config = resolved(HH, HH_PATHS)
    assert config.textual.methods == []
    assert config.gold is None
    table_1 = {"artefacts": ["table_1"]}
    assert resolved(table_1).gold
    assert resolved({"textual": {"jobs": {"other": None}}}).textual.jobs == {"all": [1, 2, 4, 8]}


def test_each_layer_of_a_sweep_is_a_model():
    config = resolved()
    assert list(config.models) == ["tiny-llama", "tiny-llama.layer_1"]
    layer = config.models["tiny-llama.layer_1"]
    assert (layer.embedding.layer, layer.candidates_from) == (1, "tiny-llama")
    own = config.models["tiny-llama"]
    assert layer.load == own.load
    assert own.embedding.layer == -1
    assert list(resolved({"sweeps": {"layers": [-1]}}).models) == ["tiny-llama"]


def test_a_text_is_filled_in_wherever_it_stands():
    names = {"run": "r", "own": "/o", "none": None}
    assert fill_in({"a": ["{run}/x", {"b": "{own}"}], "c": 1}, names) == {
        "a": ["r/x", {"b": "/o"}],
        "c": 1,
    }
    with pytest.raises(LensError, match=r"the path 'none' is not set.*--config paths='\{none: /"):
        fill_in(["{none}"], names)


def test_a_path_may_mention_others():
    paths = {"folder": "/data/{run}", "pairs": "{folder}/pairs.jsonl", "pool": "{project}/pool"}
    given = {"paths": {**paths, "encoder": "a/b"}}
    config = resolve(raw_config(HH, given), ROOT)
    assert config.datasets["harmless-base"].pairs.path == "/data/hh/pairs.jsonl"
    assert config.datasets["harmless-base"].pool.path == f"{ROOT}/pool"
    assert resolve(config.given(), ROOT) == config
    with pytest.raises(LensError, match="the path 'pairs' is not set"):
        resolve(raw_config(HH, {"paths": {"pairs": "{later}/x", "later": "{pairs}"}}), ROOT)


OWN = {
    "artefacts": ["table_1"],
    "compare": {"datasets": ["own"], "models": ["encoder"]},
    "models": {"encoder": {"gpu": 0, "load": {"model": "a/b"}, "embedding": {}}},
}
BAD = [
    (
        {"vae": {"gama": 0.1}},
        r"'gama' was unexpected; known here: batch_size, beta.*config\['vae'\]",
    ),
    (
        {"theory": {"vae": {"gama": 0.1}}},
        r"'gama' .* known here: batch_size.*config\['theory'\]\['vae'\]",
    ),
    (
        {"models": {"tiny-llama": {"load": {"path": "x"}}}},
        r"'path' was unexpected; known here: device, max_length.*\['tiny-llama'\]\['load'\]$",
    ),
    ({"unknown": 1}, r"'unknown' was unexpected; known here: artefacts, compare"),
    ({"compare": {"datasets": ["dialog"]}}, r"compare.datasets names \['dialog'\]"),
    ({"compare": {"seeds": []}}, r"\[\] is too short: at least 1.*\['seeds'\]"),
    ({"theory": {"seeds": [0, 1]}}, r"\[0, 1\] is too short: at least 3.*\['seeds'\]"),
    ({"compare": {"seeds": [0, 1, 1]}}, r"\[0, 1, 1\]: has the same item twice"),
    ({"compare": {"methods": ["lens", "original"]}}, r"does not contain 'repeat'"),
    ({"compare": {"methods": ["original", "repeat", "lenz"]}}, r"'lenz': is none of .*lens_plus"),
    ({"compare": {"n_pairs": [10]}}, r"10 should be greater than or equal to 20"),
    ({"vae": {"beta": "high"}}, r"'high' is not a valid number.*\['vae'\]\['beta'\]"),
    ({"vae": {"sharing": "some"}}, r"'some' is none of 'share_everything', .*\['sharing'\]"),
    ({"vae": {"epochs": True}}, r"True is not a valid integer"),
    ({"vae": 3}, r"3 is not a section.*config\['vae'\]"),
    ({"theory": {"scales": [4]}}, r"\[4\]: does not contain 2"),
    ({"gold": {"gpu": None}}, r"None is not a valid integer.*\['gold'\]\['gpu'\]"),
    ({"sweeps": {"gamma": ["x"]}}, r"'x' .*config\['sweeps'\]\['gamma'\]\[0\]$"),
    ({"run": "../up"}, r"'../up': a name begins with .* Place: config\['run'\]"),
    ({"models": {"pool": {}}}, r"'pool': is taken.*config\['models'\]"),
    (
        {"datasets": {"dialogue": {"pairs": {"hub": "a/b"}}}},
        r"give either `path`.*or `hub`.*\['dialogue'\]\['pairs'\]",
    ),
    ({"textual": {"jobs": {"table_6": [1]}}}, r"'table_6': is taken.*\['textual'\]\['jobs'\]"),
    (
        {"models": {"tiny-llama": {"candidates_from": "x"}}},
        r"models.tiny-llama.candidates_from is filled in",
    ),
    (
        {"datasets": {"dialogue": {"pairs": {"path": "own.jsonl"}}}},
        r"\['models.tiny-llama', 'gold'\] would read \['dialogue'\]",
    ),
    (
        {
            **OWN,
            "datasets": {"own": {"pairs": {"path": "a.jsonl"}, "pool": {"path": "b.jsonl"}}},
        },
        r"\['gold'\] would read \['own'\].*gold: true",
    ),
    ({"gold": None}, r"judged by a gold model: give the section `gold`"),
    (
        {"datasets": {"dialogue": {"pairs": {"path": "{own}"}}}},
        r"the path 'own' is not set.*--config",
    ),
    (
        {"textual": {"jobs": {"all": [1, 2, 4]}}},
        r"textual.jobs trains the scales \[1, 2, 4\]; it should train each of \[1, 2, 4, 8\]",
    ),
    (
        {"textual": {"methods": ["self_rewarding"]}},
        r"self_rewarding but not its control: add full_finetune_repeat",
    ),
    (
        {"textual": {"table_6": {"scale": 16}}},
        r"textual.table_6 is full_finetune at scale 16, which Table 1 does not have",
    ),
    (
        {"rejection_sampling": {"reward_models": {"textual": {"method": "loraa"}}}},
        r"reward_models.textual is loraa at scale 4, which Table 1 does not have",
    ),
    (
        {"rejection_sampling": {"judge": {"compare": ["latent", "foo"]}}},
        r"judge.compare names \['foo'\]",
    ),
    (
        {"textual": {"methods": []}, "artefacts": ["table_2"]},
        r"\['table_2'\] needs \['full_finetune', 'full_finetune_repeat'\]",
    ),
    (
        {"compare": {"methods": ["original", "repeat"]}, "artefacts": ["table_2"]},
        r"table_2 needs `lens`",
    ),
    (
        {"reward_bench": {"scale": 16}},
        r"reward_bench is for .*Change this section, or take rewardbench_safety out",
    ),
    ({"table_4": {"scale": 16}}, r"table_4 is for .*or take table_4 out"),
    ({"textual": {"gpus": 2}}, r"textual.gpus 2 needs textual.accelerate"),
    (
        {"textual": {"self_rewarding": {"pairs": 6}}},
        r"self_rewarding.pairs makes 6 pairs of a prompt at most, but scale 8 needs 7",
    ),
    ({"textual": {"responses": 4}}, r"textual.responses makes 6 pairs of a prompt at most"),
    (
        {"textual": {"models": ["other"]}},
        r"table_3 is for dialogue and tiny-llama, which are not both under `textual`",
    ),
    (
        {"textual": {"annotator": {"model": "other"}}},
        r"textual.annotator.model 'other' is not compared",
    ),
    (
        {"rejection_sampling": {"judge": {"kind": "endpoint"}}},
        r"rejection_sampling.judge.kind endpoint needs its section `endpoint`",
    ),
    (
        {
            "compare": {"models": ["mute"]},
            "models": {"mute": {"gpu": 0, "load": {"model": "a/b"}, "embedding": {}}},
        },
        r"models \['mute'\] have no `generation`",
    ),
    (
        {
            **OWN,
            "artefacts": ["describe_world"],
            "datasets": {
                "own": {"pairs": {"hub": "a/b"}, "pool": {"path": "b.jsonl", "gold": True}}
            },
        },
        r"describe_world.* for one model.*Take them out",
    ),
    ({"sweeps": {"model": "other"}}, r"sweeps.model 'other' is not compared: choose one of"),
    ({"inspection": {"seed": 7}}, r"inspection.seed 7 is not under compare.seeds"),
    ({"inspection": {"model": "other"}}, r"inspection.model 'other' is not under"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_configs_get_a_clear_message(change, message):
    with pytest.raises(LensError) as error:
        resolved(change)
    assert re.search(message, str(error.value), re.DOTALL), error.value


def test_a_missing_key_is_named():
    raw = raw_config()
    del raw["compare"]["seeds"]
    with pytest.raises(LensError, match=r"'seeds' is missing; add it. Place: config\['compare'\]"):
        resolve(raw, ROOT)


def test_the_root_has_no_placeholders():
    with pytest.raises(LensError, match="in a path for placeholders"):
        resolve(raw_config(), ROOT / "a{b}")
