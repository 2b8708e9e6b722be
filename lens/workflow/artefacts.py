"""Tables, figures and pages: what they are called, shown as and made from."""

import hashlib
import json
import re
from typing import NamedTuple

from lens.files.artifacts import is_fitted
from lens.workflow import made, made_text
from lens.workflow.config import Config
from lens.workflow.flags import Words, flags
from lens.workflow.made import OF_SOME_ARTEFACTS, Maker
from lens.workflow.paths import built

GOLD_MODEL = "Skywork/Skywork-Reward-Llama-3.1-8B-v0.2"  # the paper's
BY_GOLD = re.compile(  # whose captions say how accurate the gold model is
    "table_[13456]|textual_spread|figure_[24]|.*_(sweep|curve)|qualitative|overview"
)
# Redrawn in another style, they do not change the first page.
DRAWN = re.compile("paper.(figure_|theory_(fits|map)|[a-z_]+_(curve|sweep))[^/]*$")
AS = {"html": "page", "csv": "spreadsheet (CSV)", "png": "picture", "pdf": "print (PDF)"}


class Shown(NamedTuple):
    """Files of an artefact in the report, NAME.SUFFIX each, under one caption and labels. The page
    lists one file for each set of labels, so each has a label for what it is."""

    suffixes: tuple[str, ...]
    labels: dict[str, str]
    name: str = ""  # the artefact's own
    caption: str = ""


class Artefact(NamedTuple):
    """A rule's own name is that of its command; its files are called after `stem`."""

    stem: str
    make: Maker
    category: str
    shown: tuple[Shown, ...]
    other_endings: tuple[str, ...]  # endings of its other files
    compared: bool = False  # with the paper's numbers


RESULT = ("_observations.csv", "_settings.json")
DRAWING = (".csv", *RESULT)
TABLE = (".md", ".tex", *RESULT, "_paper.csv")
FIGURE = ("png", "pdf")
PAGE = ("html", "csv")
BOTH = (*FIGURE, *PAGE)


def _table(stem: str, make: Maker, category: str, *more: str, **labels: str) -> Artefact:
    return Artefact(stem, make, category, (Shown(PAGE, labels),), (*TABLE, *more), True)


def _sweep(stem: str, make: Maker, shows: str) -> Artefact:
    return Artefact(stem, make, "Reviews", (Shown(BOTH, {"shows": shows}),), TABLE, True)


def _panels(number: int, panels: str, make: Maker) -> Artefact:
    stem = f"figure_{number}"
    parts = [Shown(FIGURE, {"figure": f"{number}{p}"}, f"{stem}{p}", stem) for p in panels]
    parts.append(Shown(PAGE, {"figure": f"{number}, its numbers"}))
    return Artefact(stem, make, "Figures", tuple(parts), TABLE, True)


def _drawing(stem: str, make: Maker, category: str, *more: str, **labels: str) -> Artefact:
    shown = (Shown(FIGURE, labels),)
    return Artefact(stem, make, category, shown, (*DRAWING, *more), bool(more))


def _world_artefact(stem: str, make: Maker, shows: str) -> Artefact:
    shown = (Shown(("html",), {"shows": shows}),)
    return Artefact(stem, make, "The offline world", shown, (".md", ".json"))


ARTEFACTS: dict[str, Artefact] = {
    "table_1": _table(
        "table_1",
        made.table_1,
        "Tables",
        "_pair_accuracy.csv",
        "_comparisons.csv",
        table="1",
        shows="gold reward",
    ),
    "table_2": _table("table_2", made_text.table_2, "Tables", table="2", shows="time and size"),
    "table_3": _table(
        "table_3", made_text.table_3, "Tables", table="3", shows="gold reward after SFT"
    ),
    "table_4": _table("table_4", made.table_4, "Tables", table="4", shows="gold reward by model"),
    "table_5": _table("table_5", made.table_5, "Tables", table="5", shows="sharing in the VAE"),
    "table_6": _table(
        "table_6", made_text.table_6, "Tables", table="6", shows="gold reward by temperature"
    ),
    "textual_spread": _table(
        "textual_spread", made.textual_spread, "Reviews", shows="spread over runs"
    ),
    "rewardbench_safety": _table(
        "rewardbench_safety", made.rewardbench_safety, "Reviews", shows="RewardBench"
    ),
    "figure_2": _panels(2, "abc", made.figure_2),
    "figure_3": Artefact(
        "figure_3",
        made.figure_3,
        "Figures",
        (Shown((*FIGURE, "html"), {"figure": "3"}),),
        (".md", "_paper.csv", *DRAWING),
    ),
    "figure_4": _panels(4, "ab", made.figure_4),
    "figure_5": _drawing(
        "figure_5",
        made.constants,
        "Theory",
        "_paper.csv",
        shows="Figure 5: reconstruction error",
    ),
    "layer_sweep": _sweep("layer_sweep", made.layer_sweep, "embedding layer"),
    "scale_sweep": _sweep("scale_sweep", made.scale_sweep, "scales to 64x"),
    "size_sweep": _sweep("size_sweep", made.size_sweep, "many labelled pairs"),
    "best_of_n_curve": _drawing(
        "best_of_n_curve", made.best_of_n_curve, "Figures", figure="best of n"
    ),
    "learning_curve": Artefact(
        "learning_curve",
        made.learning_curve,
        "Figures",
        (Shown(BOTH, {"figure": "learning curve"}),),
        (".md", *RESULT),
    ),
    "theory_fits": _drawing("theory_fits", made.constants, "Theory", shows="fits of C1 and B0"),
    "theory_map": _drawing(
        "theory_map", made.theory_map, "Theory", shows="predicted and measured ratio"
    ),
    "theory_table": _table(
        "theory", made.theory_table, "Theory", shows="constants, predictions, audit"
    ),
    "theory_proxy": _world_artefact("theory_proxy", made.theory_proxy, "the best possible reward"),
    "inspector": Artefact(
        "inspector",
        made.inspector,
        "Examples",
        (Shown(("html", *FIGURE, "csv"), {"shows": "synthetic embeddings"}),),
        TABLE,
        True,
    ),
    "qualitative": Artefact(
        "qualitative",
        made.qualitative,
        "Examples",
        (Shown(PAGE, {"shows": "picks that augmentation changes"}),),
        TABLE,
    ),
    "describe_world": _world_artefact("world", made.describe_world, "labels and gold model"),
}
OVERVIEW = Artefact(
    "overview",
    made.whole_run,
    "Overview",
    (
        Shown((*FIGURE, "csv"), {"shows": "difference to the control"}),
        Shown(("csv",), {"shows": "what to beware of"}, "overview_flags"),
    ),
    (".md", ".rst", *RESULT),
)


