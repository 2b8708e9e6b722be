"""Table 2: the cost of synthesis and training, as text and in latent space.

Everything is wall-clock time of one run on one machine, for one reward model (one seed) at the
largest scale. Jobs that serve several seeds, scales or pairs are divided, see `per_seed`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lens.core.errors import LensError
from lens.core.intervals import Interval
from lens.files.artifacts import read_json
from lens.paper.method_names import method_name
from lens.report import paper_comparison
from lens.report.files import Printed
from lens.report.render import number
from lens.report.reported import reported

GENERATION = {
    "textual": ("sample_responses", "score_responses", "label_pairs"),
    "latent": ("train_vae", "drawing"),
}
TRAINING = {
    "textual": "train_text",
    "textual_repeat": "train_text_repeat",
    "latent": "train_reward",
    "latent_repeat": "train_reward_repeat",
    "mean_difference": "mean_difference",
    "linear_probe": "linear_probe",
}
METHOD = {
    "textual": "full_finetune",
    "textual_repeat": "full_finetune_repeat",
    "latent": "lens",
    "latent_repeat": "repeat",
    "mean_difference": "mean_difference",
    "linear_probe": "linear_probe",
}
READS_TEXT = ("textual", "textual_repeat")
UNSCALED = ("mean_difference", "linear_probe")
HEADER = [
    "method",
    "generation s",
    "generator parameters",
    "training s",
    "total s",
    "extraction s",
    "total with extraction s",
]
COLUMNS = ["generation", "generator", "training", "total", "extraction", "total_with_extraction"]
NOTE = (
    "Wall-clock seconds per reward model, mean over seeds [smallest, largest]: each job ran once, "
    "so this is no confidence interval. Shared work is divided among seeds: sampling and scoring "
    "by a seed's share of the prompts, other jobs equally; fine-tuning is timed per seed and the "
    "rest of its job divided equally. Start-up (imports, loading models) is included and divided "
    "in the same way. Textual generation: sampling responses, scoring them with the annotator, "
    "pairing. The annotator is trained once, on all training pairs, and has its own row. Latent "
    "generation: training the VAE and drawing latents, which are decoded in training. Extraction: "
    "embedding the N pairs, as their share of embedding all pairs; text reward models need none. "
    "Answers for the test are not included. generator parameters: of the model that samples "
    "responses, or of the VAE."
)
RATIOS = (  # (what, the paper's hours, our textual time, our latent time)
    ("generation time", "generation_hours", "generation", "generation"),
    ("total time, extraction excluded", "total_hours", "total", "total"),
    ("total time, extraction included", "total_hours", "total", "total_with_extraction"),
    (
        "total time, annotator and extraction included",
        "total_hours",
        "total_with_annotator",
        "total_with_extraction",
    ),
)
WHY = "each job was timed once, no test"
MACHINE = "another machine, model or size of data: ratios only"


@dataclass(frozen=True)
class Stage:
    """A job's metrics.json and cost.json."""

    metrics: dict
    settings: dict
    cost: dict

    @classmethod
    def read(cls, folder: str | Path) -> "Stage":
        written = read_json(Path(folder) / "metrics.json")
        return cls(written["metrics"], written["settings"], read_json(Path(folder) / "cost.json"))


def per_seed(stages: Mapping[str, Stage], seeds: list[int], n_pairs: int, scale: int) -> list[dict]:
    """A row for each stage and seed: the seed's seconds of the job, and the job's own cost.

    `stages` are named as in `GENERATION` and `TRAINING`, with `train_annotator` and `embed_pairs`.
    """
    prompts = stages["sample_responses"].metrics["prompts"]
    mine = stages["label_pairs"].metrics["by_seed"]
    of_all_pairs = 2 * n_pairs / stages["embed_pairs"].metrics["texts"]
    rows = []
    for name, stage in stages.items():
        for seed in seeds:
            wall = stage.cost["wall_seconds"]
            if name in ("sample_responses", "score_responses"):
                parts = {name: wall * mine[str(seed)]["prompts"] / prompts}
            elif name == "train_annotator":
                parts = {name: wall}
            elif name == "embed_pairs":
                parts = {name: wall * min(1.0, of_all_pairs)}
            elif name.startswith("train_text"):
                parts = {name: _timed(stage, f"x{scale}/seed_{seed}")}
            elif name == "train_reward":
                drawing = stage.cost["seconds"].get("drawing")
                if drawing is None:
                    raise LensError(
                        "cost.json of train-reward does not say how long it drew latents. Train "
                        "LENS's reward models again."
                    )
                parts = {
                    "drawing": drawing / len(seeds),
                    "train_reward": (wall - drawing) / len(seeds),
                }
            else:
                parts = {name: wall / len(seeds)}
            rows += [
                {"stage": part, "seed": seed, "seconds": seconds, **_job(stage)}
                for part, seconds in parts.items()
            ]
    return rows


