"""What may reach training, and a walk over the job graph that says what does."""

import re
import shlex

from tests.helpers.workflow_tools import ROOT, makers, sources

# Before any preference is read: texts, and the language model that stands for a downloaded one.
WORLD = {"build_world", "train_base_model"}
# What reward models, VAEs and annotators learn from, and they themselves.
TRAINING = {
    "embed_pairs",
    "embed_responses",
    "evolve_pairs",
    "gather_embeddings",
    "gather_responses",
    "gather_scores",
    "judge_responses",
    "label_pairs",
    "prepare_pairs",
    "sample_responses",
    "score_likelihood",
    "score_responses",
    "theory_points",
    "train_annotator",
    "train_reward",
    "train_text",
    "train_vae",
    "training_prompts",
}
# The policies of Table 3, which learn on prompts that no reward model learns from.
POLICIES = {"held_out_prompts", "pick_responses", "train_sft"}
# They read the prompts that are tested on, in order to keep them apart.
SPLITTERS = {"prepare_pairs", "held_out_prompts"}
# Gold scores, test prompts, answers to them, and what is judged by them.
JUDGING = {
    "best_of_n",
    "best_of_n_text",
    "build_bench",
    "embed_candidates",
    "gather_candidates",
    "gather_gold",
    "generate_candidates",
    "import_gold",
    "judge_bench",
    "judge_sft",
    "prepare_candidates",
    "sample_sft",
    "score_candidates",
    "score_sft",
    "train_gold_model",
}
# Tables, figures and pages, made of what has been judged.
SHOWING = {
    "all",
    "best_of_n_curve",
    "describe_world",
    "figure_2",
    "figure_3",
    "figure_4",
    "figure_5",
    "fit_theory",
    "inspect_synthetic",
    "inspector",
    "layer_sweep",
    "learning_curve",
    "overview",
    "paper",
    "plan",
    "prefetch",
    "qualitative",
    "report",
    "rewardbench_safety",
    "scale_sweep",
    "size_sweep",
    "table_1",
    "table_2",
    "table_3",
    "table_4",
    "table_5",
    "table_6",
    "textual_spread",
    "theory_fits",
    "theory_map",
    "theory_proxy",
    "theory_table",
}
CLASSES = (WORLD, TRAINING, POLICIES, JUDGING, SHOWING)

JUDGED_OR_SHOWN = rf"^results/[^/]+/({'|'.join(sorted(JUDGING | SHOWING))}|theory)(/|$)"
TEST_PROMPTS = r"/prepare_pairs/[^/]+/prompts\.parquet$"
NO_POLICY_SEES = re.compile(f"{JUDGED_OR_SHOWN}|{TEST_PROMPTS}")
NO_REWARD_MODEL_SEES = re.compile(f"{NO_POLICY_SEES.pattern}|/held_out(_prompts)?/")
NO_SPLIT_SEES = re.compile(r"/(score_candidates|import_gold|score_sft|best_of_n\w*|judge_\w+)/")
OF_JUDGING = re.compile(rf"/({'|'.join(sorted(JUDGING))})/")  # gathered there, for one


def configs(root=ROOT):
    """Every config that the project holds; None stands for config.yaml alone."""
    return [None, *sorted(root.glob("workflow/configs/*.yaml")), *sorted(root.glob("tests/*.yaml"))]


def rules_of(root=ROOT):
    """The names of all rules that the workflow's files define."""
    files = [root / "Snakefile", *sorted(root.glob("workflow/rules/*.smk"))]
    found = r"^\s*(?:rule|checkpoint|use rule \w+ as) (\w+)"
    return [name for file in files for name in re.findall(found, file.read_text(), re.MULTILINE)]


def commands(listing):
    """The words of the command of each job that `snakemake -n -p` lists, in the order of `jobs`."""
    blocks = re.split(r"^(?:local)?rule ", listing, flags=re.MULTILINE)[1:]
    said = [
        re.search(r"^Shell command: (.*?)\n(\n|Would remove)", block, re.M | re.S)
        for block in blocks
    ]
    words = [shlex.split(found[1]) if found else [] for found in said]
    # `lens each` is told commands as texts.
    return [
        [part for word in one for part in (shlex.split(word) if "each" in one else [word])]
        for one in words
    ]


def files_in(word):
    """What a word of a command names in results/: by itself, after a folder or in a flag."""
    return re.findall(r"(?<![\w.-])results/[^\s,;:=\"'()]+", word)


def leaks(found, said):
    """Sentences on what reaches training and may not; `found` from `jobs`, `said` from `commands`.

    A training job may depend on jobs of its own class alone, so that a rule of which nobody has
    said what it does is a leak. Splitters end the walk: they have a walk of their own.
    """
    maker = makers(found)
    sentences = []
    for job, words in zip(found, said, strict=True):
        rule, _, outputs = job
        told = {file for word in words for file in files_in(word)} - outputs
        if rule in SPLITTERS:
            seen = told | sources(job, maker, lambda rule: rule != "prepare_pairs")
            bad = {file for file in seen if NO_SPLIT_SEES.search(file)}
        elif rule in TRAINING | POLICIES and not any(map(OF_JUDGING.search, outputs)):
            of_policy = rule in POLICIES or any("/held_out/" in file for file in outputs)
            forbidden = NO_POLICY_SEES if of_policy else NO_REWARD_MODEL_SEES
            allowed = TRAINING | WORLD | (POLICIES if of_policy else set())
            seen = told | sources(job, maker, lambda rule: rule not in SPLITTERS)
            bad = {file for file in seen if forbidden.search(file)}
            bad |= {file for file in seen if maker.get(file, job)[0] not in allowed}
        else:
            continue
        sentences += [f"{rule} depends on {file}" for file in sorted(bad)]
    return sentences
