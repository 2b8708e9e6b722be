rule train_vae:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        embeddings="<results>/embed_pairs/{dataset}/{model}/embeddings.json",
        shards=pair_shards,
        code=code("train_vae"),
    output:
        models=expand(
            "<results>/train_vae/{{dataset}}/{{model}}/n{{n_pairs}}/{{vae}}/seed_{seed}.safetensors",
            seed=config["compare"]["seeds"],
        ),
        metrics="<results>/train_vae/{dataset}/{model}/n{n_pairs}/{vae}/metrics.json",
        cost="<results>/train_vae/{dataset}/{model}/n{n_pairs}/{vae}/cost.json",
    log:
        "<logs>/train_vae/{dataset}/{model}/n{n_pairs}/{vae}.log",
    benchmark:
        "<benchmarks>/train_vae/{dataset}/{model}/n{n_pairs}/{vae}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=pairs_memory,
        runtime=pairs_minutes,
    params:
        folder=subpath(output.metrics, parent=True),
        seeds=config["compare"]["seeds"],
        settings=vae_settings,
    shell:
        "python -m lens train-vae --pairs {input.pairs:q} --embeddings {input.embeddings:q}"
        " --n-pairs {wildcards.n_pairs:q} --seeds {params.seeds:q} {params.settings}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"