def _timed(stage: Stage, key: str) -> float:
    """Seconds of a part of a job, with its share of the time outside of all parts."""
    parts = stage.cost["seconds"]
    return parts[key] + (stage.cost["wall_seconds"] - sum(parts.values())) / len(parts)


def _job(stage: Stage) -> dict:
    names = (
        "wall_seconds",
        "cpu_seconds",
        "device_seconds",
        "device",
        "tokens",
        "new_tokens",
        "parameters",
        "trained_parameters",
    )
    return {f"job_{name}" if "seconds" in name else name: stage.cost[name] for name in names}


def routes(seconds: pd.DataFrame) -> pd.DataFrame:
    """Seconds [route, quantity, seed] in long form, from `per_seed`'s rows of one dataset.

    total = generation + training; the textual route has totals with the annotator as well.
    """
    by_stage = seconds.pivot(index="seed", columns="stage", values="seconds")
    parts = []
    for route, training in TRAINING.items():
        if training not in by_stage:
            continue
        seconds_of = pd.DataFrame(index=by_stage.index)
        if route in GENERATION:
            seconds_of["generation"] = by_stage[list(GENERATION[route])].sum(axis=1)
        seconds_of["training"] = by_stage[training]
        seconds_of["total"] = seconds_of.sum(axis=1)
        seconds_of["extraction"] = 0.0 if route in READS_TEXT else by_stage["embed_pairs"]
        seconds_of["total_with_extraction"] = seconds_of["total"] + seconds_of["extraction"]
        if route == "textual":
            seconds_of["annotator"] = by_stage["train_annotator"]
            seconds_of["total_with_annotator"] = seconds_of["total"] + seconds_of["annotator"]
        long = seconds_of.rename_axis(columns="quantity").stack().rename("seconds").reset_index()
        parts.append(long.assign(route=route))
    return pd.concat(parts, ignore_index=True)[["route", "quantity", "seed", "seconds"]]


def summary(
    long: pd.DataFrame, parameters: Mapping[str, int], scale: int, paper: bool
) -> pd.DataFrame:
    """One row per route and quantity: mean, smallest and largest over seeds (not for parameters).

    `long` is from `routes`; `parameters` those of the generators "textual" and "latent".
    `paper`: whether dataset and model are the paper's, or stand for them.
    """
    levels = long.groupby(["route", "quantity"], sort=False)["seconds"].agg(["mean", "min", "max"])
    table = levels.rename(columns={"min": "low", "max": "high"}).reset_index().assign(unit="s")
    sizes = [
        {"route": route, "quantity": "generator", "unit": "parameters"}
        | dict.fromkeys(("mean", "low", "high"), size)
        for route, size in parameters.items()
    ]
    table = pd.concat([table, pd.DataFrame(sizes)], ignore_index=True)
    table["method"] = table["route"].map(METHOD)
    table["scale"] = [1 if route in UNSCALED else scale for route in table["route"]]
    table["reported"] = [
        _reported(row.route, row.quantity) if paper else float("nan") for row in table.itertuples()
    ]
    return table[
        ["route", "method", "scale", "quantity", "unit", "mean", "low", "high", "reported"]
    ]


def _reported(route: str, quantity: str) -> float:
    """The paper's value in our units; it does not say whether its total includes the extraction."""
    keys = {
        "generation": ("generation_hours", 3600),
        "generator": ("generator_parameters", 1),
        "total": ("total_hours", 3600),
    }
    if quantity not in keys or route not in GENERATION:
        return float("nan")
    key, unit = keys[quantity]
    return reported()["table2"][key][route] * unit


