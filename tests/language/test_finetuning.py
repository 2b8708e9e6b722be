"""Training on text with TRL: what moves, what is saved, what is refused."""

import itertools
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.language import finetuning, gold, loading
from lens.language.finetuning import Lora, Settings
from lens.language.templates import answer_starts, common_prefix
from tests.helpers.text_training import ONCE, classifier, rows, train
from tests.helpers.word_models import WORDS, save_tokenizer, shape

pytestmark = pytest.mark.skipif(  # importing them here would take seconds of every run
    not (find_spec("trl") and find_spec("peft")), reason="extra `text` is not installed"
)


@pytest.fixture(autouse=True)
def one_thread():
    loading.set_threads(1)


def score(folder, texts):
    _, model = finetuning.load_reward(str(folder), dtype="float32", device="cpu")
    return gold.score(model, texts, batch_tokens=64)


def test_full_fine_tuning_moves_every_weight_and_learns_the_order(llama_folder, tmp_path):
    settings = Settings(epochs=30, learning_rate=1e-2, batch_size=4)
    before, facts = train(llama_folder, tmp_path / "m", settings=settings)
    _, after = finetuning.load_reward(str(tmp_path / "m"), dtype="float32", device="cpu")
    unmoved = [n for n, value in after.named_parameters() if torch.equal(value, before[n])]
    assert unmoved == []
    chosen, rejected = rows(8)
    assert (score(tmp_path / "m", chosen) > score(tmp_path / "m", rejected)).all()
    assert facts["steps"] == 60
    assert facts["last_loss"] < 0.1 < facts["first_loss"]
    assert facts["trained_parameters"] == facts["parameters"]
    assert facts["tokens"] == 30 * sum(map(len, chosen + rejected))


def test_the_loss_is_bradley_terry_on_the_last_token(llama_folder, tmp_path):
    """The first logged loss, before any step, by hand from the untrained model's scores."""
    chosen, rejected = rows(4)
    _, model = classifier(llama_folder, seed=3)
    gaps = gold.score(model.eval(), chosen, batch_tokens=64) - gold.score(
        model, rejected, batch_tokens=64
    )
    _, facts = train(llama_folder, tmp_path / "m", seed=3, data=(chosen, rejected))
    expected = np.log1p(np.exp(-gaps.astype(np.float64))).mean()
    assert facts["first_loss"] == pytest.approx(expected, rel=1e-4)


def test_lora_trains_adapters_and_head_alone_and_saves_no_base_weights(llama_folder, tmp_path):
    settings = Settings(epochs=30, learning_rate=5e-2, batch_size=4)
    before, facts = train(llama_folder, tmp_path / "m", lora=Lora(rank=2), settings=settings)
    # two layers, A and B of q_proj and v_proj, and the head of 16
    assert facts["trained_parameters"] == 2 * (2 * (16 + 16) + 2 * (16 + 8)) + 16
    assert (tmp_path / "m/adapter_model.safetensors").is_file()
    assert not (tmp_path / "m/model.safetensors").exists()
    _, merged = finetuning.load_reward(str(tmp_path / "m"), dtype="float32", device="cpu")
    for name, value in merged.named_parameters():
        moved = not torch.equal(value, before[name])
        assert moved == any(part in name for part in ("q_proj", "v_proj", "score")), name
    chosen, rejected = rows(8)
    assert (score(tmp_path / "m", chosen) > score(tmp_path / "m", rejected)).mean() > 0.8


def test_a_lora_target_that_is_not_there_is_named_with_those_that_are(llama_folder, tmp_path):
    with pytest.raises(LensError, match=r"LoRA targets \['c_attn'\]: .* it has .*q_proj.*v_proj"):
        train(llama_folder, tmp_path / "m", lora=Lora(targets=("c_attn", "v_proj")))
    train(llama_folder, tmp_path / "all", lora=Lora(targets=("all-linear",)))


@pytest.mark.parametrize("lora", [None, Lora()])
def test_a_seed_gives_the_same_bytes_and_another_others(llama_folder, tmp_path, lora):
    name = "adapter_model.safetensors" if lora else "model.safetensors"
    got = []
    for run, seed in enumerate((0, 0, 1)):
        train(llama_folder, tmp_path / str(run), lora=lora, seed=seed)
        got.append((tmp_path / str(run) / name).read_bytes())
    assert got[0] == got[1] != got[2]


def test_a_batch_in_parts_is_the_same_step(llama_folder, tmp_path):
    for name, each in (("whole", None), ("parts", 2)):
        settings = Settings(epochs=2, learning_rate=1e-3, batch_size=8, device_batch_size=each)
        train(llama_folder, tmp_path / name, settings=settings)
    chosen, _ = rows(8)
    np.testing.assert_allclose(
        score(tmp_path / "whole", chosen), score(tmp_path / "parts", chosen), atol=1e-4
    )
    with pytest.raises(LensError, match="batch_size 8 is not a multiple of 1 processes x device_"):
        train(
            llama_folder,
            tmp_path / "odd",
            settings=Settings(epochs=1, learning_rate=1e-3, batch_size=8, device_batch_size=3),
        )


