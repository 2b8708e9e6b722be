"""`lens plan`: the jobs of the workflow, what they take, and finished runs beside that."""

import json
import re
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lens.core.errors import LensError
from lens.latent.settings import VaeSettings
from lens.plan import graph, render, totals
from lens.plan.rules import RULES, START, STEP, Stage, work_of
from lens.plan.tasks import CPU, GPU
from lens.reward.settings import HeadSettings
from lens.workflow.config import Config
from lens.workflow.inputs import SHARDED
from lens.workflow.resources import rows
from tests.helpers.configs import resolved as resolved_config
from tests.helpers.workflow_tools import ROOT, SMALL, family, snakemake

pytestmark = pytest.mark.slow  # Snakemake works out the jobs


def resolved(folder, *configfiles):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return graph.resolve(ROOT / "Snakefile", configfiles=configfiles, everything=True)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return resolved(tmp_path_factory.mktemp("small"), SMALL)


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    return resolved(tmp_path_factory.mktemp("paper"), ROOT / "workflow/configs/paper.yaml")


def test_longest_chain():
    # 0 -> 1 -> 3 takes 1 + 5 + 1, 0 -> 2 -> 3 takes 1 + 2 + 1, 4 alone takes 6
    after = {3: [1, 2], 1: [0], 2: [0], 0: [], 4: []}
    assert graph.longest_chain({0: 1, 1: 5, 2: 2, 3: 1, 4: 6}, after) == [0, 1, 3]
    assert graph.longest_chain({0: 1, 1: 5, 2: 2, 3: 1, 4: 8}, after) == [4]
    assert graph.longest_chain({}, {}) == []


def test_jobs_are_those_of_a_dry_run(small, tmp_path):
    run = snakemake("-n", "--quiet", "rules", "--configfile", SMALL, directory=tmp_path)
    rows = re.findall(r"^(\w+) +(\d+)$", run.stdout + run.stderr, re.MULTILINE)
    listed = Counter()
    for rule, count in dict(rows).items():
        listed[family(rule)] += int(count)
    del listed["total"]
    jobs = small[0]
    assert Counter(job.rule for job in jobs) == listed
    assert [job.number for job in jobs] == list(range(len(jobs)))
    assert [job.rule for job in jobs] == sorted(job.rule for job in jobs)
    rewards = [job for job in jobs if job.rule == "train_reward"]
    assert [(len(job.cells), sorted(job.wildcards)) for job in rewards] == [
        (15, ["dataset", "model", "n_pairs"])
    ] * 2
    assert all(list(job.after) == sorted(job.after) for job in jobs)
    stages = totals.plan(*small)["stages"]
    assert {rule: stage["jobs"] for rule, stage in stages.items()} | {"paper": 1} == listed


def test_every_rule_that_takes_a_gpu_is_known():
    rules = [file.read_text() for file in sorted((ROOT / "workflow/rules").glob("*.smk"))]
    text = "\n".join(rules)
    parts = re.findall(r"^rule (\w+):\n(.*?)(?=^(?:use )?rule |\Z)", text, re.M | re.S)
    found = {name for name, body in parts if re.search(r"^        gpu=", body, re.M)}
    derived = re.findall(r"^use rule (\w+) as (\w+) with:", text, re.M)
    found |= {name for base, name in derived if base in found}
    assert len(found) > 15
    assert found <= set(RULES)
    with pytest.raises(LensError, match="rule new_rule"):
        work_of("new_rule", {}, {}, gpus=1)


def test_shards_share_what_their_stage_does(small):
    jobs, config = small
    seen = set()
    for job in (job for job in jobs if "shard" in job.wildcards):
        seen.add(job.rule)
        four = resolved_config(config.given(), {"shards": {SHARDED[job.rule]: {"jobs": 4}}})
        whole = work_of(job.rule, job.wildcards, config)
        part = work_of(job.rule, job.wildcards, four)
        assert 4 * part.tasks[0].tokens == whole.tasks[0].tokens > 0
        assert 4 * part.tasks[0].texts == whole.tasks[0].texts
        if job.rule.startswith("embed"):
            assert 4 * part.disk == whole.disk
    assert seen == {"embed_pairs", "embed_candidates", "generate_candidates", "score_candidates"}


