rule embed_pairs:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("embed_pairs"),
    output:
        embeddings="<results>/embed_pairs/{dataset}/{model}/embeddings.safetensors",
        metrics="<results>/embed_pairs/{dataset}/{model}/metrics.json",
        cost="<results>/embed_pairs/{dataset}/{model}/cost.json",
    log:
        "<logs>/embed_pairs/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/embed_pairs/{dataset}/{model}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=720,
    params:
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        embedding=lambda wildcards: flags(config["models"][wildcards.model]["embedding"]),
    shell:
        "python -m lens embed-pairs --pairs {input.pairs:q} {params.load} {params.embedding}"
        " --out {output.embeddings:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule generate_candidates:
    input:
        prompts="<results>/prepare_pairs/{dataset}/prompts.parquet",
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("generate_candidates"),
    output:
        candidates="<results>/generate_candidates/{dataset}/{model}/candidates.parquet",
        metrics="<results>/generate_candidates/{dataset}/{model}/metrics.json",
        cost="<results>/generate_candidates/{dataset}/{model}/cost.json",
    log:
        "<logs>/generate_candidates/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/generate_candidates/{dataset}/{model}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=1440,
    params:
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        generation=lambda wildcards: flags(config["models"][wildcards.model]["generation"]),
    shell:
        "python -m lens generate-candidates --prompts {input.prompts:q} {params.load}"
        " {params.generation} --out {output.candidates:q} --metrics {output.metrics:q}"
        " 2>&1 | tee {log:q}"


rule embed_candidates:
    input:
        candidates=candidate_table,
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("embed_candidates"),
    output:
        embeddings="<results>/embed_candidates/{dataset}/{model}/embeddings.safetensors",
        metrics="<results>/embed_candidates/{dataset}/{model}/metrics.json",
        cost="<results>/embed_candidates/{dataset}/{model}/cost.json",
    log:
        "<logs>/embed_candidates/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/embed_candidates/{dataset}/{model}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=720,
    params:
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        embedding=lambda wildcards: flags(config["models"][wildcards.model]["embedding"]),
    shell:
        "python -m lens embed-candidates --candidates {input.candidates:q} {params.load}"
        " {params.embedding} --out {output.embeddings:q} --metrics {output.metrics:q}"
        " 2>&1 | tee {log:q}"
