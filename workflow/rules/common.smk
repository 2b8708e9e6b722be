"""Helpers of the workflow; those for text space, sweeps, shards, inspection and tables lie in files
of their own (common_*.smk). The other rule files define rules and nothing else."""

import ast
import functools
import hashlib
import json
import re
import shlex
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.io import report as in_report  # `report` at a line's beginning is a directive
from snakemake.utils import validate

from lens.reward.methods import METHODS

ROOT = Path(workflow.basedir)
DRAWN = re.compile("paper.(figure_|theory_(fits|map)|[a-z_]+_(curve|sweep))[^/]*$")
OF_SOME_ARTEFACTS = (
    "artefacts",
    "inspection",
    "learning_curve",
    "plan",
    "rejection_sampling",
    "reward_bench",
    "shards",
    "sweeps",
    "table_4",
    "textual",
    "theory",
)
GOLD_MODEL = "Skywork/Skywork-Reward-Llama-3.1-8B-v0.2"  # the paper's
MAY_HOLD_A_SECRET = ("base_url", "key_variable")  # so that their values are not shown
UNAUGMENTED = [name for name, method in METHODS.items() if not method.augments]


def fill_in(value, names):
    """The config with {run} and the names under `paths` put in wherever a text mentions them."""
    if isinstance(value, dict):
        return {key: fill_in(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item, names) for item in value]
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda match: path_for(match[1], names), value)
    return value


def path_for(name, names):
    if names.get(name) is None:
        raise WorkflowError(
            f"config: the path {name!r} is not set. "
            f"Give it on the command line: --config paths='{{{name}: /path/to/it}}'. (Where the "
            "braces are a file's own, rename it.)"
        )
    return str(names[name])


def check_config():
    """Validates the config and what it refers to; every error names the key."""
    plain_path(str(ROOT))
    try:
        validate(config, str(ROOT / "workflow/schemas/config.schema.yaml"), set_default=False)
    except WorkflowError as error:
        raise WorkflowError(refusal(error.__context__)) from None
    names = {**config["paths"], "run": config["run"], "project": str(ROOT)}
    for key in ("datasets", "models"):
        unknown = set(config["compare"][key]) - set(config[key])
        if unknown:
            raise WorkflowError(f"config: compare.{key} names {sorted(unknown)}, not under {key}.")
        used = {name: config[key][name] for name in config["compare"][key]}
        config[key] = fill_in(used, names)
    config["gold"] = fill_in(config["gold"], names) if needs_gold_model() else None
    for key in ("textual", "rejection_sampling"):
        config[key] = fill_in(config[key], names)
    silent = [name for name, model in config["models"].items() if "generation" not in model]
    without_pool = [name for name, dataset in config["datasets"].items() if "pool" not in dataset]
    if silent and without_pool:
        raise WorkflowError(
            f"config: models {silent} have no `generation`, so they cannot answer the test prompts "
            f"of {without_pool}. Give the datasets a `pool`, or the models a `generation`."
        )
    check_built_models()
    if any(m.get("generation", {}).get("engine") == "vllm" for m in config["models"].values()):
        require("engine vllm", "vllm", "vllm")
    check_textual()
    check_sweeps()
    strange = [name for name in config["datasets"] if name not in ("dialogue", "summary")]
    of_the_world = {"describe_world", "theory_proxy"} & set(config["artefacts"])
    if of_the_world and (strange or len(config["compare"]["models"]) > 1):
        raise WorkflowError(
            f"config: artefacts {sorted(of_the_world)} are for one model on `dialogue` and "
            "`summary` of the offline world, whose true reward is known. Take them out of "
            "`artefacts`."
        )


