"""`lens plan`: closed forms, the jobs of the workflow, and the model of cost."""

import json
import re
from collections import Counter

import pytest
import yaml

from lens.cli import main
from lens.cli.plan import add_arguments
from lens.core.errors import LensError
from lens.plan import graph, measured, render, totals
from lens.plan.architectures import FACTS, Architecture, find, from_config, of_the_world
from lens.plan.machines import CPU, DEVICES, HOST, gpu, share
from lens.plan.memory import memory, remedy
from lens.plan.sizes import epochs_of_reward, sizes
from lens.plan.stages import embeddings_bytes, reward_flops, vae_flops
from lens.plan.tasks import Read, Train, Work, Write, seconds
from lens.plan.work import KNOWN, SHARDS, work_of
from tests.helpers.workflow_tools import ROOT, SMALL, snakemake, workflow_rules

PUBLISHED = {  # 10^9 parameters
    "google/gemma-2-2b-it": 2.614,
    "meta-llama/Llama-3.2-3B-Instruct": 3.213,
    "mistralai/Mistral-7B-Instruct-v0.3": 7.248,
    "Qwen/Qwen2.5-7B-Instruct": 7.616,
    "meta-llama/Llama-3.1-8B-Instruct": 8.030,
    "Qwen/Qwen2.5-14B-Instruct": 14.770,
    "HuggingFaceTB/SmolLM2-135M": 0.135,
    "Qwen/Qwen3-0.6B": 0.596,
}
LIMIT = 40e9


def fact(model):
    return from_config(json.loads(FACTS.read_text())[model])


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_parameter_counts(model):
    assert round(fact(model).parameters() / 1e9, 3) == PUBLISHED[model]


def test_reward_models_have_one_row_instead_of_words():
    shape = fact("meta-llama/Llama-3.1-8B-Instruct")
    assert shape.parameters("reward") == shape.parameters() - 128256 * 4096 + 4096


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("llama", {"tie_word_embeddings": False}),
        ("llama", {"tie_word_embeddings": True, "num_key_value_heads": 1}),
        ("mistral", {"head_dim": 12}),
        ("qwen2", {}),
        ("qwen3", {"head_dim": 12}),
        ("gemma2", {"head_dim": 12}),
        ("gemma3_text", {"head_dim": 12}),
        ("bert", {}),
    ],
)
def test_parameters_are_those_that_transformers_counts(kind, more):
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    config = AutoConfig.for_model(
        kind,
        **{
            "vocab_size": 46,
            "hidden_size": 16,
            "intermediate_size": 40,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "max_position_embeddings": 64,
            "pad_token_id": 0,
            **more,
        },
    )
    shape = from_config(config.to_dict())
    if kind == "bert":
        model = AutoModel.from_config(config, add_pooling_layer=False)
        assert shape.parameters("none") == model.num_parameters()
    else:
        assert shape.parameters() == AutoModelForCausalLM.from_config(config).num_parameters()


def test_a_kind_that_is_not_known_is_an_error():
    with pytest.raises(LensError, match="model_type 'mamba'"):
        from_config({"model_type": "mamba"})


def test_shapes_are_found_in_folders_and_among_the_facts(tmp_path, llama_folder):
    config = {"run": "r", "world": {"base_model": {"hidden": 8, "layers": 1, "heads": 2}}}
    assert find(str(llama_folder), config).hidden == 16
    assert find("Qwen/Qwen3-0.6B", config).hidden == 1024
    assert find("results/r/train_base_model/model", config).hidden == 8
    with pytest.raises(LensError, match="nobody/nothing"):
        find("nobody/nothing", config)


def test_facts_of_every_hub_model_of_the_configs():
    named = set()
    for file in (ROOT / "workflow/configs").glob("*.yaml"):
        named |= set(re.findall(r"model: (\w[\w.-]*/[\w.-]+)$", file.read_text(), re.MULTILINE))
    assert named
    assert named <= set(json.loads(FACTS.read_text()))