def test_sizes_are_within_the_limits_of_the_config(small, paper, tmp_path):
    own = rows(small[1], "dialogue")
    assert (own.train, own.test, own.prompts) == (300, 100, 12)
    own = rows(paper[1], "hh-rlhf")
    assert (own.train, own.test, own.prompts) == (100_000, 8552, 1000)
    file = tmp_path / "pairs.jsonl"
    file.write_text("{}\n" * 50)
    pairs = {"path": str(file), "test_fraction": 0.2, "test_prompts": 5}
    raw = paper[1].given()
    raw["datasets"]["tldr"] = {"pairs": pairs}
    del raw["plan"]["texts"]["tldr"]
    own = rows(Config.model_validate(raw), "tldr")
    assert (own.train, own.test, own.prompt) == (40, 10, 180)


def test_heads_by_hand(paper):
    place = SimpleNamespace(dataset="hh-rlhf", model="llama-3.1-8b")
    stage = Stage(paper[1], "train_reward", place)
    settings = HeadSettings(batch_size=128, patience=5, epochs=20, hidden=256)

    def epochs(pairs):
        return stage.reward_seconds(pairs, settings) / stage.heads(pairs, settings, 1, 2)

    # Early stopping after 700 steps waits for its patience.
    assert epochs(100) == pytest.approx(20)
    assert epochs(128 * 50) == pytest.approx(14)
    assert epochs(128 * 1000) == pytest.approx(6)
    # 100 pairs of 3 seeds in 2 batches, 3 times
    vae = VaeSettings(hidden=64, latent=16, batch_size=50)
    # Encoder twice, decoder three times, both answers, 2 operations a weight
    products = CPU.products(3 * 3 * 100 * 5 * 2 * 2 * 64 * 4096, "float32", 4096)
    assert stage.vae_seconds(100, vae, 3) == pytest.approx(6 * STEP + products)


def test_more_scales_and_pairs_take_longer(paper):
    def seconds(rule="train_reward", **more):
        given = {"dataset": "hh-rlhf", "model": "llama-3.1-8b", "n_pairs": "1000", "scale": "2"}
        given |= {"method": "lens", "sampling": "standard", "job": "x2", **more}
        return work_of(rule, given, paper[1]).seconds(GPU)

    assert seconds() < seconds(scale="4") < seconds(scale="8") < seconds(scale="8", n_pairs="9000")
    text = {"rule": "train_text", "method": "full_finetune"}
    assert seconds(**text) < seconds(**text, job="x4") < seconds(**text, job="x8")
    assert 1.9 < seconds(**text, n_pairs="50000") / seconds(**text, n_pairs="25000") < 2.1


def test_what_text_stages_of_the_paper_do(paper):
    def tasks(rule, **more):
        given = {"dataset": "hh-rlhf", "model": "llama-3.1-8b", "n_pairs": "1000"}
        return work_of(rule, {**given, "sampling": "standard", **more}, paper[1]).tasks

    # 28 pairs of 8 responses in both orders, of the prompts of three draws of 1,000 in 100,000
    prompts = round(100_000 * (1 - 0.99**3))
    (judging,) = tasks("judge_responses", prompts="n1000")
    assert judging.texts == 2 * 28 * prompts
    # scale 1 is trained once, not with its controls
    assert [task.texts for task in tasks("train_text", method="lora", job="x1")] == [2 * 1000]
    assert tasks("train_text", method="lora_repeat", job="x1") == ()
    (full,) = tasks("train_text", method="ipo", job="x8")
    assert (full.texts, full.times, full.saved) == (2 * 8000, 3, 3 * full.weights)


