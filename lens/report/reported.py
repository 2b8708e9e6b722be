"""The numbers that the paper reports (reported.json)."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

MODEL_OF_TABLE_1 = "llama-3.1-8b"
N_PAIRS = 1000
SCALES = {1: 0, 2: 1, 4: 2, 8: 3}


PAPER_DATASET = "hh_rlhf"  # of the paper's ablations, with the model of Table 1


@cache
def reported() -> dict:
    """The content of reported.json."""
    return json.loads(resources.files("lens.report").joinpath("reported.json").read_text("utf-8"))


def is_paper_setting(names: Mapping[str, str], dataset: str, model: str) -> bool:
    """Whether dataset and model are those of the paper's ablations and theory; `names` maps our
    names to the paper's."""
    return (names.get(dataset), names.get(model)) == (PAPER_DATASET, MODEL_OF_TABLE_1)


def table_1_value(
    dataset: str | None, model: str | None, method: str, scale: int, n_pairs: int
) -> float | None:
    """Gold reward that the paper reports for a cell of Table 1 (for its other models, of Table 4);
    None if it reports none.

    `dataset` and `model` are the paper's names (or None). `original` is the embedding model
    without augmentation.
    """
    if n_pairs != N_PAIRS or scale not in SCALES:
        return None
    if model == MODEL_OF_TABLE_1:
        row = reported()["table1"]["rows"].get("lens" if method == "original" else method, {})
        values = row.get(dataset)
        return values[SCALES[scale]] if values else None
    return table_4_value(model, method, scale) if dataset == "hh_rlhf" else None


def table_4_value(model: str | None, method: str, scale: int) -> float | None:
    """Gold reward that the paper's Table 4 reports for a model on HH-RLHF with N = 1,000, or None.
    (For the model of Table 1 the two tables differ by 0.02.)"""
    columns = {
        ("original", 1): "latent_original",
        ("lens", 4): "latent_4x",
        ("full_finetune", 1): "textual_original",
        ("full_finetune", 4): "textual_4x",
    }
    table_4 = reported()["table4"]
    if model in table_4["rows"] and (method, scale) in columns:
        return table_4["rows"][model][table_4["columns"].index(columns[method, scale])]
    return None
