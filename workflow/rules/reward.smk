rule train_reward:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        embeddings="<results>/embed_pairs/{dataset}/{model}/embeddings.json",
        shards=told(inputs.shards_of, "embed_pairs"),
        vae=told(inputs.vae_files),
        text=told(inputs.text_files),
        code=code("train_reward"),
    output:
        models=expand(
            "<results>/train_reward/{{dataset}}/{{model}}/n{{n_pairs}}/{{method}}/x{{scale}}/seed_{seed}.safetensors",
            seed=CONFIG.compare.seeds,
        ),
        metrics="<results>/train_reward/{dataset}/{model}/n{n_pairs}/{method}/x{scale}/metrics.json",
        cost="<results>/train_reward/{dataset}/{model}/n{n_pairs}/{method}/x{scale}/cost.json",
    log:
        "<logs>/train_reward/{dataset}/{model}/n{n_pairs}/{method}/x{scale}.log",
    benchmark:
        "<benchmarks>/train_reward/{dataset}/{model}/n{n_pairs}/{method}/x{scale}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=grows(resources.pairs_memory),
        runtime=lasts(resources.pairs_minutes),
    params:
        settings=told(flags.reward_flags),
        own=told(flags.training_cell_flags),
    shell:
        "python -m lens train-reward --pairs {input.pairs:q} --embeddings {input.embeddings:q}"
        " --n-pairs {wildcards.n_pairs:q} {params.settings} {params.own} 2>&1 | tee {log:q}"


# The same for several methods and scales: lens.workflow.batches says which.
for batch in BATCHES:

    rule:
        name:
            f"train_reward_{batch.rule}"
        input:
            pairs=f"<results>/prepare_pairs/{batch.at.dataset}/pairs.parquet",
            embeddings=inputs.embedded_at(CONFIG, "embed_pairs", batch.at),
            vae=inputs.of_cells(CONFIG, batch.cells, inputs.vae_files),
            text=inputs.of_cells(CONFIG, batch.cells, inputs.text_files),
            code=[*code("train_reward"), *code("each")],
        output:
            batches.trained(CONFIG, batch),
            # Kept while the job runs anew, so that all who read the Snakefile see the same jobs.
            record=update(f"<results>/train_reward/{batch.place}.json"),
        log:
            f"<logs>/train_reward/{batch.place}.log",
        benchmark:
            f"<benchmarks>/train_reward/{batch.place}.jsonl"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=grows(resources.pairs_memory(batch.at)),
            runtime=lasts(resources.cells_minutes(batch.cells)),
        params:
            command=flags.training_command(CONFIG, batch.at),
            cells=flags.of_cells(CONFIG, batch.cells, flags.training_cell_flags),
        shell:
            "python -m lens each --command {params.command:q} --cells {params.cells:q}"
            " --record {output.record:q} 2>&1 | tee {log:q}"
