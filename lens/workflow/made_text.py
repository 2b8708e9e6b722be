"""What the tables of text space are made from, as in `made`: Tables 2, 3 and 6."""

from lens.reward.methods import METHODS
from lens.workflow.cells import FULL, PROBES, scale_job, text_places
from lens.workflow.config import Config
from lens.workflow.inputs import vae_folder
from lens.workflow.made import Made, textual
from lens.workflow.paths import At, cell, judged, text_cell


def table_2(config: Config) -> Made:
    """The jobs that Table 2 adds up, by what they are, a folder for each place."""
    places, scale = text_places(config), max(config.compare.scales)
    job = scale_job(config, scale)
    folders = {
        "sample_responses": [f"{config.results}/sample_responses/{at}/standard" for at in places],
        "score_responses": [f"{config.results}/score_responses/{at}/standard" for at in places],
        "label_pairs": [f"{config.results}/label_pairs/{at}/standard/annotator" for at in places],
        "train_text": [text_cell(config, "train_text", at, FULL[0], job) for at in places],
        "train_text_repeat": [text_cell(config, "train_text", at, FULL[1], job) for at in places],
        "train_vae": [vae_folder(config, at, "lens") for at in places],
        "train_reward": [cell(config, "train_reward", at, "lens", scale) for at in places],
        "train_reward_repeat": [cell(config, "train_reward", at, "repeat", scale) for at in places],
    }
    for probe in PROBES:
        if probe in config.compare.methods:
            folders[probe] = [cell(config, "train_reward", at, probe, 1) for at in places]
    folders["train_annotator"] = [f"{config.results}/train_annotator/{at.dataset}" for at in places]
    folders["embed_pairs"] = [
        f"{config.results}/embed_pairs/{at.dataset}/{at.model}" for at in places
    ]
    settings = {
        "datasets": [at.dataset for at in places],
        "models": [at.model for at in places],
        "seeds": config.compare.seeds,
        "n_pairs": config.compare.n_pairs[0],
        "scale": scale,
        **folders,
    }
    every = [folder for group in folders.values() for folder in group]
    files = [f"{folder}/{name}" for folder in every for name in ("metrics.json", "cost.json")]
    return Made(files, settings, [textual(config)])


def table_3(config: Config) -> Made:
    chosen = config.rejection_sampling
    names, about = list(chosen.reward_models), chosen.given()["reward_models"]
    at = At(chosen.dataset, chosen.model, config.compare.n_pairs[0])
    judged_sft = f"{config.results}/judge_sft/{at}"
    scores = [f"{config.results}/score_sft/{at}/{name}/gold.parquet" for name in names]
    picks = [f"{config.results}/pick_responses/{at}/{name}/picks.parquet" for name in names]
    # Gold scores of the language model's own candidates: what SFT begins with.
    place = f"{chosen.dataset}/{chosen.model}"
    untrained = f"{config.results}/score_candidates/{place}/gold.parquet"
    trainings = {
        name: f"{cell(config, 'train_reward', at, of['method'], of['scale'])}/metrics.json"
        for name, of in about.items()
        if of["method"] in METHODS and METHODS[of["method"]].source
    }
    settings = {
        "names": names,
        "scores": scores,
        "about": about,
        "trainings": trainings,
        "picks": picks[0],
        "untrained": untrained,
        "compared": chosen.judge.compare,
        "verdicts": f"{judged_sft}/verdicts.parquet",
        "judge": f"{judged_sft}/metrics.json",
        "dataset": chosen.dataset,
        "model": chosen.model,
        "n_pairs": config.compare.n_pairs[0],
    }
    judge = [f"{judged_sft}/verdicts.parquet", f"{judged_sft}/metrics.json"]
    inputs = [*scores, *picks, *judge, *trainings.values(), untrained]
    return Made(inputs, settings, [textual(config), chosen.given()])


def table_6(config: Config) -> Made:
    """Textual cells in the order of their temperatures, their control, LENS and its control."""
    chosen, entries = config.textual.table_6, config.textual.sampling
    generation = config.models[chosen.model].generation
    options = generation.given() if generation else {}
    names = ["standard", *chosen.others]
    temperatures = [(options | entries[name].given())["temperature"] for name in names]
    at = At(chosen.dataset, chosen.model, config.compare.n_pairs[0])
    job = scale_job(config, chosen.scale)
    swept = [text_cell(config, "best_of_n_text", at, FULL[0], job)]
    swept += [
        text_cell(config, "best_of_n_text", at, FULL[0], "table_6", name) for name in chosen.others
    ]
    control = text_cell(config, "best_of_n_text", at, FULL[1], job)
    lens, repeat = (cell(config, "best_of_n", at, m, chosen.scale) for m in ("lens", "repeat"))
    probes = [cell(config, "best_of_n", at, probe, 1) for probe in PROBES]
    settings = {
        "temperatures": temperatures,
        "cells": swept,
        "control": control,
        "lens": lens,
        "lens_control": repeat,
        "probes": probes,
    }
    folders = [*swept, *probes, control, lens, repeat]
    return Made(judged(folders), settings, [config.textual.given()])
