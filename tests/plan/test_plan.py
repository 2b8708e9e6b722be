"""`lens plan`: the jobs of the workflow, what they take, and finished runs beside that."""

import json
import re
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lens.core.errors import LensError
from lens.latent.settings import VaeSettings
from lens.plan import graph, render, rules, totals
from lens.plan.rules import AVX2, CPU, MODEL, RULES, START, STEP, TEMPLATE, UNITS, Work
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


def work(rule, config, gpus=0, **wildcards):
    return Work(config, graph.Job(0, rule, wildcards, gpus=gpus))


def test_longest_chain():
    def chain(seconds):
        after = {3: [1, 2], 1: [0], 2: [0], 0: [9], 4: []}  # 9 is done
        works = {
            n: SimpleNamespace(seconds=seconds[n], job=SimpleNamespace(after=after[n], number=n))
            for n in seconds
        }
        return [work.job.number for work in totals.longest_chain(works)]

    # 0 -> 1 -> 3 takes 1 + 5 + 1, 0 -> 2 -> 3 takes 1 + 2 + 1, 4 alone takes 6
    assert chain({0: 1, 1: 5, 2: 2, 3: 1, 4: 6}) == [0, 1, 3]
    assert chain({0: 1, 1: 5, 2: 2, 3: 1, 4: 8}) == [4]
    assert chain({}) == []


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
        work("new_rule", CONFIG, gpus=1)


def test_shards_share_what_their_stage_does(small):
    jobs, config = small
    seen = set()
    for job in (job for job in jobs if "shard" in job.wildcards):
        seen.add(job.rule)
        four = resolved_config(config.given(), {"shards": {SHARDED[job.rule]: {"jobs": 4}}})
        whole, part = Work(config, job), Work(four, job)
        start = START + MODEL + whole.models[0]["weights"] / whole.device.load_rate
        assert 4 * (part.seconds - start) == pytest.approx(whole.seconds - start)
        assert 4 * part.saved == whole.saved
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
    def seconds(pairs, settings):
        job = work("label_pairs", paper[1], dataset="hh-rlhf", model="llama-3.1-8b")
        job.networks(pairs / 0.9, settings)  # a tenth is for validation
        return job.seconds - START

    def epochs(pairs):
        many = HeadSettings(batch_size=128, patience=5, epochs=20, hidden=256)
        return seconds(pairs, many) / seconds(pairs, many.model_copy(update={"epochs": 1}))

    # Early stopping after 700 steps waits for its patience.
    assert epochs(90) == pytest.approx(20)
    assert epochs(128 * 45) == pytest.approx(700 / 45)
    assert epochs(128 * 900) == pytest.approx(6)
    # 90 pairs of 3 seeds in 2 batches, 3 times
    vae = VaeSettings(hidden=64, latent=16, batch_size=50, epochs=3)
    # Encoder twice, decoder three times, both answers, 2 operations a weight
    products = CPU.products(3 * 3 * 90 * 5 * 2 * 2 * 64 * 4096, "float32", 4096)
    assert seconds(90, vae) == pytest.approx(6 * STEP + products)


def test_more_scales_and_pairs_take_longer(paper):
    def seconds(rule="train_reward", **more):
        given = {"dataset": "hh-rlhf", "model": "llama-3.1-8b", "n_pairs": "1000", "scale": "2"}
        given |= {"method": "lens", "sampling": "standard", "job": "x2", **more}
        return work(rule, paper[1], gpus=1, **given).seconds

    assert seconds() < seconds(scale="4") < seconds(scale="8") < seconds(scale="8", n_pairs="9000")
    assert seconds(method="linear_probe") == START + 1
    text = {"rule": "train_text", "method": "full_finetune"}
    assert seconds(**text) < seconds(**text, job="x4") < seconds(**text, job="x8")
    assert 1.9 < seconds(**text, n_pairs="50000") / seconds(**text, n_pairs="25000") < 2.1