def refusal(error):
    """What is wrong by the schema, and where; without it and the whole config, some 2,500 lines."""
    keys = list(error.absolute_path)
    secret = keys and keys[-1] in MAY_HOLD_A_SECRET
    said = error.schema["description"] if secret else error.message
    if error.validator in ("pattern", "maxLength") and "description" in error.schema and not secret:
        said = f"{error.instance!r}: {error.schema['description']}"
    if error.validator == "additionalProperties":
        said += f"; known here: {', '.join(sorted(error.schema['properties']))}"
        said += "; keys and tokens are read from the environment alone" * any(
            word in said.lower() for word in ("key", "token", "password", "secret")
        )
    place = "".join(f"[{key!r}]" for key in keys)
    where = f" Place: config{place}" if keys else ""
    return f"Error validating config file.\n{said}{where}"


def plain_path(path):
    """The path, if Snakemake reads it as it stands: it would fill in {} and <>, and its report shows
    paths without escaping them."""
    if set(path) & set("{}<>"):
        raise WorkflowError(
            f"config: {path!r}: Snakemake takes {{, }}, < and > in a path for placeholders. Move or "
            "link it to a path without them."
        )
    return path


def check_built_models():
    """A model that the run builds knows the words of the texts that the run builds, and no others."""
    own = [
        name
        for name, dataset in config["datasets"].items()
        if not dataset["pairs"].get("path", "").startswith("results/")
    ]
    models = {f"models.{name}": model for name, model in config["models"].items()}
    if config["gold"]:
        models["gold"] = config["gold"]
    built = [name for name, m in models.items() if m["load"]["model"].startswith("results/")]
    if own and built:
        raise WorkflowError(
            f"config: {built} would read {own}, but they are the offline world's and know its few "
            "words alone. Name an encoder or language model of your own under `models` and "
            "`compare.models`; for gold scores set `gold.load.model`, or give a `pool` with "
            "`gold: true`."
        )


def needs_gold_model():
    fresh_answers = "table_3" in config["artefacts"]  # which no pool has scores for
    return fresh_answers or any(
        not d.get("pool", {}).get("gold") for d in config["datasets"].values()
    )


def flags(settings):
    """A config section as command-line flags: {"noise_variance": 0.01} -> --noise-variance 0.01.
    Every text arrives as it stands, whatever a shell makes of its characters."""
    parts = []
    for name, value in settings.items():
        if value is None or value is False:
            continue
        flag = f"--{name.replace('_', '-')}"
        texts = value if isinstance(value, list) else [value]
        for text in filter(lambda text: isinstance(text, str), texts):
            if "\0" in text or (text.startswith("-") and texts is value):
                raise WorkflowError(
                    f"config: {name} {text!r}: a command line cannot take it. Choose one without "
                    "NUL characters and, in a list, without a dash at its beginning."
                )
        if isinstance(value, dict):
            parts += [flag, json.dumps(value)]
        elif isinstance(value, list):
            parts += [flag, *map(str, value)]
        elif value is True:
            parts.append(flag)
        elif isinstance(value, str) and value.startswith("-"):  # else it would be taken for a flag
            parts.append(f"{flag}={value}")
        else:
            parts += [flag, str(value)]
    return shlex.join(parts)


def code(command):
    """The source files that a subcommand runs: its module and all of lens that it imports."""
    found, waiting = set(), [ROOT / "lens/cli" / f"{command}.py"]
    while waiting:
        file = waiting.pop()
        if file not in found and file.is_file():
            found.add(file)
            waiting += imported(file)
    return sorted(map(str, found))


@functools.cache
def imported(file):
    """Where the modules of lens that a source file imports would lie."""
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [ROOT / f"{name.replace('.', '/')}.py" for name in names if name.startswith("lens.")]


def local_files(*paths):
    """Those of the paths that are given, as inputs; a missing one is named with what to do."""
    given = [path for path in paths if path]
    for path in map(plain_path, given):
        if not path.startswith("results/") and not Path(path).is_file():
            raise WorkflowError(f"config: {path}: no such file. Check the path in the config.")
    return given