def test_disk_of_the_papers_embeddings(paper):
    stage = totals.plan(*paper)["stages"]["embed_pairs"]
    widths = {"gemma-2b": 2304, "llama-3.2-3b": 3072, "mistral-7b": 4096}
    widths |= {"qwen-2.5-7b": 3584, "llama-3.1-8b": 4096, "qwen-2.5-14b": 5120}
    hh, tldr = 2 * (100_000 + 8552), 2 * (92_858 + 10_000)
    layers = 3 * 4096 * hh  # of llama-3.1-8b, on HH alone
    assert stage["disk_bytes"] == 2 * (sum(widths.values()) * (hh + tldr) + layers)


def test_plan_of_the_paper(paper):
    plan = totals.plan(*paper)
    memory = {(row["model"], row["use"]): row for row in plan["models"]}
    assert memory["Qwen/Qwen2.5-14B-Instruct", "reading"]["total"] < 40e9
    full = memory["meta-llama/Llama-3.1-8B-Instruct", "training"]
    assert full["gpus"] == 4
    assert 40e9 < full["total"] < 80e9
    total, train = plan["total"], plan["stages"]["train_text"]
    hours = sum(stage["gpu_hours"] for stage in plan["stages"].values())
    assert total["gpu_hours"] == pytest.approx(hours)
    assert train["gpu_hours"] == pytest.approx(4 * train["seconds"] / 3600)
    assert sum(job["seconds"] for job in plan["longest_chain"]) < total["seconds"]
    assert plan["too_small"] == []
    # 52 jobs, three seeds, and adapters or all of 8B weights in float32: terabytes
    assert train["disk_bytes"] > 3e12


def test_jobs_that_ask_for_too_little_are_named(paper):
    jobs, config = paper
    (job,) = (job for job in jobs if job.rule == "train_sft" and "latent" in job.wildcards.values())
    plan = totals.plan([replace(job, mem_mb=100_000, runtime=0.1, after=())], config)
    memory, time = plan["too_small"]
    name = "train_sft hh-rlhf/llama-3.1-8b/1000/latent"
    # Each of the four processes loads 8.03 10^9 weights in float32.
    assert float(memory["needed"].split()[1]) == pytest.approx(4 * 4 * 8030 + 600, rel=0.01)
    assert memory == {"job": name, "allowed": "mem_mb 100000", "needed": memory["needed"]}
    assert (time["job"], time["allowed"]) == (name, "runtime 0.1 min")
    shown = "\n".join(render.sections(plan))
    assert "too little main memory or time" in shown
    assert memory["needed"] in shown


def test_temporary_files_are_told_apart(small):
    stages = totals.plan(*small)["stages"]
    scored = stages["score_candidates"]
    assert scored["temporary_bytes"] == scored["disk_bytes"] > 0
    assert stages["gather_gold"]["temporary_bytes"] == 0
    assert stages["embed_pairs"]["temporary_bytes"] == 0


JOBS = [
    graph.Job(0, "label_pairs", {"dataset": "d"}, runtime=10),
    graph.Job(1, "figure_2", {}, after=(0,)),
    graph.Job(2, "paper", {}, after=(1,)),
]
CONFIG = resolved_config()


def test_time_of_jobs_adds_up():
    plan = totals.plan(JOBS, CONFIG)
    assert plan["total"]["seconds"] == pytest.approx(2 * START)
    assert plan["longest_chain"] == [
        {"job": "label_pairs d", "seconds": START},
        {"job": "figure_2", "seconds": START},
    ]


def test_seconds_are_corrected_by_jobs_that_were_run_before():
    done = graph.Job(3, "label_pairs", {"dataset": "e"}, needed=False, took=5)
    plain, plan = totals.plan(JOBS, CONFIG), totals.plan([*JOBS, done], CONFIG)
    assert plan["measured"] == ["label_pairs"]
    assert plan["stages"]["label_pairs"]["jobs"] == 1
    assert plan["stages"]["label_pairs"]["seconds"] == pytest.approx(5)
    assert plan["stages"]["figure_2"] == plain["stages"]["figure_2"]
    assert totals.plan([*JOBS, done], CONFIG, correct=False)["stages"] == plain["stages"]
    # One job says nothing of their spread; two that took 5 and 10 s are off by 1.5 at most.
    assert plan["stages"]["label_pairs"]["error"] == totals.MEASURED_ERROR
    assert plain["stages"]["label_pairs"]["error"] == totals.CPU_ERROR
    two = [*JOBS, done, replace(done, number=4, took=10)]
    stage = totals.plan(two, CONFIG)["stages"]["label_pairs"]
    assert (stage["seconds"], stage["error"]) == pytest.approx((7.5, 1.5))
    assert "corrected by jobs run before: label_pairs" in next(render.sections(plan))


