rule best_of_n:
    input:
        models=expand(
            "<results>/train_reward/{{dataset}}/{{model}}/n{{n_pairs}}/{{method}}/x{{scale}}/seed_{seed}.safetensors",
            seed=CONFIG.compare.seeds,
        ),
        training="<results>/train_reward/{dataset}/{model}/n{n_pairs}/{method}/x{scale}/metrics.json",
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
    resources:
        mem_mb=grows(8000),
        runtime=lasts(30),
    params:
        own=told(flags.judging_cell_flags),
        seeds=CONFIG.compare.seeds,
    shell:
        "python -m lens best-of-n --seeds {params.seeds:q} --pairs {input.pairs:q}"
        " --pair-embeddings {input.pair_embeddings:q} --candidates {input.candidates:q}"
        " --candidate-embeddings {input.candidate_embeddings:q} --gold {input.gold:q}"
        " --dataset {wildcards.dataset:q} --model {wildcards.model:q} --n-pairs {wildcards.n_pairs:q}"
        " {params.own} 2>&1 | tee {log:q}"


# The same for several methods and scales, those that share a job of train_reward.
for batch in BATCHES:

    rule:
        name:
            f"best_of_n_{batch.rule}"
        input:
            models=batches.to_judge(CONFIG, batch),
            pairs=f"<results>/prepare_pairs/{batch.at.dataset}/pairs.parquet",
            pair_embeddings=inputs.embedded_at(CONFIG, "embed_pairs", batch.at),
            candidates=inputs.candidate_table(CONFIG, batch.at),
            candidate_embeddings=inputs.embedded_at(CONFIG, "embed_candidates", batch.at),
            gold=inputs.gold_table(CONFIG, batch.at),
            code=[*code("best_of_n"), *code("each")],
        output:
            batches.judged(CONFIG, batch),
        log:
            f"<logs>/best_of_n/{batch.place}.log",
        benchmark:
            f"<benchmarks>/best_of_n/{batch.place}.jsonl"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=grows(8000),
            runtime=lasts(30 + len(batch.cells)),
        params:
            command=flags.judging_command(CONFIG, batch.at),
            cells=flags.of_cells(CONFIG, batch.cells, flags.judging_cell_flags),
        shell:
            "python -m lens each --command {params.command:q} --cells {params.cells:q}"
            " 2>&1 | tee {log:q}"
