rule prepare_pairs:
    input:
        files=pairs_files,
        pool=pool_candidates,
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
    threads: 1
    resources:
        mem_mb=grows(8000),
        runtime=lasts(60),
    params:
        settings=lambda wildcards, input: flags(
            {**config["datasets"][wildcards.dataset]["pairs"], "pool": input.pool or None}
        ),
    shell:
        "python -m lens prepare-pairs {params.settings} --out {output.pairs:q}"
        " --out-prompts {output.prompts:q} --report {output.report:q} 2>&1 | tee {log:q}"


rule prepare_candidates:
    input:
        pool=pool_files,
        code=code("prepare_candidates"),
    output:
        candidates="<results>/prepare_candidates/{dataset}/candidates.parquet",
        metrics="<results>/prepare_candidates/{dataset}/metrics.json",
        cost="<results>/prepare_candidates/{dataset}/cost.json",
    log:
        "<logs>/prepare_candidates/{dataset}.log",
    benchmark:
        "<benchmarks>/prepare_candidates/{dataset}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        settings=pool_settings,
    shell:
        "python -m lens prepare-candidates {params.settings} --out {output.candidates:q}"
        " --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule import_gold:
    input:
        pool=pool_files,
        code=code("import_gold"),
    output:
        gold="<results>/import_gold/{dataset}/gold.parquet",
        metrics="<results>/import_gold/{dataset}/metrics.json",
        cost="<results>/import_gold/{dataset}/cost.json",
    log:
        "<logs>/import_gold/{dataset}.log",
    benchmark:
        "<benchmarks>/import_gold/{dataset}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        settings=pool_settings,
        gold_field=lookup("datasets/{dataset}/pool/gold_field", within=config, default="gold"),
    shell:
        "python -m lens import-gold {params.settings} --gold-field={params.gold_field:q}"
        " --out {output.gold:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"
