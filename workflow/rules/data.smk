rule prepare_pairs:
    input:
        files=told(inputs.pairs_files),
        pool=told(inputs.pool_candidates),
        code=code("prepare_pairs"),
    output:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        prompts="<results>/prepare_pairs/{dataset}/prompts.parquet",
        report="<results>/prepare_pairs/{dataset}/report.json",
        cost="<results>/prepare_pairs/{dataset}/cost.json",
    log:
        "<logs>/prepare_pairs/{dataset}.log",
    benchmark:
        "<benchmarks>/prepare_pairs/{dataset}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=grows(8000),
        runtime=lasts(60),
    params:
        settings=told(flags.pairs_flags),
    shell:
        "python -m lens prepare-pairs {params.settings} --out {output.pairs:q}"
        " --out-prompts {output.prompts:q} --report {output.report:q} 2>&1 | tee {log:q}"


rule prepare_candidates:
    input:
        pool=told(inputs.pool_files),
        code=code("prepare_candidates"),
    output:
        table="<results>/prepare_candidates/{dataset}/candidates.parquet",
        metrics="<results>/prepare_candidates/{dataset}/metrics.json",
        cost="<results>/prepare_candidates/{dataset}/cost.json",
    log:
        "<logs>/prepare_candidates/{dataset}.log",
    benchmark:
        "<benchmarks>/prepare_candidates/{dataset}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        command="prepare-candidates",
        settings=told(flags.pool_flags),
    shell:
        "python -m lens {params.command} {params.settings} --out {output.table:q}"
        " --metrics {output.metrics:q} 2>&1 | tee {log:q}"


use rule prepare_candidates as import_gold with:
    input:
        pool=told(inputs.pool_files),
        code=code("import_gold"),
    output:
        table="<results>/import_gold/{dataset}/gold.parquet",
        metrics="<results>/import_gold/{dataset}/metrics.json",
        cost="<results>/import_gold/{dataset}/cost.json",
    log:
        "<logs>/import_gold/{dataset}.log",
    benchmark:
        "<benchmarks>/import_gold/{dataset}.jsonl"
    params:
        command="import-gold",
        settings=told(flags.pool_gold_flags),