def test_keys_and_values():
    shape = fact("meta-llama/Llama-3.1-8B-Instruct")
    assert shape.kv_bytes(1, "bfloat16") == 2 * 32 * 8 * 128 * 2  # 131,072 bytes a token
    assert shape.kv_bytes(1000, "float32") == 2 * 32 * 8 * 128 * 4 * 1000


def test_embeddings_on_disk():
    # 100,000 pairs, two answers each, 4,096 numbers of 16 bit: 1.6 GB
    assert embeddings_bytes(2 * 100_000, 4096, "bfloat16") == 1_638_400_000
    assert embeddings_bytes(10, 4, "float32") == 160


def test_flops_of_a_forward_pass():
    shape = Architecture("llama", 4, 2, 2, 2, 2, 8, 10, tied=True)
    block = 4 * 4 * 4 + 3 * 4 * 8 + 2 * 4
    assert shape.block == block
    assert shape.flops(5, 3) == 2 * 2 * block * 5 + 4 * 2 * 2 * 2 * 5 * 3


def reading(model, dtype="bfloat16", batch_tokens=8192, tokens=1e6, **more):
    load = {"model": model, "dtype": dtype}
    return Read(load, tokens / 200, tokens, 2 * tokens, batch_tokens, **more)


def test_qwen_14b_fits_in_40_gb_with_16_bits_and_small_batches_alone():
    name = "Qwen/Qwen2.5-14B-Instruct"
    shape = fact(name)
    full, large = reading(name, "float32"), reading(name, batch_tokens=65536)
    assert memory(full, shape).weights == 4 * (shape.parameters() - 152064 * 5120)
    assert memory(full, shape).total > LIMIT
    assert remedy(full, shape, LIMIT) == "dtype bfloat16"
    assert memory(large, shape).total > LIMIT
    assert memory(reading(name), shape).total < LIMIT
    assert remedy(large, shape, LIMIT) == "batch_tokens 16384"


def test_cache_of_a_reading_is_held_twice_where_prompts_are_shared():
    shape = fact("Qwen/Qwen3-0.6B")
    shared = reading("Qwen/Qwen3-0.6B")
    alone = Read(shared.load, 10, 1e6, 1e6, 8192)
    assert memory(shared, shape).kv_cache == 2 * shape.kv_bytes(8192, "bfloat16")
    assert memory(alone, shape).kv_cache == 0


def writing(**more):
    given = {"answers": 6400, "prompt": 100, "longest": 1000, "written": 50, "limit": 200}
    return Write({"model": "m", "dtype": "bfloat16"}, **{**given, "batch": 64, **more})


def test_cache_of_generation_is_for_the_longest_prompts_and_answers():
    shape = fact("meta-llama/Llama-3.1-8B-Instruct")
    assert memory(writing(), shape).kv_cache == 131072 * 64 * 1200
    assert memory(writing(answers=10), shape).kv_cache == 131072 * 10 * 1200


def training(gpus=1, texts=1000, at_once=4, longest=100, head="reward", **settings):
    load = {"model": "m", "dtype": "float32"}
    return Train(load, texts, texts * 50, 10, at_once, longest, settings, head, gpus)


def test_memory_of_training():
    shape = fact("meta-llama/Llama-3.1-8B-Instruct")
    count = shape.parameters("reward")
    alone = memory(training(), shape)
    assert (alone.weights, alone.optimiser) == (4 * count, 12 * count)
    autocast = memory(training(bf16=True), shape)
    assert (autocast.weights, autocast.optimiser) == (6 * count, 12 * count)
    four = memory(training(gpus=4, bf16=True), shape)
    assert (four.weights, four.optimiser) == (2 * count, 14 * count / 4)
    low_rank = memory(training(lora=True, lora_rank=16, lora_targets=["q_proj", "v_proj"]), shape)
    adapters = 32 * 16 * (4096 + 4096 + 4096 + 1024) + 4096
    assert (low_rank.weights, low_rank.optimiser) == (4 * count, 12 * adapters)


