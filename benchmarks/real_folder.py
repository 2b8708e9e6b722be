"""Saves a GGUF file as an ordinary Hugging Face folder, which loads in seconds.

python benchmarks/real_folder.py FILE.gguf FOLDER
"""

import sys

from transformers import AutoModelForCausalLM

from lens.files.atomic import replacing_folder
from lens.language import loading


def main(file: str, folder: str) -> None:
    tokenizer, model = loading.load(
        AutoModelForCausalLM, file, revision=None, dtype="float32", device="cpu"
    )
    with replacing_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


if __name__ == "__main__":
    main(*sys.argv[1:])