def printed(table: pd.DataFrame) -> list[list[str]]:
    """The rows of `HEADER`: routes, the textual one with its annotator, and textual / latent."""
    cells = {(row.route, row.quantity): row for row in table.itertuples()}

    def shown(route: str, quantity: str) -> str:
        row = cells.get((route, quantity))
        if row is None:
            return "-"
        if row.unit == "parameters":
            return f"{int(row.mean):,}"
        if f"{row.low:.2f}" == f"{row.high:.2f}":
            return number(row.mean, 2)
        return f"{row.mean:.2f} [{row.low:.2f}, {row.high:.2f}]"

    rows = []
    for route, scale in table.groupby("route", sort=False)["scale"].first().items():
        name = f"{method_name(METHOD[route])} {scale}x"
        rows.append([name, *(shown(route, quantity) for quantity in COLUMNS)])
        if route == "textual":
            total = shown(route, "total_with_annotator")
            alone = shown(route, "annotator")
            rows.append(["and training its annotator", alone, "-", "-", total, "-", total])
    gaps = [
        f"{cells['textual', name].mean / cells['latent', name].mean:.3g} times"
        if name != "extraction"
        else "-"
        for name in COLUMNS
    ]
    return [*rows, ["textual / latent", *gaps]]


def compared(long: pd.DataFrame, parameters: Mapping[str, int]) -> list[dict]:
    """The paper's ratios and numbers compared with ours."""
    wide = long.pivot(index="seed", columns=["route", "quantity"], values="seconds")
    paper = reported()["table2"]
    rows = []
    for what, key, ours, theirs in RATIOS:
        mine, other = wide["textual", ours], wide["latent", theirs]
        ratios = mine / other
        interval = Interval(mine.mean() / other.mean(), ratios.min(), ratios.max())
        paper_ratio = paper[key]["textual"] / paper[key]["latent"]
        rows.append(paper_comparison.ratio(f"textual / latent, {what}", interval, paper_ratio, WHY))
    size = parameters["textual"] / parameters["latent"]
    sizes = paper["generator_parameters"]
    what, paper_ratio = (
        "textual / latent, generator's parameters",
        sizes["textual"] / sizes["latent"],
    )
    rows.append(paper_comparison.ratio(what, Interval(size, size, size), paper_ratio, "counted"))
    for route in GENERATION:
        numbers = []
        for quantity, key in (("generation", "generation_hours"), ("total", "total_hours")):
            seen = wide[route, quantity]
            interval = Interval(seen.mean(), seen.min(), seen.max())
            numbers.append((f"{route} {quantity}, s", paper[key][route] * 3600, interval))
        millions = Interval(*[parameters[route] / 1e6] * 3)
        numbers.append((f"{route} generator, million parameters", sizes[route] / 1e6, millions))
        rows += [paper_comparison.number(*number) | {"why": MACHINE} for number in numbers]
    return rows


def title(labels: Mapping, stages: Mapping[str, Stage]) -> str:
    """The title of a block: dataset, model, N, and the devices."""
    devices = sorted({stage.cost["device"] for stage in stages.values()})
    machines = {stage.cost["machine"] for stage in stages.values()}
    mixed = f" of {len(machines)} machines, so ratios mix them" if len(machines) > 1 else ""
    texts, wall = stages["embed_pairs"].metrics["texts"], stages["embed_pairs"].cost["wall_seconds"]
    return (
        f"{labels['dataset']}, {labels['model']}, N = {labels['n_pairs']:,}: on "
        f"{' and '.join(devices)}{mixed}; embedding all {texts // 2:,} pairs took {wall:.1f} s"
    )


def measure(
    stages: Mapping[str, Stage], labels: Mapping, seeds: list[int], scale: int, paper: bool
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, list[list[str]]], list[dict]]:
    """(rows of table_2.csv, those of its observations, a block to read, rows next to the paper's)
    of a dataset; `labels`: dataset, model, n_pairs; `paper`: whether they represent the paper's."""
    seconds = pd.DataFrame(per_seed(stages, seeds, labels["n_pairs"], scale))
    long = routes(seconds)
    parameters = {
        "textual": stages["sample_responses"].cost["parameters"],
        "latent": stages["train_vae"].cost["parameters"],
    }
    table, labelled = summary(long, parameters, scale, paper), pd.DataFrame([labels])
    return (
        labelled.merge(table, how="cross"),
        labelled.merge(seconds, how="cross"),
        (title(labels, stages), printed(table)),
        compared(long, parameters) if paper else [],
    )


def page(blocks: list[tuple[str, list[list[str]]]]) -> Printed:
    return Printed(HEADER, blocks, NOTE)
