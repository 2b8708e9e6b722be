localrules:
    gather_gold,
    gather_responses,
    gather_scores,


rule gather_embeddings:
    input:
        shards=told(inputs.gathered, "safetensors"),
        reports=told(inputs.gathered, "json"),
        code=code("gather_embeddings"),
    output:
        index="<results>/{stage}/{place}/embeddings.json",
        metrics="<results>/{stage}/{place}/metrics.json",
        cost="<results>/{stage}/{place}/cost.json",
    log:
        "<logs>/gather_embeddings/{stage}/{place}.log",
    benchmark:
        "<benchmarks>/gather_embeddings/{stage}/{place}.jsonl"
    wildcard_constraints:
        stage="embed_pairs|embed_candidates|embed_responses",
        place=".+",
    localrule: True
    conda:
        "../../environment.yml"
    shell:
        "python -m lens gather-embeddings --shards {input.shards:q} --out {output.index:q}"
        " --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule gather_candidates:
    input:
        shards=told(inputs.shards_here, "generate_candidates", "parquet"),
        reports=told(inputs.shards_here, "generate_candidates", "json"),
        code=code("gather_candidates"),
    output:
        table="<results>/generate_candidates/{dataset}/{model}/candidates.parquet",
        metrics="<results>/generate_candidates/{dataset}/{model}/metrics.json",
        cost="<results>/generate_candidates/{dataset}/{model}/cost.json",
    log:
        "<logs>/gather_candidates/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/gather_candidates/{dataset}/{model}.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    shell:
        "python -m lens gather-candidates --shards {input.shards:q} --out {output.table:q}"
        " --metrics {output.metrics:q} 2>&1 | tee {log:q}"


use rule gather_candidates as gather_gold with:
    input:
        shards=told(inputs.shards_here, "score_candidates", "parquet"),
        reports=told(inputs.shards_here, "score_candidates", "json"),
        code=code("gather_candidates"),
    output:
        table="<results>/score_candidates/{dataset}/{source}/gold.parquet",
        metrics="<results>/score_candidates/{dataset}/{source}/metrics.json",
        cost="<results>/score_candidates/{dataset}/{source}/cost.json",
    log:
        "<logs>/gather_gold/{dataset}/{source}.log",
    benchmark:
        "<benchmarks>/gather_gold/{dataset}/{source}.jsonl"


use rule gather_candidates as gather_responses with:
    input:
        shards=told(inputs.shards_here, "sample_responses", "parquet"),
        reports=told(inputs.shards_here, "sample_responses", "json"),
        code=code("gather_candidates"),
    output:
        table="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/responses.parquet",
        metrics="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/metrics.json",
        cost="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/cost.json",
    log:
        "<logs>/gather_responses/{dataset}/{model}/{prompts}/{sampling}.log",
    benchmark:
        "<benchmarks>/gather_responses/{dataset}/{model}/{prompts}/{sampling}.jsonl"


use rule gather_candidates as gather_scores with:
    input:
        shards=told(inputs.shards_here, "score_responses", "parquet"),
        reports=told(inputs.shards_here, "score_responses", "json"),
        code=code("gather_candidates"),
    output:
        table="<results>/score_responses/{dataset}/{model}/{prompts}/{sampling}/scores.parquet",
        metrics="<results>/score_responses/{dataset}/{model}/{prompts}/{sampling}/metrics.json",
        cost="<results>/score_responses/{dataset}/{model}/{prompts}/{sampling}/cost.json",
    log:
        "<logs>/gather_scores/{dataset}/{model}/{prompts}/{sampling}.log",
    benchmark:
        "<benchmarks>/gather_scores/{dataset}/{model}/{prompts}/{sampling}.jsonl"