def test_a_job_of_several_cells_is_not_corrected_by_older_ones_of_one_cell(small):
    """Of those most seconds were the start: many cells would be predicted many starts."""
    jobs, config = small
    several = next(job for job in jobs if job.rule == "train_reward" and len(job.cells) > 5)
    method, scale = several.cells[0]
    alone = {**several.wildcards, "method": method, "scale": scale}
    old = replace(several, number=10**6, wildcards=alone, cells=(), took=60, needed=False)
    plain = totals.plan([several], config)["total"]["seconds"]
    assert totals.plan([several, old], config)["total"]["seconds"] == plain
    measured = replace(several, number=10**6, took=60, needed=False)
    assert totals.plan([several, measured], config)["total"]["seconds"] == pytest.approx(60)


def test_predictions_hold_for_a_finished_run(tmp_path):
    """Within the factor that the plan states, in all and for each stage that takes long."""
    # Seconds that Snakemake noted of `make demo`.
    recorded = json.loads((ROOT / "tests/plan/measured_run.json").read_text())["seconds"]
    plan = totals.plan(*resolved(tmp_path, ROOT / "workflow/configs/demo.yaml"))
    rows = totals.compare(plan, {rule: tuple(row) for rule, row in recorded.items()})
    assert all(row["jobs"] == row["measured_jobs"] for row in rows)
    measured, predicted = (sum(row[key] for row in rows) for key in ("measured", "predicted"))
    long = [row for row in rows if row["measured"] > measured / 10]
    assert len(long) >= 3
    ratios = [predicted / measured, *(row["predicted"] / row["measured"] for row in long)]
    assert all(1 / totals.CPU_ERROR < ratio < totals.CPU_ERROR for ratio in ratios)


def test_measured_seconds_of_a_run(tmp_path):
    for path, lines in {
        "train_vae/d/m/n20/standard.jsonl": [2.0],
        "train_vae/d/m/n40/standard.jsonl": [1.0, 4.0],  # two attempts, the last counts
        "table_1.jsonl": [4.0],
        "embed_pairs/d/m/0.jsonl": [5.0],
    }.items():
        file = tmp_path / "benchmarks" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps({"s": second}) + "\n" for second in lines))
    assert graph.seconds_of(str(file)) == 5
    assert graph.seconds_of(str(tmp_path / "nothing.jsonl")) is None
    found = totals.measured(tmp_path)
    assert found == {"train_vae": (2, 6.0), "table_1": (1, 4.0), "embed_pairs": (1, 5.0)}
    stages = {
        "train_vae": {"jobs": 2, "seconds": 9.0},
        "embed_pairs": {"jobs": 2, "seconds": 4.0},
        "figure_2": {"jobs": 1, "seconds": 1.0},
    }
    rows = totals.compare({"stages": stages}, found)
    assert [row["rule"] for row in rows] == ["train_vae", "embed_pairs", "table_1", "figure_2"]
    assert [row["measured_jobs"] for row in rows] == [2, 1, 1, 0]
    shown = re.sub(" +", " ", render.check_section(rows))
    assert "| train_vae | 2 | 2 | 9.0 | 6.0 | 1.50 |" in shown
    assert "| figure_2 | 1 | 0 | 1.0 | 0.0 | - |" in shown
    assert "| total of both | 4 | 3 | 13.0 | 11.0 | 1.18 |" in shown
    with pytest.raises(LensError, match="finished run"):
        totals.measured(tmp_path / "nothing")
