rule best_of_n:
    input:
        models=expand(
            "<results>/train_reward/{{dataset}}/{{model}}/n{{n_pairs}}/{{method}}/x{{scale}}/seed_{seed}.safetensors",
            seed=CONFIG.compare.seeds,
        ),
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        pair_embeddings="<results>/embed_pairs/{dataset}/{model}/embeddings.json",
        pair_shards=told(inputs.shards_of, "embed_pairs"),
        candidates=told(inputs.candidate_table),
        candidate_embeddings="<results>/embed_candidates/{dataset}/{model}/embeddings.json",
        candidate_shards=told(inputs.shards_of, "embed_candidates"),
        gold=told(inputs.gold_table),
        code=code("best_of_n"),
    output:
        prompts="<results>/best_of_n/{dataset}/{model}/n{n_pairs}/{method}/x{scale}/prompts.parquet",
        pairs="<results>/best_of_n/{dataset}/{model}/n{n_pairs}/{method}/x{scale}/pairs.parquet",
        metrics="<results>/best_of_n/{dataset}/{model}/n{n_pairs}/{method}/x{scale}/metrics.json",
        cost="<results>/best_of_n/{dataset}/{model}/n{n_pairs}/{method}/x{scale}/cost.json",
    log:
        "<logs>/best_of_n/{dataset}/{model}/n{n_pairs}/{method}/x{scale}.log",
    benchmark:
        "<benchmarks>/best_of_n/{dataset}/{model}/n{n_pairs}/{method}/x{scale}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=grows(8000),
        runtime=lasts(30),
    params:
        seeds=CONFIG.compare.seeds,
    shell:
        "python -m lens best-of-n --models {input.models:q} --seeds {params.seeds:q}"
        " --pairs {input.pairs:q} --pair-embeddings {input.pair_embeddings:q}"
        " --candidates {input.candidates:q} --candidate-embeddings {input.candidate_embeddings:q}"
        " --gold {input.gold:q} --dataset {wildcards.dataset:q} --model {wildcards.model:q}"
        " --method {wildcards.method:q} --scale {wildcards.scale:q} --n-pairs {wildcards.n_pairs:q}"
        " --out-prompts {output.prompts:q} --out-pairs {output.pairs:q}"
        " --metrics {output.metrics:q} 2>&1 | tee {log:q}"
