"""What jobs ask a cluster for."""

from types import SimpleNamespace as Job

import pytest

from lens.workflow import resources
from lens.workflow.resources import grows, lasts
from tests.helpers.configs import resolved


def model(mem_mb, new_tokens, candidates, engine="hf"):
    generation = {"max_new_tokens": new_tokens, "candidates": candidates, "engine": engine}
    return {
        "gpu": 1,
        "mem_mb": mem_mb,
        "load": {"model": "a/b"},
        "embedding": {},
        "generation": generation,
    }


MODELS = {
    "small": model(10_000, 100, 16),
    "large": model(40_000, 100, 16),
    "many": model(10_000, 100, 64),
    "long": model(10_000, 400, 16),
    "vllm": model(10_000, 100, 16, "vllm"),
}
SIZES = {"max_train_pairs": 90_000, "max_test_pairs": 10_000, "test_prompts": 60_000}


def config(**jobs):
    return resolved(
        {
            "artefacts": ["table_1"],
            "compare": {"datasets": ["d"], "models": list(MODELS)},
            "models": MODELS,
            "gold": {"gpu": 1, "mem_mb": 10_000, "load": {"model": "gold/model"}},
            "datasets": {"d": {"pairs": {"hub": "a/b", "test_split": "test", **SIZES}}},
            "textual": {"datasets": ["d"], "models": ["large"], "annotator": {"model": "large"}},
            "inspection": {"dataset": "d", "model": "small"},
            "shards": {kind: {"jobs": number} for kind, number in jobs.items()},
        }
    )


def test_retries_ask_for_half_as_much_again_and_time_up_to_two_days():
    assert [grows(8000)(None, attempt) for attempt in (1, 2, 3)] == [8000, 12000, 16000]
    assert [grows(lambda job: 100)(None, attempt) for attempt in (1, 2)] == [100, 150]
    assert [lasts(60)(None, attempt) for attempt in (1, 2, 3)] == [60, 90, 120]
    assert [lasts(2000)(None, attempt) for attempt in (1, 2, 3)] == [2000, 2880, 2880]
    assert [lasts(3720)(None, attempt) for attempt in (1, 2, 3)] == [3720] * 3


def test_time_and_memory_grow_with_model_rows_and_shards():
    def minutes(stage, name, **jobs):
        job = Job(dataset="d", model=name, source=name)
        return resources.shard_minutes(config(**jobs), stage, job) - resources.START

    # 200,000 texts at 4e-8 minutes for each of 10,000 MB; 96 million tokens at 7e-10
    assert minutes("embed_pairs", "small") == 80
    assert minutes("embed_pairs", "large") == 320
    assert minutes("generate_candidates", "small") == 672
    for name, times in (("large", 4), ("many", 4), ("long", 4), ("vllm", 0.1)):
        assert minutes("generate_candidates", name) == pytest.approx(672 * times, abs=1)
    assert minutes("embed_pairs", "small", embedding=4) == 20
    # 60,000 prompts with 64 answers each
    assert minutes("score_candidates", "many") == 1536
    assert minutes("score_candidates", "many", gold=2) == 768
    assert resources.model_memory(config(), Job(model="large")) == 40_000
    assert resources.pairs_memory(Job(n_pairs="100000")) == 48_000
    assert resources.pairs_minutes(Job(n_pairs="100000", scale="4")) == 460


def test_text_asks_for_gpus_where_its_model_does():
    found = config()
    assert resources.text_gpus(found, Job(model="small")) == 1
    assert resources.text_memory(found, Job()) == 40_000  # the annotator's
    assert resources.text_processes(found, Job()) == 1
    default = resolved()
    assert resources.text_gpus(default, Job(model="tiny-llama")) == 0
    assert resources.text_processes(default, Job(model="tiny-llama")) == 1
    # 200 pairs at scales 1, 2, 4, 8 for three seeds, beside two hours
    job = Job(model="tiny-llama", n_pairs="200", job="all", method="full_finetune")
    assert resources.text_minutes(default, job) == int(120 + 200 * 15 * 3 * 0.012)
    assert resources.text_minutes(default, Job(dataset="dialogue")) == 168


def test_responses_are_those_of_the_prompts():
    # Three seeds draw 200 of 4,000 pairs each, some of them the same.
    default = resolved()
    job = Job(dataset="dialogue", model="tiny-llama", prompts="n200")
    assert resources.texts(default, "sample_responses", job) == round(4000 * (1 - 0.95**3)) * 6
    job.prompts = "held_out"
    assert resources.texts(default, "sample_responses", job) == 200 * 16
    job.prompts = "n100000"  # no more than there are
    assert resources.texts(default, "embed_responses", job) == 4000 * 6