def test_gradient_checkpointing_keeps_one_number_a_layer_and_token():
    shape = fact("meta-llama/Llama-3.1-8B-Instruct")
    block = 2 * shape.activation_bytes(400, "float32")
    kept = memory(training(gradient_checkpointing=True), shape).activations
    assert kept == 32 * 4096 * 4 * 400 + block
    assert memory(training(), shape).activations == 34 / 2 * block
    assert memory(training(head="words"), shape).activations == 34 / 2 * block + 10 * 128256 * 400


def test_what_would_make_training_fit():
    shape = fact("meta-llama/Llama-3.1-8B-Instruct")
    assert remedy(training(gradient_checkpointing=True), shape, LIMIT) == "8 GPUs with ZeRO-2"
    assert remedy(training(gradient_checkpointing=True), shape, 80e9) == "2 GPUs with ZeRO-2"
    assert remedy(training(), shape, 10e9).startswith("no setting")


def test_seconds_of_reading_by_hand():
    device = gpu(40e9, 100e12, 10e12, 1e12)
    shape = fact("Qwen/Qwen3-0.6B")
    task = Read({"model": "m", "dtype": "bfloat16"}, 1000, 200_000, 250_000, 10_000)
    products = shape.flops(200_000, 125) / (100e12 * 0.4)
    moved = 28 * (20 * 1024 + 3 * 3072) * 2 * 200_000 / 1e12
    weights = shape.parameters("none") * 2 / 1e9
    started = (20 + 16) * 28 * 0.5e-3
    cut = 1000 * HOST.text_seconds + 250_000 * HOST.token_seconds
    expected = products + moved + weights + started + cut
    assert seconds(task, shape, device, HOST) == pytest.approx(expected)


def forward(shape, tokens, context, use, device):
    moved = shape.layers * (20 * shape.hidden + 3 * shape.intermediate) * 2 * tokens
    return shape.flops(tokens, context) / (100e12 * use) + moved / device.bandwidth


@pytest.mark.parametrize(("engine", "steps"), [("hf", 100 * 200), ("vllm", 100 * 50)])
def test_seconds_of_generation_by_hand(engine, steps):
    device = gpu(40e9, 100e12, 10e12, 1e12)
    shape = fact("Qwen/Qwen3-0.6B")
    weights = 2 * shape.parameters()
    held = weights + shape.kv_bytes(64 * 200, "bfloat16")  # 100 of the prompt, half of 200 more
    step = held / 1e12 + forward(shape, 64, 200, 0.4, device)
    step += 2 * 1024 * 151936 * 64 / (100e12 * 0.4) + 28 * 0.5e-3 + device.decode_seconds
    prompts = forward(shape, 6400 * 100, 50, 0.4, device) + 6400 * HOST.text_seconds
    expected = weights / 1e9 + prompts + steps * step
    assert seconds(writing(engine=engine), shape, device, HOST) == pytest.approx(expected)


def test_seconds_of_training_by_hand():
    device = gpu(40e9, 100e12, 10e12, 1e12)
    shape = fact("Qwen/Qwen3-0.6B")
    # 1000 texts of 50 tokens in 10 steps on 2 GPUs, 4 at once: 12.5 turns a step
    task = training(gpus=2, bf16=True, gradient_checkpointing=True)
    count = shape.parameters("reward")
    products = 4 * forward(shape, 50_000, 25, 0.35, device) / 2
    started = 10 * 12.5 * 4 * 28 * 0.5e-3
    fixed = 10 * (device.train_step_seconds + 28 * count / 2 / 1e12)
    setup = HOST.fit_seconds + 1000 * HOST.text_seconds + 4 * count / 1e9
    assert seconds(task, shape, device, HOST) == pytest.approx(products + started + fixed + setup)


def test_logits_and_noise_of_short_prompts():
    shape = fact("Qwen/Qwen3-0.6B")
    assert memory(writing(longest=2), shape).activations == 40 * 64 * 151936


def test_products_of_heads_and_vaes():
    # 4,096 x 256 weights: a product forward and one for their gradient, 2 FLOPs, both answers
    assert reward_flops(4096, 256) == 2 * 2 * 2 * 4096 * 256
    # encoder 2 and decoder 3 products of 64 d, the small layers 3 of 3 x 64 x 16
    assert vae_flops(100, {"hidden": 64, "latent": 16}) == 4 * (5 * 6400 + 9 * 1024)


