"""Where things lie: the folders of results, and files that the config names."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from lens.core.errors import LensError
from lens.language.folders import gguf
from lens.workflow.config import Config

Wildcards = Any  # what a job has in its place: dataset, model, n_pairs, method, ...
CELL_FILES = ("prompts.parquet", "pairs.parquet", "metrics.json")


class At(NamedTuple):
    """A place among the results, where a job's wildcards are not at hand."""

    dataset: str
    model: str
    n_pairs: int | str

    def __str__(self) -> str:
        return f"{self.dataset}/{self.model}/n{self.n_pairs}"


def data_at(wildcards: Wildcards) -> At:
    return At(wildcards.dataset, wildcards.model, wildcards.n_pairs)


def cell(config: Config, stage: str, at: At, method: str, scale: int | str) -> str:
    """Folder of a reward model of embeddings, by the stage that trains or judges it."""
    return f"{config.results}/{stage}/{at}/{method}/x{scale}"


def text_cell(
    config: Config, stage: str, at: At, method: str, job: str, sampling: str = "standard"
) -> str:
    """Folder of reward models trained on text, one for each scale of the job."""
    return f"{config.results}/{stage}/{at}/{method}/{sampling}/{job}"


def judged(folders: list[str]) -> list[str]:
    """The files that a table reads of each judged cell."""
    return [f"{folder}/{name}" for folder in folders for name in CELL_FILES]


def seed_files(config: Config, folder: str) -> list[str]:
    """The model of every seed in a folder."""
    return [f"{folder}/seed_{seed}.safetensors" for seed in config.compare.seeds]


def plain_path(path: str) -> str:
    """The path, if Snakemake reads it as it stands: it would fill in {} and <>, and its report
    shows paths without escaping them."""
    if set(path) & set("{}<>"):
        raise LensError(
            f"config: {path!r}: Snakemake takes {{, }}, < and > in a path for placeholders. Move "
            "or link it to a path without them."
        )
    return path


def built(path: str | None) -> bool:
    """Whether the run itself makes it, as it does the offline world."""
    return (path or "").startswith("results/")


def local_files(*paths: str | None) -> list[str]:
    """Those of the paths that are given, as inputs; a missing one is named with what to do."""
    given = [path for path in paths if path]
    for path in map(plain_path, given):
        if not built(path) and not Path(path).is_file():
            raise LensError(f"config: {path}: no such file. Check the path in the config.")
    return given


def model_files(path: str) -> list[str]:
    """A model's config and weights, to wait for and to notice a change; nothing for a Hub id."""
    if re.fullmatch(r"\w[\w.-]*/[\w.-]+", path) and not Path(path).parent.is_dir():
        return []
    plain_path(path)
    if built(path):
        return [f"{path}/config.json", f"{path}/model.safetensors"]
    file = gguf.find(path)
    if file:
        return [str(file)]
    if not (Path(path) / "config.json").is_file():
        raise LensError(
            f"config: {path}: no such model folder (no config.json in it). "
            "Check the path, or give a Hub id (organisation/name)."
        )
    return [f"{path}/config.json", *sorted(map(str, Path(path).glob("*.safetensors")))]