@pytest.mark.slow
def test_an_end_token_that_is_also_padding_still_counts_as_the_last_token(tmp_path):
    """Training reads the state at the end token, as scoring does, and the tokenizer stays."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path / "base"
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**shape(num_key_value_heads=1, pad_token_id=2)))
    model.save_pretrained(folder)
    before = save_tokenizer(folder, pad="<eos>")
    chosen, rejected = rows(4)
    _, model = classifier(folder, seed=3)
    gaps = gold.score(model.eval(), chosen, batch_tokens=64) - gold.score(
        model, rejected, batch_tokens=64
    )
    _, facts = train(folder, tmp_path / "m", seed=3, data=(chosen, rejected))
    expected = np.log1p(np.exp(-gaps.astype(np.float64))).mean()
    assert facts["first_loss"] == pytest.approx(expected, rel=1e-4)
    saved, trained = finetuning.load_reward(str(tmp_path / "m"), dtype="float32", device="cpu")
    assert trained.config.pad_token_id not in {id for ids in chosen + rejected for id in ids}
    assert saved.get_vocab() == before.get_vocab()
    assert set(saved.all_special_ids) == set(before.all_special_ids)


@pytest.mark.slow
def test_a_tokenizer_without_padding_keeps_its_words(tmp_path):
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path / "base"
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(**shape(num_key_value_heads=1, pad_token_id=None))
    ).save_pretrained(folder)
    save_tokenizer(folder, pad=None)
    train(folder, tmp_path / "m")
    first, after = (AutoTokenizer.from_pretrained(f) for f in (folder, tmp_path / "m"))
    text = " ".join(WORDS)
    assert after(text)["input_ids"] == first(text)["input_ids"]
    ids = list(range(6, 6 + len(WORDS)))
    assert after.decode(ids, skip_special_tokens=True) == text


def test_a_loss_that_explodes_is_an_error(llama_folder, tmp_path):
    with pytest.raises(LensError, match=r"the loss ended at (nan|inf)"):
        train(
            llama_folder,
            tmp_path / "m",
            settings=Settings(epochs=20, learning_rate=1e30, batch_size=4),
        )
    assert not (tmp_path / "m").exists()


def sft(folder, out, settings=ONCE, starts=3):
    from transformers import AutoModelForCausalLM

    tokenizer, model = loading.load(
        AutoModelForCausalLM, str(folder), revision=None, dtype="float32", device="cpu"
    )
    texts, _ = rows(4)
    return finetuning.train_sft(
        model, tokenizer, texts, [starts] * 4, settings, seed=0, out=out
    ), texts


def loss_by_hand(folder, texts, start, end=None):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    logs = []
    for ids in texts:
        logits = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        stop = min(len(ids), end or len(ids))
        logs += [-logits[place - 1, ids[place]].item() for place in range(start, stop)]
    return np.mean(logs)


def test_sft_learns_what_follows_the_prompt_and_nothing_else(llama_folder, tmp_path):
    """The first loss by hand: mean negative log likelihood of the tokens after the prompt."""
    from transformers import AutoModelForCausalLM

    settings = Settings(epochs=40, learning_rate=1e-2, batch_size=4, max_length=64)
    facts, texts = sft(llama_folder, tmp_path / "m", settings)
    assert facts["first_loss"] == pytest.approx(loss_by_hand(llama_folder, texts, 3), rel=1e-4)
    assert facts["last_loss"] < 0.5 * facts["first_loss"]
    assert (facts["texts"], facts["texts_shortened"], facts["texts_without_room"]) == (4, 0, 0)
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "m").num_parameters() > 0


def test_sft_cuts_long_texts_at_their_end(llama_folder, tmp_path):
    settings = Settings(epochs=1, learning_rate=1e-3, batch_size=4, max_length=5)
    facts, texts = sft(llama_folder, tmp_path / "m", settings)
    expected = loss_by_hand(llama_folder, texts, 3, end=5)
    assert facts["first_loss"] == pytest.approx(expected, rel=1e-4)
    assert facts["texts_shortened"] == sum(len(text) > 5 for text in texts) > 0


def test_sft_leaves_out_a_prompt_without_room_and_says_so(llama_folder, tmp_path):
    settings = Settings(epochs=1, learning_rate=1e-3, batch_size=4, max_length=5)
    with pytest.raises(LensError, match="no prompt leaves room for an answer"):
        sft(llama_folder, tmp_path / "m", settings, starts=5)


@pytest.mark.parametrize("style", ["chat", "plain"])
def test_answers_begin_where_the_prompt_ends(llama_folder, style):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    prompt = '[{"role": "user", "content": "w1 w2"}]'
    ids, starts = answer_starts([prompt, prompt], ["w3 w4", "w1"], tokenizer, style)
    words = [tokenizer.decode(text[start:]) for text, start in zip(ids, starts, strict=True)]
    assert words == ["w3 w4 <eos>", "w1 <eos>"]
    cut, same = answer_starts([prompt] * 2, ["w3 w4", "w1"], tokenizer, style, [False, True])
    assert (cut, same) == ([ids[0][:-1], ids[1]], starts)


@pytest.mark.parametrize("answer", ["w3", "os", "", "w1 w2"])
def test_a_cut_answer_ends_with_itself_whatever_else_the_text_holds(llama_folder, answer):
    """Answers that stand in the prompt or in the template's end mark, too."""
    from transformers import AutoTokenizer

    from lens.language.templates import render

    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    prompt = '[{"role": "user", "content": "w1 w2"}]'
    read = []
    tokenizer_of_texts = type(tokenizer).__call__

    def noting(self, texts, **options):
        read.append(texts)
        return tokenizer_of_texts(self, texts, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(tokenizer), "__call__", noting)
        answer_starts([prompt], [answer], tokenizer, "chat", [False])
    assert read[1] == [render(prompt, None, "chat", tokenizer) + answer]