def test_narrow_products_lose_half_of_the_rate():
    assert share(0.8, 64, 64) == pytest.approx(0.4)
    assert share(0.4, 0, 64) == 0.4


def test_time_grows_with_what_is_done():
    shape, device = fact("Qwen/Qwen3-0.6B"), DEVICES["a100-40"]

    def time(task):
        return seconds(task, shape, device, HOST)

    assert time(writing(limit=400)) > 1.9 * time(writing())
    assert time(writing(batch=128)) < time(writing())
    assert time(writing(engine="vllm")) < time(writing())
    assert time(training(texts=2000)) > time(training())
    assert time(training(gpus=4)) < time(training())
    assert time(training(gradient_checkpointing=True)) > time(training())
    assert time(training(lora=True)) < time(training())
    faster = seconds(reading("m"), shape, DEVICES["h100"], HOST)
    assert faster < time(reading("m"))
    assert time(reading("m")) < seconds(reading("m"), shape, CPU, HOST)


def test_early_stopping_waits_for_its_patience():
    config = {"plan": {"reward_steps": 700}}
    settings = {"batch_size": 128, "patience": 5, "epochs": 20}
    assert epochs_of_reward(config, settings, 100) == 20
    assert epochs_of_reward(config, settings, 128 * 50) == 14
    assert epochs_of_reward(config, settings, 128 * 1000) == 6


def test_longest_chain():
    # 0 -> 1 -> 3 takes 1 + 5 + 1, 0 -> 2 -> 3 takes 1 + 2 + 1, 4 alone takes 6
    after = {3: [1, 2], 1: [0], 2: [0], 0: [], 4: []}
    assert graph.longest_chain({0: 1, 1: 5, 2: 2, 3: 1, 4: 6}, after) == [0, 1, 3]
    assert graph.longest_chain({0: 1, 1: 5, 2: 2, 3: 1, 4: 8}, after) == [4]
    assert graph.longest_chain({}, {}) == []


def resolved(monkeypatch, folder, *configfiles, **more):
    monkeypatch.chdir(folder)
    return graph.resolve(ROOT / "Snakefile", configfiles=configfiles, everything=True, **more)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return resolved(patch, tmp_path_factory.mktemp("small"), SMALL)


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("paper")
        return resolved(patch, folder, ROOT / "workflow/configs/paper.yaml")


def counted(listing):
    """{rule: jobs} of the table of `snakemake -n --quiet rules`."""
    rows = re.findall(r"^(\w+) +(\d+)$", listing, re.MULTILINE)
    return {rule: int(count) for rule, count in rows}


@pytest.mark.slow
def test_jobs_are_those_of_a_dry_run(small, tmp_path):
    run = snakemake("-n", "--quiet", "rules", "--configfile", SMALL, directory=tmp_path)
    listed = counted(run.stdout + run.stderr)
    assert Counter(job.rule for job in small[0]) == {
        rule: count for rule, count in listed.items() if rule != "total"
    }
    assert [job.number for job in small[0]] == list(range(len(small[0])))
    assert [job.rule for job in small[0]] == sorted(job.rule for job in small[0])
    assert all(list(job.after) == sorted(job.after) for job in small[0])
    plan = totals.plan(*small)
    assert {rule: stage["jobs"] for rule, stage in plan["stages"].items()} == {
        rule: count for rule, count in listed.items() if rule not in ("total", "paper")
    }
    assert plan["total"]["jobs"] == listed["total"] - 1


def test_every_rule_that_takes_a_gpu_is_known():
    found = {name for name, rule in workflow_rules().items() if "gpu" in rule.resources}
    assert len(found) > 10
    assert found <= set(KNOWN)


def test_a_rule_with_a_gpu_that_is_not_known_is_an_error():
    with pytest.raises(LensError, match="rule new_rule"):
        work_of("new_rule", {}, {}, gpus=1)


