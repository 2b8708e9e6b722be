rule embed_pairs:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("embed_pairs"),
    output:
        shard="<results>/embed_pairs/{dataset}/{model}/shards/{shard}.safetensors",
        report="<results>/embed_pairs/{dataset}/{model}/shards/{shard}.json",
    log:
        "<logs>/embed_pairs/{dataset}/{model}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_pairs/{dataset}/{model}/{shard}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=shard_minutes("embed_pairs"),
    params:
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        embedding=lambda wildcards: flags(config["models"][wildcards.model]["embedding"]),
        shard=shard_flags("embed_pairs"),
    shell:
        "python -m lens embed-pairs --pairs {input.pairs:q} {params.load} {params.embedding}"
        " {params.shard} --out {output.shard:q} --metrics {output.report:q} 2>&1 | tee {log:q}"


rule generate_candidates:
    input:
        prompts="<results>/prepare_pairs/{dataset}/prompts.parquet",
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("generate_candidates"),
    output:
        shard=temp("<results>/generate_candidates/{dataset}/{model}/shards/{shard}.parquet"),
        report=temp("<results>/generate_candidates/{dataset}/{model}/shards/{shard}.json"),
    log:
        "<logs>/generate_candidates/{dataset}/{model}/{shard}.log",
    benchmark:
        "<benchmarks>/generate_candidates/{dataset}/{model}/{shard}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=shard_minutes("generate_candidates"),
    params:
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        generation=lambda wildcards: flags(config["models"][wildcards.model]["generation"]),
        shard=shard_flags("generate_candidates"),
    shell:
        "python -m lens generate-candidates --prompts {input.prompts:q} {params.load}"
        " {params.generation} {params.shard} --out {output.shard:q} --metrics {output.report:q}"
        " 2>&1 | tee {log:q}"


rule embed_candidates:
    input:
        candidates=candidate_table,
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("embed_candidates"),
    output:
        shard="<results>/embed_candidates/{dataset}/{model}/shards/{shard}.safetensors",
        report="<results>/embed_candidates/{dataset}/{model}/shards/{shard}.json",
    log:
        "<logs>/embed_candidates/{dataset}/{model}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_candidates/{dataset}/{model}/{shard}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=shard_minutes("embed_candidates"),
    params:
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        embedding=lambda wildcards: flags(config["models"][wildcards.model]["embedding"]),
        shard=shard_flags("embed_candidates"),
    shell:
        "python -m lens embed-candidates --candidates {input.candidates:q} {params.load}"
        " {params.embedding} {params.shard} --out {output.shard:q} --metrics {output.report:q}"
        " 2>&1 | tee {log:q}"
