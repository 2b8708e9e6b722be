"""What a config may not say: names that leave their folder, secrets, paths that Snakemake or its
report would misread."""

import json
import shlex
from copy import deepcopy

import pytest
from pydantic import ValidationError

from lens.core.errors import LensError
from lens.workflow.config import Config
from lens.workflow.flags import flags
from lens.workflow.paths import local_files, model_files, plain_path
from lens.workflow.resolve import refusal
from tests.helpers.configs import raw_config
from tests.helpers.planted import SECRETS
from tests.helpers.workflow_tools import run

CONFIG = raw_config()
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


def refused(config):
    """What is said of a config that the models refuse; None for one that they take."""
    try:
        Config.model_validate(config)
    except ValidationError as error:
        return refusal(error, config)


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
def test_names_stay_in_their_folder(place):
    fine = "fine_1" if place == "paths" else "fine_1-2.b"
    if place != "rejection_sampling/judge/compare":  # which holds two, no more
        assert refused(named(place, fine)) is None
    for name in BAD_NAMES:
        message = refused(named(place, name))
        assert message, name
        assert f"Place: config['{place.split('/')[0]}']" in message
        assert "\n" not in message.partition("\n")[2]


def test_secrets_belong_in_the_environment_alone():
    def judge(**more):
        return refused(CONFIG | {"rejection_sampling": rejection(**more)})

    assert judge() is None
    assert judge(key_variable="MY_KEY_2") is None
    for more in ({"api_key": KEY}, {"token": KEY}, {"password": KEY}):
        message = judge(**more)
        assert "keys and tokens are read from the environment alone" in message
        assert KEY not in message
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


def test_no_section_is_shown_that_may_hold_a_secret():
    """Whatever is wrong beside it: too few keys, a wrong kind, a section where a number belongs."""
    endpoint = {"base_url": f"http://me:{KEY}@host/v1", "key_variable": KEY}
    judge = {"kind": "endpoint", "compare": ["latent", "textual"], "endpoint": endpoint}
    for change in (
        {"judge": judge},
        {"judge": [judge]},
        {"sft": judge},
        {"prompts": judge},
        {"prompts": [[judge]]},
        {"reward_models": {"a": {"b": {"c": KEY}}}},
    ):
        config = deepcopy(CONFIG)
        config["rejection_sampling"] |= change
        message = refused(config)
        assert "Place: config['rejection_sampling']" in message
        assert KEY not in message, message
    for value in (5, None, [KEY], {"a": KEY}):
        message = refused(deepcopy(CONFIG) | {"rejection_sampling": rejection(base_url=value)})
        assert KEY not in message, message


def rejection(**endpoint):
    section = deepcopy(CONFIG["rejection_sampling"])
    section["judge"]["endpoint"] = ENDPOINT | endpoint
    return section


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
def test_paths_that_snakemake_would_misread_are_refused(path):
    for check in (local_files, model_files, plain_path):
        with pytest.raises(LensError, match="in a path for placeholders"):
            check(path)


def test_a_section_of_rewardbench_is_plain_words():
    """It stands in Snakemake's report, which escapes nothing."""
    for section in ("Chat Hard", "refusals-dangerous", "hep-c++ (2)", "alpacaeval_95"):
        assert refused(named("reward_bench/section", section)) is None
    for section in ("</script>", "a<b", "a'b", 'a"b', "a\n", "", "$(x)", "a" * 65):
        assert refused(named("reward_bench/section", section))


def test_flags_hold_every_value_or_refuse_it():
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
        json.dumps({odd: odd}),
    ]
    for refused_value in ("a\0b", ["--out"], ["a", "b\0"]):
        with pytest.raises(LensError, match="a command line cannot take it"):
            flags({"labels": refused_value})