def shown_files(artefact: Artefact) -> list[tuple[str, str, dict[str, str]]]:
    """(file, its caption's name, labels) of each of an artefact's files that the report shows."""
    return [
        (
            f"{part.name or artefact.stem}.{suffix}",
            part.caption or part.name or artefact.stem,
            {**part.labels, "as": AS[suffix]},
        )
        for part in artefact.shown
        for suffix in part.suffixes
    ]


def other_files(artefact: Artefact) -> list[str]:
    return [f"{artefact.stem}{ending}" for ending in artefact.other_endings]


def read_files(config: Config, name: str, wildcards: object) -> list[str]:
    """What an artefact reads, once each."""
    return list(dict.fromkeys([*ARTEFACTS[name].make(config).inputs, *gold_card(config, name)]))


def artefact_flags(config: Config, name: str, wildcards: object) -> Words:
    paper = paper_settings(config) if ARTEFACTS[name].compared else {}
    made_with = ARTEFACTS[name].make(config).settings
    return flags({**made_with, **gold_settings(config, name), **paper})


def overview_flags(config: Config, wildcards: object) -> Words:
    return flags(gold_settings(config, "overview") | paper_settings(config))


def gold_card(config: Config, name: str) -> list[str]:
    """The file with the gold model's held-out accuracy, for an artefact that it alone judges; none
    where it is not known."""
    pools = [config.datasets[dataset].pool for dataset in config.compare.datasets]
    judged = name == "table_3" or not any(pool and pool.gold for pool in pools)
    folder = config.gold.load.model if config.gold and judged and BY_GOLD.fullmatch(name) else ""
    if built(folder):
        return [f"{config.results}/train_gold_model/metrics.json"]
    return [f"{folder}/config.json"] if folder and is_fitted(folder) else []


def gold_settings(config: Config, name: str) -> dict[str, object]:
    cards = gold_card(config, name)
    return {"gold_card": cards[0]} if cards else {}


def made_from(config: Config, make: Maker, wildcards: object) -> str:
    """A hash of the config, for tables and figures: with another config they are out of date even
    where a stage before them has failed and left no files that are newer than they. Sections that
    belong to some artefacts alone count for those that are made from them."""
    given = config.given()
    science = {key: value for key, value in given.items() if key not in OF_SOME_ARTEFACTS}
    science["models"] = {
        name: model for name, model in given["models"].items() if "candidates_from" not in model
    }
    return hashlib.sha256(
        json.dumps([science, *make(config).own], sort_keys=True).encode()
    ).hexdigest()


def paper_settings(config: Config) -> dict[str, object]:
    """How this run stands to the paper's: our names of datasets and models -> the paper's, where
    they stand for one. Gold rewards of another gold model have another scale, so that they can be
    compared with the paper's in direction alone; so can those of built data or models, or of
    another N, that represent the paper's."""
    sources: dict[str, tuple[str | None, str | None]]
    sources = {
        name: (dataset.paper_name, dataset.pairs.path) for name, dataset in config.datasets.items()
    }
    sources |= {
        name: (dataset.paper_name, dataset.load.model) for name, dataset in config.models.items()
    }
    names = {name: paper for name, (paper, _) in sources.items() if paper}
    stand_ins = [name for name in names if built(sources[name][1])]
    same_gold = config.gold is not None and config.gold.load.model == GOLD_MODEL
    n_pairs = config.compare.paper_n_pairs
    return {
        "paper_names": names,
        "paper_n_pairs": n_pairs,
        "comparable": same_gold and not stand_ins and n_pairs == 1000,
    }
