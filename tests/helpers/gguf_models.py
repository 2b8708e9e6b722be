"""A GGUF file of a small model of Qwen 2's kind, written as converters write one."""

import numpy as np

NAMES = {
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
SPECIAL = ["<pad>", "<bos>", "<eos>", "<unk>"]


def words():
    """Tokens of a byte-level tokenizer with one merge: nearly every character is one."""
    from tokenizers import pre_tokenizers

    return [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), "ab"]


def qwen(model_class, **more):
    """A random model, and its config's numbers."""
    import torch
    from transformers import Qwen2Config

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(words()),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **more,
    )
    return model_class(config).eval()


def write(path, model, *, bos=False, eos=False, template=None):
    """Writes the model's weights in float32, and the tokenizer of `words`."""
    from gguf import GGUFWriter

    config = model.config
    writer = GGUFWriter(path, "qwen2")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(words())
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(words()) - len(SPECIAL)))
    writer.add_token_merges(["a b"])
    writer.add_pad_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(bos)
    writer.add_add_eos_token(eos)
    if template:
        writer.add_chat_template(template)
    for name, value in model.state_dict().items():
        array = value.numpy().astype(np.float32)
        if name in ("lm_head.weight", "score.weight"):
            writer.add_tensor("output.weight" if "lm" in name else "cls.output.weight", array)
            continue
        name = name.removeprefix("model.")
        place = ""
        if name.startswith("layers."):
            _, number, name = name.split(".", 2)
            place = f"blk.{number}."
        stem, _, kind = name.rpartition(".")
        writer.add_tensor(f"{place}{NAMES[stem]}.{kind}", array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
