rule train_reward:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        embeddings="<results>/embed_pairs/{dataset}/{model}/embeddings.json",
        shards=pair_shards,
        vae=vae_files,
        text=text_files,
        code=code("train_reward"),
    output:
        models=expand(
            "<results>/train_reward/{{dataset}}/{{model}}/n{{n_pairs}}/{{method}}/x{{scale}}/seed_{seed}.safetensors",
            seed=config["compare"]["seeds"],
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
        mem_mb=pairs_memory,
        runtime=pairs_minutes,
    params:
        folder=subpath(output.metrics, parent=True),
        seeds=config["compare"]["seeds"],
        method=lambda wildcards: method_of(wildcards.method),
        settings=reward_settings,
        vae=vae_flag,
        text=text_flag,
    shell:
        "python -m lens train-reward --pairs {input.pairs:q} --embeddings {input.embeddings:q}"
        " --n-pairs {wildcards.n_pairs:q} --seeds {params.seeds:q} --method {params.method:q}"
        " --scale {wildcards.scale:q} {params.vae} {params.text} {params.settings}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"
