rule build_bench:
    input:
        pairs=f"<results>/build_world/{CONFIG.world.bench.kind}.jsonl",
        code=code("build_bench"),
    output:
        bench="<results>/build_bench/bench.jsonl",
        metrics="<results>/build_bench/metrics.json",
        cost="<results>/build_bench/cost.json",
    log:
        "<logs>/build_bench.log",
    benchmark:
        "<benchmarks>/build_bench.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=grows(2000),
        runtime=lasts(10),
    params:
        settings=told(flags.world_flags, "bench"),
    shell:
        "python -m lens build-bench --apart-from {input.pairs:q} {params.settings}"
        " --out {output.bench:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule judge_bench:
    input:
        data=told(inputs.bench_data),
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        heads=told(inputs.bench_head_files),
        texts=told(inputs.bench_texts),
        model=told(inputs.own_model),
        code=code("judge_bench"),
    output:
        judged="<results>/judge_bench/{dataset}/{model}/n{n_pairs}/items.parquet",
        metrics="<results>/judge_bench/{dataset}/{model}/n{n_pairs}/metrics.json",
        cost="<results>/judge_bench/{dataset}/{model}/n{n_pairs}/cost.json",
    log:
        "<logs>/judge_bench/{dataset}/{model}/n{n_pairs}.log",
    benchmark:
        "<benchmarks>/judge_bench/{dataset}/{model}/n{n_pairs}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        gpu=told(resources.model_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(720),
    params:
        settings=told(flags.bench_flags),
        heads=told(inputs.bench_heads),
        texts=told(flags.bench_text_flags),
        seeds=CONFIG.compare.seeds,
    shell:
        "python -m lens.files.gpus {resources.gpu:q} python -m lens judge-bench {params.settings} --pairs {input.pairs:q}"
        " --heads {params.heads:q} {params.texts} --seeds {params.seeds:q}"
        " --out {output.judged:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"
