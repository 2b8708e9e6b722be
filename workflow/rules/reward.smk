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
    threads: 1
    resources:
        mem_mb=grows(resources.pairs_memory),
        runtime=lasts(resources.pairs_minutes),
    params:
        folder=subpath(output.metrics, parent=True),
        seeds=CONFIG.compare.seeds,
        method=lambda wildcards: cells.method_of(CONFIG, wildcards.method),
        settings=told(flags.reward_flags),
        vae=flags.vae_flag,
        text=flags.text_flag,
    shell:
        "python -m lens train-reward --pairs {input.pairs:q} --embeddings {input.embeddings:q}"
        " --n-pairs {wildcards.n_pairs:q} --seeds {params.seeds:q} --method {params.method:q}"
        " --scale {wildcards.scale:q} {params.vae} {params.text} {params.settings}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"