def model_files(path):
    """A model's config and weights, to wait for and to notice a change; nothing for a Hub id."""
    if re.fullmatch(r"\w[\w.-]*/[\w.-]+", path) and not Path(path).parent.is_dir():
        return []
    plain_path(path)
    if not path.startswith("results/") and not (Path(path) / "config.json").is_file():
        raise WorkflowError(
            f"config: {path}: no such model folder (no config.json in it). "
            "Check the path, or give a Hub id (organisation/name)."
        )
    if path.startswith("results/"):
        return [f"{path}/config.json", f"{path}/model.safetensors"]
    return [f"{path}/config.json", *sorted(map(str, Path(path).glob("*.safetensors")))]


def pairs_files(wildcards):
    settings = config["datasets"][wildcards.dataset]["pairs"]
    return local_files(settings.get("path"), settings.get("test_path"))


def pool_files(wildcards):
    return local_files(config["datasets"][wildcards.dataset]["pool"]["path"])


def pool_candidates(wildcards):
    """The pool's candidates, whose prompts may not train, where the dataset brings a pool."""
    if "pool" in config["datasets"][wildcards.dataset]:
        return f"results/{config['run']}/prepare_candidates/{wildcards.dataset}/candidates.parquet"
    return []


def source_of(wildcards):
    """Where candidates come from: the dataset's pool, or else the base model."""
    if "pool" in config["datasets"][wildcards.dataset]:
        return "pool"
    return config["models"][wildcards.model].get("candidates_from", wildcards.model)


def candidate_table(wildcards):
    source = getattr(wildcards, "source", None) or source_of(wildcards)
    if source == "pool":
        return pool_candidates(wildcards)
    folder = f"results/{config['run']}/generate_candidates/{wildcards.dataset}/{source}"
    return f"{folder}/candidates.parquet"


def gold_table(wildcards):
    if config["datasets"][wildcards.dataset].get("pool", {}).get("gold"):
        return f"results/{config['run']}/import_gold/{wildcards.dataset}/gold.parquet"
    folder = f"results/{config['run']}/score_candidates/{wildcards.dataset}"
    return f"{folder}/{source_of(wildcards)}/gold.parquet"


def pool_settings(wildcards):
    """The flags of the pool's file; the gold field is for import_gold alone."""
    pool = config["datasets"][wildcards.dataset]["pool"]
    return flags({key: pool[key] for key in pool if key not in ("gold", "gold_field")})


def vae_files(wildcards):
    method = METHODS.get(method_of(wildcards.method))
    if not (method and method.needs_vae):
        return []
    folder = "results/{}/train_vae/{}/{}/n{}/{}".format(
        config["run"],
        wildcards.dataset,
        wildcards.model,
        wildcards.n_pairs,
        vae_of(wildcards.method),
    )
    return [f"{folder}/seed_{seed}.safetensors" for seed in config["compare"]["seeds"]]


def vae_flag(wildcards, input):
    return flags({"vae_dir": str(Path(input.vae[0]).parent)}) if input.vae else ""


def cells(sizes, methods_and_scales, compare=config["compare"]):
    """Folders of judged reward models: every dataset and model, these sizes, methods, scales."""
    return [
        f"results/{config['run']}/best_of_n/{dataset}/{model}/n{n_pairs}/{method}/x{scale}"
        for dataset in compare["datasets"]
        for model in compare["models"]
        for n_pairs in sizes
        for method, scale in methods_and_scales
    ]


def compared():
    """(method, scale) of every row of Table 1: methods that add no pairs have scale 1 alone."""
    return [
        (method, scale)
        for method in config["compare"]["methods"]
        for scale in ([1] if method in UNAUGMENTED else config["compare"]["scales"])
    ]


def table_1_cells():
    """Folders of everything that Table 1 shows."""
    sizes, settings = config["compare"]["n_pairs"], config["textual"]
    found = cells(sizes, compared())
    if "embedding_mlp" in settings["methods"]:
        scales = config["compare"]["scales"]
        found += cells(sizes, [("embedding_mlp", k) for k in scales], settings)
    return found + textual_cells(sizes)


def unaugmented():
    """(method, scale) of the learning curve."""
    return [(m, 1) for m in config["compare"]["methods"] if m in UNAUGMENTED]