def test_shards_share_what_their_stage_does(small):
    jobs, config = small
    config = totals.with_widths(config, totals.Shapes(config))
    seen = set()
    for job in jobs:
        if job.rule not in SHARDS:
            continue
        seen.add(job.rule)
        assert "shard" in job.wildcards
        whole = work_of(job.rule, job.wildcards, config)
        section = config["shards"][SHARDS[job.rule]]
        four = {**config, "shards": {**config["shards"], SHARDS[job.rule]: {**section, "jobs": 4}}}
        part = work_of(job.rule, job.wildcards, four)
        assert 4 * part.rows == whole.rows > 0
        assert 4 * part.disk == whole.disk
        key = "tokens" if isinstance(whole.tasks[0], Read) else "answers"
        assert 4 * getattr(part.tasks[0], key) == getattr(whole.tasks[0], key)
        assert {name: 4 * count for name, count in part.stored.items()} == whole.stored
    assert seen == {"embed_pairs", "embed_candidates", "generate_candidates", "score_candidates"}


def test_sizes_are_within_the_limits_of_the_config(small, paper):
    own = sizes(small[1], "dialogue")
    assert (own.train, own.test, own.prompts) == (300, 100, 12)
    own = sizes(paper[1], "hh-rlhf")
    assert (own.train, own.test, own.prompts) == (100_000, 8552, 1000)


def test_more_scales_and_pairs_take_longer(paper):
    config = totals.with_widths(paper[1], totals.Shapes(paper[1]))
    place = {"dataset": "hh-rlhf", "model": "llama-3.1-8b", "n_pairs": "1000", "scale": "2"}

    def work(rule="train_reward", **more):
        given = {**place, "method": "lens", "sampling": "standard", "job": "x2", **more}
        return totals.time_of(
            work_of(rule, given, config), totals.Shapes(config), DEVICES["a100-80"]
        )

    assert work() < work(scale="4") < work(scale="8") < work(scale="8", n_pairs="10000")
    text = {"rule": "train_text", "method": "full_finetune"}
    assert work(**text) < work(**text, job="x4") < work(**text, job="x8")
    assert 1.9 < work(**text, n_pairs="50000") / work(**text, n_pairs="25000") < 2.1


def test_what_text_stages_of_the_paper_do(paper):
    config = totals.with_widths(paper[1], totals.Shapes(paper[1]))
    place = {"dataset": "hh-rlhf", "model": "llama-3.1-8b", "n_pairs": "1000"}

    def work(rule, **more):
        return work_of(rule, {**place, "sampling": "standard", **more}, config)

    # 28 pairs of 8 responses in both orders, of the prompts of three draws of 1,000 in 100,000
    prompts = round(100_000 * (1 - 0.99**3))
    assert work("judge_responses", prompts="n1000").tasks[0].answers == 2 * 28 * prompts
    # scale 1 is trained once, not with its controls
    own, control = (work("train_text", method=m, job="x1") for m in ("lora", "lora_repeat"))
    assert (len(own.tasks), own.rows) == (1, 3000)
    assert (len(control.tasks), control.rows) == (0, 0)
    full = work("train_text", method="ipo", job="x8")
    assert full.tasks[0].texts == 2 * 8000
    assert full.tasks[0].times == 3
    assert list(full.stored.values()) == [3]


def test_disk_of_the_papers_embeddings(paper):
    stage = totals.plan(*paper)["stages"]["embed_pairs"]
    widths = {"gemma-2b": 2304, "llama-3.2-3b": 3072, "mistral-7b": 4096}
    widths |= {"qwen-2.5-7b": 3584, "llama-3.1-8b": 4096, "qwen-2.5-14b": 5120}
    hh, tldr = 2 * (100_000 + 8552), 2 * (92_858 + 10_000)
    layers = 3 * 4096 * hh  # of llama-3.1-8b, on HH alone
    assert stage["disk_bytes"] == 2 * (sum(widths.values()) * (hh + tldr) + layers)


