"""What a config may not say: names that leave their folder, secrets, paths that Snakemake or its
report would misread."""

from copy import deepcopy
from types import SimpleNamespace

import jsonschema
import pytest
import yaml
from snakemake.exceptions import WorkflowError

from tests.helpers.planted import SECRETS
from tests.helpers.workflow_tools import ROOT, run

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
KEY = SECRETS["JUDGE_KEY"]
BAD_NAMES = (
    "../x",
    "a/../../b",
    "a/b",
    "/abs",
    "",
    ".",
    "..",
    "a\0b",
    "a\n",
    "\na",
    "-a",
    "a b",
    "a'",
    'a"',
    "$(touch x)",
    "`x`",
    "a;b",
    "a|b",
    "a&b",
    "a>b",
    "{a}",
    "a*",
    "é",
    "~a",
    "\u202ea",
    "a\\b",
    "a:b",
    "a" * 65,
    "</script>",
)
ENDPOINT = {"base_url": "http://localhost:1/v1", "model": "judge"}


@pytest.fixture(scope="module")
def helpers():
    """The functions of common.smk, without the check of the config at its end."""
    source = (ROOT / "workflow/rules/common.smk").read_text()
    known = {"workflow": SimpleNamespace(basedir=str(ROOT)), "config": deepcopy(CONFIG)}
    exec(source.removesuffix("check_config()\n"), known)
    return known


def refused(config, helpers):
    """What is said of a config that the schema refuses; None for one that it takes."""
    error = jsonschema.exceptions.best_match(VALIDATOR.iter_errors(config))
    return error and helpers["refusal"](error)


def named(place, name):
    """The default config with a name put in one of the places where names stand."""
    config = deepcopy(CONFIG)
    if place == "run":
        return config | {"run": name}
    *sections, last = place.split("/")
    section = config
    for part in sections:
        section = section[part]
    if isinstance(section[last], dict):
        section[last][name] = next(iter(section[last].values()), None)
    elif isinstance(section[last], list):
        section[last].append(name)
    else:
        section[last] = name
    return config


PLACES = (
    "run",
    "datasets",
    "models",
    "compare/datasets",
    "compare/models",
    "textual/sampling",
    "textual/jobs",
    "textual/datasets",
    "textual/table_6/others",
    "textual/annotator/model",
    "rejection_sampling/reward_models",
    "rejection_sampling/judge/compare",
    "rejection_sampling/reward_models/textual/method",
    "rejection_sampling/dataset",
    "sweeps/model",
    "table_4/dataset",
    "reward_bench/model",
    "paths",
)


@pytest.mark.parametrize("place", PLACES)
def test_names_stay_in_their_folder(place, helpers):
    fine = "fine_1" if place == "paths" else "fine_1-2.b"
    if place != "rejection_sampling/judge/compare":  # which holds two, no more
        assert refused(named(place, fine), helpers) is None
    for name in BAD_NAMES:
        message = refused(named(place, name), helpers)
        assert message, name
        assert f"Place: config['{place.split('/')[0]}']" in message
        assert "\n" not in message.partition("\n")[2]


def test_secrets_belong_in_the_environment_alone(helpers):
    def judge(**more):
        config = deepcopy(CONFIG)
        config["rejection_sampling"]["judge"]["endpoint"] = ENDPOINT | more
        return refused(config, helpers)

    assert judge() is None
    assert judge(key_variable="MY_KEY_2") is None
    for more in ({"api_key": KEY}, {"token": KEY}, {"password": KEY}):
        assert "keys and tokens are read from the environment alone" in judge(**more)
    for variable in (KEY, "hf_abc", "MY KEY", "MY_KEY\n", ""):
        message = judge(key_variable=variable)
        assert "environment variable" in message
        assert "['endpoint']['key_variable']" in message
        assert KEY not in message
    for address in (
        "http://me:{}@host/v1",
        "https://{}@host/v1",
        "http://host/v1?api_key={}",
        "http://host/v1#{}",
        "ftp://{}",
        "http://host/v1\n{}",
    ):
        message = judge(base_url=address.format(KEY))
        assert "without a name, password or query" in message
        assert KEY not in message


@pytest.mark.slow
def test_a_refused_secret_is_neither_said_nor_logged(tmp_path):
    endpoint = ENDPOINT | {"base_url": f"http://me:{KEY}@localhost:1/v1"}
    change = {"rejection_sampling": {"judge": {"kind": "endpoint", "endpoint": endpoint}}}
    stopped = run(tmp_path, "-n", "-p", change=change)
    assert stopped.returncode == 1
    assert "without a name, password or query" in stopped.stdout + stopped.stderr
    assert KEY not in stopped.stdout + stopped.stderr
    (tmp_path / "change.yaml").unlink()
    assert not any(KEY.encode() in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    "path",
    [
        "d{a}.jsonl",
        "d{a,b}.jsonl",
        "<results>/d.jsonl",
        "x</script><script>alert(1)</script>.jsonl",
    ],
)
def test_paths_that_snakemake_would_misread_are_refused(path, helpers):
    for check in (helpers["local_files"], helpers["model_files"], helpers["plain_path"]):
        with pytest.raises(WorkflowError, match="in a path for placeholders"):
            check(path)


def test_a_section_of_rewardbench_is_plain_words(helpers):
    """It stands in Snakemake's report, which escapes nothing."""
    for section in ("Chat Hard", "refusals-dangerous", "hep-c++ (2)", "alpacaeval_95"):
        assert refused(named("reward_bench/section", section), helpers) is None
    for section in ("</script>", "a<b", "a'b", 'a"b', "a\n", "", "$(x)", "a" * 65):
        assert refused(named("reward_bench/section", section), helpers)


def test_flags_hold_every_value_or_refuse_it(helpers):
    import shlex

    flags = helpers["flags"]
    odd = "a b 'c' \"d\" $(e) `f` ; & | \n * {g} \\"
    settings = {
        "one_text": odd,
        "dash": "--out",
        "number": -1,
        "on": True,
        "off": False,
        "none": None,
        "many": [odd, -1],
        "some": {odd: odd},
    }
    assert shlex.split(flags(settings)) == [
        "--one-text",
        odd,
        "--dash=--out",
        "--number",
        "-1",
        "--on",
        "--many",
        odd,
        "-1",
        "--some",
        helpers["json"].dumps({odd: odd}),
    ]
    for refused_value in ("a\0b", ["--out"], ["a", "b\0"]):
        with pytest.raises(WorkflowError, match="a command line cannot take it"):
            flags({"labels": refused_value})