def test_no_end_follows_a_cut_answer_where_the_tokenizer_itself_adds_one(llama_folder):
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    end = (tokenizer.eos_token, tokenizer.eos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"$A {end[0]}", special_tokens=[end]
    )
    prompt = '[{"role": "user", "content": "w1 w2"}]'
    ids, _ = answer_starts([prompt] * 2, ["w3 w4"] * 2, tokenizer, "plain", [True, False])
    assert ids[0] == [*ids[1], end[1]]
    assert end[1] not in ids[1]


def test_common_prefix():
    assert common_prefix([1, 2, 3], [1, 2, 4, 5]) == 2
    assert common_prefix([1, 2], [1, 2, 3]) == 2
    assert common_prefix([9], [1]) == 0


@pytest.mark.slow
def test_a_missing_package_is_named_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(
        LensError, match=r'needs peft, which is missing\. Run `pip install "lens-rm'
    ):
        finetuning.require("trl", "peft")


def test_sums_in_bfloat16_leave_the_weights_in_their_type(llama_folder, tmp_path):
    settings = Settings(epochs=1, learning_rate=1e-2, batch_size=4, bf16=True)
    before, facts = train(llama_folder, tmp_path / "m", settings=settings)
    _, after = finetuning.load_reward(str(tmp_path / "m"), dtype="float32", device="cpu")
    assert after.dtype == torch.float32
    moved = [n for n, value in after.named_parameters() if not torch.equal(value, before[n])]
    assert len(moved) == len(before)
    _, exact = train(llama_folder, tmp_path / "n")
    assert facts["first_loss"] == pytest.approx(exact["first_loss"], rel=0.05)
    assert facts["first_loss"] != exact["first_loss"]


def test_only_weights_that_adapters_leave_as_they_are_may_be_bfloat16():
    for lora, bf16 in itertools.product((None, Lora()), (False, True)):
        settings = Settings(epochs=1, learning_rate=1e-3, batch_size=4, bf16=bf16)
        expected = "bfloat16" if lora and bf16 else "float32"
        assert finetuning.weights_dtype("bfloat16", settings, lora) == expected
        assert finetuning.weights_dtype("float32", settings, lora) == "float32"


@pytest.mark.parametrize("lora", [None, Lora(targets=("all-linear",))])
def test_small_steps_are_not_lost_in_a_model_that_was_loaded_in_bfloat16(
    llama_folder, tmp_path, lora
):
    """A step of 1e-5 is far below what bfloat16 tells apart at these weights."""
    from safetensors.torch import load_file

    settings = Settings(epochs=1, learning_rate=1e-5, batch_size=8, bf16=True)
    before, facts = train(
        llama_folder, tmp_path / "m", lora=lora, settings=settings, dtype="bfloat16"
    )
    saved = load_file(tmp_path / "m" / ("adapter_" * bool(lora) + "model.safetensors"))
    assert {value.dtype for value in saved.values()} == {torch.float32}
    assert sum(value.numel() for value in saved.values()) == facts["trained_parameters"]
    assert facts["trained_parameters"] == facts["parameters"] or lora
    [head] = [value for name, value in saved.items() if name.endswith("score.weight")]
    moved = (head - before["score.weight"].float()).abs()
    assert (moved > 0).all()
    assert (moved <= 1.01e-5).all()


@pytest.mark.parametrize("bf16", [False, True])
def test_a_model_scores_after_its_training_as_when_it_is_loaded(llama_folder, tmp_path, bf16):
    """Sums in bfloat16 end with the training."""
    settings = Settings(epochs=1, learning_rate=1e-3, batch_size=4, bf16=bf16)
    chosen, rejected = rows(8)
    tokenizer, model = classifier(llama_folder, seed=0)
    finetuning.train_reward(
        model, tokenizer, chosen, rejected, settings, lora=None, seed=0, out=tmp_path / "m"
    )
    now = gold.score(model.eval(), chosen, batch_tokens=64)
    np.testing.assert_allclose(now, score(tmp_path / "m", chosen), atol=1e-6)
    logits = model(input_ids=torch.tensor(chosen[:1])).logits
    assert (logits != logits.bfloat16().float()).any()


def test_each_process_takes_its_own_gpu(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "3")
    with pytest.raises(LensError, match="device cuda:3: cannot be used here"):
        loading.pick_device("cuda")
    assert loading.pick_device("cpu") == "cpu"