def test_plan_of_the_paper(paper):
    plan = totals.plan(*paper)
    assert plan["machine"] == "a100-80"
    too_large = {
        (row["model"], row["use"]): row["too_large_for"]
        for row in plan["models"]
        if row["too_large_for"]
    }
    assert too_large[("Qwen/Qwen2.5-14B-Instruct", "reading")] == ["40 GB"]
    assert ("google/gemma-2-2b-it", "reading") not in too_large
    total = plan["total"]
    assert total["gpu_hours"] == pytest.approx(
        sum(stage["gpu_hours"] for stage in plan["stages"].values())
    )
    train = plan["stages"]["train_text"]
    assert train["gpu_hours"] == pytest.approx(4 * train["seconds"] / 3600)
    assert plan["longest_chain"]["seconds"] < total["seconds"]
    assert plan["beyond_runtime"] == []
    # 52 jobs, three seeds, and adapters or all of 8B weights in float32: terabytes
    assert train["disk_bytes"] > 3e12
    faster = totals.plan(*paper, "h100")
    assert faster["total"]["gpu_hours"] < total["gpu_hours"]
    assert faster["total"]["disk_bytes"] == total["disk_bytes"]
    without = totals.plan(*paper, "cpu")
    assert without["total"]["gpu_hours"] == 0
    assert without["total"]["cpu_hours"] > 100 * total["cpu_hours"]
    assert without["models"] == []
    with pytest.raises(LensError, match="machine 'tpu'"):
        totals.plan(*paper, "tpu")


def test_temporary_files_are_told_apart(small):
    stages = totals.plan(*small)["stages"]
    scored = stages["score_candidates"]
    assert scored["temporary_bytes"] == scored["disk_bytes"] > 0
    assert stages["gather_gold"]["temporary_bytes"] == 0
    assert stages["gather_gold"]["disk_bytes"] == scored["disk_bytes"]
    assert stages["embed_pairs"]["temporary_bytes"] == 0


def test_gpus_memory_and_time_of_jobs_add_up():
    config = {"run": "r", "models": {}, "plan": {}}
    jobs = [
        graph.Job(0, "label_pairs", {"dataset": "d"}, 2, 0, 10),
        graph.Job(1, "figure_2", {}, 1, 0, None, after=(0,)),
        graph.Job(2, "paper", {}, 1, 0, None, after=(1,)),
    ]
    plan = totals.plan(jobs, config)
    first, second = HOST.start["table"] + 1e5 / HOST.save_rate, HOST.start["page"]
    second += 1e5 / HOST.save_rate
    assert plan["machine"] == "cpu"
    assert plan["total"]["seconds"] == pytest.approx(first + second)
    assert plan["total"]["cpu_hours"] == pytest.approx((2 * first + second) / 3600)
    assert plan["longest_chain"]["seconds"] == pytest.approx(first + second)
    assert [job["rule"] for job in plan["longest_chain"]["jobs"]] == ["label_pairs", "figure_2"]


def test_world_texts_have_the_words_that_the_plan_counts(small):
    shape = of_the_world(small[1]["world"]["base_model"])
    assert (shape.hidden, shape.layers, shape.intermediate) == (64, 2, 128)
    assert shape.parameters() == 91_712  # as docs/world.md has it
    assert shape.parameters("reward") == 87_040


def results_folder(root):
    """A finished run's files in both layouts: two benchmarks, one of two attempts, and costs."""
    for path, lines in {
        "benchmarks/train_vae/d/m/n20/standard.jsonl": [2.0],
        "benchmarks/train_vae/d/m/n40/standard.jsonl": [1.0, 3.0],
        "benchmarks/table_1.jsonl": [4.0],
    }.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps({"s": second}) + "\n" for second in lines))
    for place, second in {"embed_pairs/d/m": 5.0, "train_vae/d/m/n20/standard": 1.5}.items():
        file = root / place / "cost.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"wall_seconds": second}))
    return root


