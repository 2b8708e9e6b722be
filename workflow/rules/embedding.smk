# Stages of large models, split into shards: rows are read, a shard's are embedded, answered or scored.
rule embed_pairs:
    input:
        rows="<results>/prepare_pairs/{dataset}/pairs.parquet",
        model=told(inputs.own_model),
        code=code("embed_pairs"),
    output:
        shard="<results>/embed_pairs/{dataset}/{model}/shards/{shard}.safetensors",
        report="<results>/embed_pairs/{dataset}/{model}/shards/{shard}.json",
    log:
        "<logs>/embed_pairs/{dataset}/{model}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_pairs/{dataset}/{model}/{shard}.jsonl"
    priority: 1  # reward models wait for all of them
    conda:
        "../../environment.yml"
    resources:
        gpu=told(resources.model_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(told(resources.shard_minutes, "embed_pairs")),
    params:
        reads="embed-pairs --pairs",
        settings=told(flags.embedding_flags),
        shard=told(flags.shard_flags, "embed_pairs"),
    shell:
        "python -m lens.files.gpus {resources.gpu:q} python -m lens {params.reads} {input.rows:q} {params.settings} {params.shard}"
        " --out {output.shard:q} --metrics {output.report:q} 2>&1 | tee {log:q}"


use rule embed_pairs as embed_candidates with:
    input:
        rows=told(inputs.candidate_table),
        model=told(inputs.own_model),
        code=code("embed_candidates"),
    output:
        shard="<results>/embed_candidates/{dataset}/{model}/shards/{shard}.safetensors",
        report="<results>/embed_candidates/{dataset}/{model}/shards/{shard}.json",
    log:
        "<logs>/embed_candidates/{dataset}/{model}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_candidates/{dataset}/{model}/{shard}.jsonl"
    resources:
        gpu=told(resources.model_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(told(resources.shard_minutes, "embed_candidates")),
    params:
        reads="embed-candidates --candidates",
        shard=told(flags.shard_flags, "embed_candidates"),


use rule embed_pairs as embed_responses with:
    input:
        rows="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/responses.parquet",
        model=told(inputs.own_model),
        code=code("embed_responses"),
    output:
        shard="<results>/embed_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.safetensors",
        report="<results>/embed_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.json",
    log:
        "<logs>/embed_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.jsonl"
    resources:
        gpu=told(resources.model_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(told(resources.shard_minutes, "embed_responses")),
    params:
        reads="embed-responses --responses",
        shard=told(flags.shard_flags, "embed_responses"),


use rule embed_pairs as generate_candidates with:
    input:
        rows="<results>/prepare_pairs/{dataset}/prompts.parquet",
        model=told(inputs.own_model),
        code=code("generate_candidates"),
    output:
        shard=temp("<results>/generate_candidates/{dataset}/{model}/shards/{shard}.parquet"),
        report=temp("<results>/generate_candidates/{dataset}/{model}/shards/{shard}.json"),
    log:
        "<logs>/generate_candidates/{dataset}/{model}/{shard}.log",
    benchmark:
        "<benchmarks>/generate_candidates/{dataset}/{model}/{shard}.jsonl"
    resources:
        gpu=told(resources.model_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(told(resources.shard_minutes, "generate_candidates")),
    params:
        reads="generate-candidates --prompts",
        settings=told(flags.generation_flags),
        shard=told(flags.shard_flags, "generate_candidates"),


use rule embed_pairs as sample_responses with:
    input:
        rows=told(inputs.prompt_table),
        model=told(inputs.own_model),
        code=code("sample_responses"),
    output:
        shard=temp(
            "<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.parquet"
        ),
        report=temp(
            "<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.json"
        ),
    log:
        "<logs>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.log",
    benchmark:
        "<benchmarks>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.jsonl"
    resources:
        gpu=told(resources.model_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(told(resources.shard_minutes, "sample_responses")),
    params:
        reads="sample-responses --prompts",
        settings=told(flags.sampling_flags),
        shard=told(flags.shard_flags, "sample_responses"),


use rule embed_pairs as score_candidates with:
    input:
        rows=told(inputs.candidate_table),
        model=told(inputs.gold_model),
        code=code("score_candidates"),
    output:
        shard=temp("<results>/score_candidates/{dataset}/{source}/shards/{shard}.parquet"),
        report=temp("<results>/score_candidates/{dataset}/{source}/shards/{shard}.json"),
    log:
        "<logs>/score_candidates/{dataset}/{source}/{shard}.log",
    benchmark:
        "<benchmarks>/score_candidates/{dataset}/{source}/{shard}.jsonl"
    resources:
        gpu=told(resources.gold_gpus),
        mem_mb=grows(told(resources.gold_memory)),
        runtime=lasts(told(resources.shard_minutes, "score_candidates")),
    params:
        reads="score-candidates --candidates",
        settings=told(flags.gold_flags),
        shard=told(flags.shard_flags, "score_candidates"),


use rule embed_pairs as score_responses with:
    input:
        rows="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/responses.parquet",
        annotator="<results>/train_annotator/{dataset}/annotator",
        code=code("score_responses"),
    output:
        shard=temp(
            "<results>/score_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.parquet"
        ),
        report=temp(
            "<results>/score_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.json"
        ),
    log:
        "<logs>/score_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.log",
    benchmark:
        "<benchmarks>/score_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.jsonl"
    resources:
        gpu=told(resources.annotator_gpus),
        mem_mb=grows(told(resources.annotator_memory)),
        runtime=lasts(told(resources.shard_minutes, "score_responses")),
    params:
        reads="score-responses --responses",
        settings=told(flags.annotator_scoring_flags),
        shard=told(flags.shard_flags, "score_responses"),