def test_what_text_stages_of_the_paper_do(paper, monkeypatch):
    done = []
    monkeypatch.setattr(Work, "runs", lambda self, *given, **more: done.append((*given, more)))

    def runs(rule, **more):
        given = {"dataset": "hh-rlhf", "model": "llama-3.1-8b", "n_pairs": "1000"}
        done.clear()
        work(rule, paper[1], **{**given, "sampling": "standard", **more})
        return [(texts, more) for _, _, texts, _, more in done]

    # 28 pairs of 8 responses in both orders, of the prompts of three draws of 1,000 in 100,000
    prompts = round(100_000 * (1 - 0.99**3))
    ((texts, more),) = runs("judge_responses", prompts="n1000")
    assert texts == 2 * 28 * prompts
    assert more["prompts"] == texts * (165 + 2 * 300 + TEMPLATE)
    # scale 1 is trained once, not with its controls
    ((texts, more),) = runs("train_text", method="lora", job="x1")
    assert (texts, more["lora"]) == (2 * 1000, True)
    assert runs("train_text", method="lora_repeat", job="x1") == []
    ((texts, more),) = runs("train_text", method="ipo", job="x8")
    assert (texts, more["times"], more["lora"]) == (2 * 8000, 3, None)


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
    assert memory["Qwen/Qwen2.5-14B-Instruct", "reading"]["bytes"] < 40e9
    full = memory["meta-llama/Llama-3.1-8B-Instruct", "training"]
    assert full["gpus"] == 4
    assert 40e9 < full["bytes"] < 80e9
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
    assert (time["job"], time["allowed"]) == (name, "runtime 0.1")
    (job,) = (job for job in jobs if job.name == "theory_points hh-rlhf/qwen-2.5-14b")
    assert job.mem_mb <= 16_000
    (row,) = totals.plan([replace(job, mem_mb=4000, after=())], config)["too_small"]
    assert 8 * 5120 * 100_000 / 1e6 < float(row["needed"].split()[1]) < 0.8 * job.mem_mb
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
    graph.Job(0, "label_pairs", {"dataset": "dialogue"}, runtime=10),
    graph.Job(1, "figure_2", {}, after=(0,)),
    graph.Job(2, "paper", {}, after=(1,)),
]
CONFIG = resolved_config()


def test_time_of_jobs_adds_up():
    plan = totals.plan(JOBS, CONFIG)
    assert plan["total"]["seconds"] == pytest.approx(2 * START)
    assert plan["longest_chain"] == [
        {"job": "label_pairs dialogue", "seconds": START},
        {"job": "figure_2", "seconds": START},
    ]


def test_seconds_are_corrected_by_jobs_that_were_run_before():
    done = graph.Job(3, "label_pairs", {"dataset": "summary"}, needed=False, took=5)
    plain, plan = totals.plan(JOBS, CONFIG), totals.plan([*JOBS, done], CONFIG)
    assert plan["measured"] == {"label_pairs": pytest.approx(5 / START)}
    assert plan["stages"]["label_pairs"]["jobs"] == 1
    assert plan["stages"]["label_pairs"]["seconds"] == pytest.approx(5)
    assert plan["stages"]["figure_2"] == plain["stages"]["figure_2"]
    # An earlier run counts as much, but not its jobs on another kind of device.
    earlier = totals.plan(JOBS, CONFIG, [([done], CONFIG)])
    assert earlier == plan | {"checked": {}}
    assert plan["checked"] == {"label_pairs": [START, 5]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RULES, "label_pairs", lambda job: None)
        on_gpu = [([replace(done, gpus=1)], CONFIG)]
        assert totals.plan(JOBS, CONFIG, on_gpu)["stages"] == plain["stages"]
    # One job says nothing of their spread; two that took 5 and 10 s are off by 1.5 at most.
    assert plan["stages"]["label_pairs"]["error"] == totals.MEASURED_ERROR
    assert plain["stages"]["label_pairs"]["error"] == CPU.error
    two = [*JOBS, done, replace(done, number=4, took=10)]
    stage = totals.plan(two, CONFIG)["stages"]["label_pairs"]
    assert (stage["seconds"], stage["error"]) == pytest.approx((7.5, 1.5))
    shown = next(render.sections(plan))
    assert "corrected by jobs run before (measured / predicted: label_pairs 4.17)" in shown


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


@pytest.mark.parametrize("processor", [AVX2, UNITS])
def test_predictions_hold_for_a_finished_run(tmp_path, monkeypatch, processor):
    """Within the factor that the plan states, in all and for each stage that takes long."""
    monkeypatch.setattr(rules, "CPU", processor)
    # Seconds that Snakemake noted of `make demo`.
    of_machines = json.loads((ROOT / "tests/plan/measured_runs.json").read_text())
    recorded = of_machines["avx2" if processor is AVX2 else "units"]["seconds"]
    plan = totals.plan(*resolved(tmp_path, ROOT / "workflow/configs/demo.yaml"))
    stages = plan["stages"]
    assert {rule: stage["jobs"] for rule, stage in stages.items()} == {
        rule: jobs for rule, (jobs, _) in recorded.items()
    }
    rows = [(stage["seconds"], recorded[rule][1]) for rule, stage in stages.items()]
    predicted, measured = map(sum, zip(*rows, strict=True))
    long = [row for row in rows if row[1] > measured / 10]
    assert len(long) >= 3
    ratios = [one / other for one, other in [(predicted, measured), *long]]
    assert all(1 / CPU.error < ratio < CPU.error for ratio in ratios)


def test_measured_seconds_of_a_job(tmp_path):
    file = tmp_path / "job.jsonl"
    file.write_text('{"s": 1.0}\n{"s": 4.0}\n')  # two attempts, the last counts
    assert graph.seconds_of(str(file)) == 4
    file.write_text("")
    assert graph.seconds_of(str(file)) is None
    assert graph.seconds_of(str(tmp_path / "nothing.jsonl")) is None
    assert graph.seconds_of(None) is None