@pytest.mark.parametrize(
    ("name", "configfiles"), [("default", []), ("demo", ["workflow/configs/demo.yaml"])]
)
def test_predictions_hold_for_finished_runs(name, configfiles, tmp_path, monkeypatch):
    # Seconds that Snakemake noted of whole runs on the machine of docs/plan.md.
    recorded = json.loads((ROOT / "tests/plan/measured_runs.json").read_text())["seconds"][name]
    plan = totals.plan(*resolved(monkeypatch, tmp_path, *(ROOT / file for file in configfiles)))
    compared = measured.compare(plan, {rule: tuple(row) for rule, row in recorded.items()})
    assert 1 / 1.3 < compared["total"]["ratio"] < 1.3
    long = [
        row for row in compared["stages"] if row["measured"] > compared["total"]["measured"] / 20
    ]
    assert len(long) >= 4
    assert [row["rule"] for row in long if not 0.5 < row["ratio"] < 2] == []


def test_measured_seconds_of_a_run(tmp_path):
    found = measured.measured(results_folder(tmp_path))
    assert found == {"train_vae": (2, 6.0), "table_1": (1, 4.0), "embed_pairs": (1, 5.0)}
    stages = {
        "train_vae": {"jobs": 2, "seconds": 9.0},
        "embed_pairs": {"jobs": 2, "seconds": 4.0},
        "figure_2": {"jobs": 1, "seconds": 1.0},
    }
    compared = measured.compare({"stages": stages}, found)
    assert [row["rule"] for row in compared["stages"]] == ["train_vae", "embed_pairs"]
    assert [row["ratio"] for row in compared["stages"]] == [1.5, 0.8]
    assert compared["total"] == {"predicted": 13.0, "measured": 11.0, "ratio": 13 / 11}
    assert compared["only_planned"] == ["figure_2"]
    assert compared["only_measured"] == ["table_1"]
    shown = render.as_text([render.check_table(compared)])
    assert "2 (measured: 1)" in shown
    assert "1.50" in shown
    with pytest.raises(LensError, match="finished run"):
        measured.measured(tmp_path / "nothing")


def test_what_is_done_is_not_counted(tmp_path, monkeypatch, capsys):
    given = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(SMALL)]
    done = snakemake(
        "--cores",
        "1",
        "--configfile",
        SMALL,
        "--",
        "results/small/build_world/truth.json",
        directory=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    main(["plan", *given, "--out", "rest.json", "rest.md"])
    shown = capsys.readouterr().out
    main(["plan", *given, "--everything", "--out", "all.json"])
    rest, everything = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("rest", "all"))
    assert "build_world" not in rest["stages"]
    assert everything["total"]["jobs"] == rest["total"]["jobs"] + 1
    assert shown.startswith("Run small on cpu\nstage ")
    text = (tmp_path / "rest.md").read_text()
    assert text.startswith("## Run small on cpu\n\n| stage | jobs |")
    assert "The longest chain" in text


def test_the_rule_writes_the_plan_of_its_own_config(tmp_path):
    done = snakemake(
        "--cores",
        "1",
        "--configfile",
        SMALL,
        "--config",
        "run=other",
        "--",
        "results/other/plan.json",
        directory=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "results/other/plan.json").read_text())
    assert plan["run"] == "other"
    assert plan["stages"]["train_vae"]["jobs"] == 2
    assert "plan" not in plan["stages"]
    assert (tmp_path / "results/other/plan.md").read_text().startswith("## Run other on cpu")
    assert not (tmp_path / "results/other/build_world").exists()


def test_errors_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LensError, match=r"Snakefile: no such file"):
        graph.resolve("Snakefile")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(yaml.safe_dump({"compare": {"datasets": ["nowhere"]}}))
    with pytest.raises(LensError, match=r"compare.datasets names \['nowhere'\]"):
        graph.resolve(ROOT / "Snakefile", configfiles=[wrong])
    with pytest.raises(SystemExit, match=r"plan\.txt: the plan is written as \.md or \.json"):
        main(["plan", "--out", "plan.txt"])


def test_machines_of_the_command():
    import argparse

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    (machine,) = (action for action in parser._actions if action.dest == "machine")
    assert set(machine.choices) == set(DEVICES)


def test_nothing_takes_no_time():
    assert totals.time_of(Work("nothing"), totals.Shapes({}), CPU) == 0