def theories(stage):
    """Folders of a theory stage, one for each dataset and model."""
    return [
        f"results/{config['run']}/{stage}/{dataset}/{model}"
        for dataset in config["compare"]["datasets"]
        for model in config["compare"]["models"]
    ]


def theory_settings():
    """The flags of theory-points: its own section, and the pipeline's with what it changes."""
    own = config["theory"]
    settings = {key: value for key, value in own.items() if key not in ("vae", "reward", "mem_mb")}
    parts = {
        "vae": config["vae"] | own.get("vae", {}),
        "reward": config["reward"] | own.get("reward", {}),
        "synthesis": config["synthesis"],
    }
    return flags(config["training"] | settings | parts)


def made_from(*own):
    """A hash of the config, for tables and figures: with another config they are out of date even
    where a stage before them has failed and left no files that are newer than they. Sections that
    belong to some artefacts alone count for those that give them as `own`."""
    science = {key: value for key, value in config.items() if key not in OF_SOME_ARTEFACTS}
    own_models = {n: m for n, m in config["models"].items() if "candidates_from" not in m}
    science["models"] = own_models
    return hashlib.sha256(json.dumps([science, *own], sort_keys=True).encode()).hexdigest()


def textual():
    """The section `textual` without what is Table 6's alone."""
    own = {key: value for key, value in config["textual"].items() if key != "table_6"}
    return own | {"sampling": config["textual"]["sampling"]["standard"]}


def shown(name, category, suffixes, caption=None, **labels):
    """Files of an artefact for the report, captioned by workflow/report/CAPTION.rst or NAME.rst.
    Snakemake's page lists one file for each set of labels, so each has a label for what it is."""
    kinds = {
        "html": "page",
        "csv": "spreadsheet (CSV)",
        "png": "picture",
        "pdf": "print (PDF)",
    }
    return [
        in_report(
            f"<results>/paper/{name}.{suffix}",
            caption=f"../report/{caption or name}.rst",
            category=category,
            labels={**labels, "as": kinds[suffix]},
        )
        for suffix in suffixes
    ]


def artefact_files(ending=""):
    """What the artefacts but the overview write, or those of it that end so; as plain texts, since
    a flag set on a rule's own output would hold for every rule that reads it."""
    return [
        str(file)
        for artefact in config["artefacts"]
        if artefact != "overview"
        for file in getattr(rules, artefact).output
        if file.endswith(ending)
    ]


def same_config():
    """The command line by which another Snakemake reads the config that this one has read."""
    given = ["--snakefile", workflow.main_snakefile]
    if workflow.overwrite_configfiles:
        given += ["--configfile", *map(str, workflow.overwrite_configfiles)]
    if workflow.config_settings.config:
        values = workflow.config_settings.config.items()
        given += ["--config", *(f"{key}={json.dumps(value)}" for key, value in values)]
    if workflow.deployment_settings.deployment_method:
        methods = workflow.deployment_settings.deployment_method
        given += ["--software-deployment-method", *map(str, methods)]
    return shlex.join(given)


def paper_names():
    """Our names of datasets and models -> the paper's, where they stand for one."""
    entries = {**config["datasets"], **config["models"]}
    return {name: e["paper_name"] for name, e in entries.items() if e.get("paper_name")}


def paper_flags():
    """How this run stands to the paper's. Gold rewards of another gold model have another scale, so
    that they can be compared with the paper's in direction alone; so can those of built data or
    models, or of another N, that stand in for the paper's."""
    n_pairs = config["compare"].get("paper_n_pairs", 1000)
    stand_ins = [
        name
        for section, part, key in (("datasets", "pairs", "path"), ("models", "load", "model"))
        for name, entry in config[section].items()
        if entry.get("paper_name") and str(entry[part].get(key, "")).startswith("results/")
    ]
    same_gold = bool(config["gold"]) and config["gold"]["load"]["model"] == GOLD_MODEL
    return flags(
        {
            "paper_names": paper_names(),
            "paper_n_pairs": n_pairs,
            "comparable": same_gold and not stand_ins and n_pairs == 1000,
        }
    )


check_config()
