rule train_vae:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        embeddings="<results>/embed_pairs/{dataset}/{model}/embeddings.json",
        shards=told(inputs.shards_of, "embed_pairs"),
        code=code("train_vae"),
    output:
        models=expand(
            "<results>/train_vae/{{dataset}}/{{model}}/n{{n_pairs}}/{{vae}}/seed_{seed}.safetensors",
            seed=CONFIG.compare.seeds,
        ),
        metrics="<results>/train_vae/{dataset}/{model}/n{n_pairs}/{vae}/metrics.json",
        cost="<results>/train_vae/{dataset}/{model}/n{n_pairs}/{vae}/cost.json",
    log:
        "<logs>/train_vae/{dataset}/{model}/n{n_pairs}/{vae}.log",
    benchmark:
        "<benchmarks>/train_vae/{dataset}/{model}/n{n_pairs}/{vae}.jsonl"
    priority: 1  # the longest chain of reward models waits for it
    conda:
        "../../environment.yml"
    resources:
        mem_mb=grows(resources.pairs_memory),
        runtime=lasts(resources.pairs_minutes),
    params:
        folder=subpath(output.metrics, parent=True),
        seeds=CONFIG.compare.seeds,
        settings=told(flags.vae_flags),
    shell:
        "python -m lens train-vae --pairs {input.pairs:q} --embeddings {input.embeddings:q}"
        " --n-pairs {wildcards.n_pairs:q} --seeds {params.seeds:q} {params.settings}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"
