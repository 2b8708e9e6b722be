rule table_2:
    input:
        costs=table_2_files,
        reported=ROOT / "lens/report/reported.json",
        code=code("table_2"),
    output:
        shown("table_2", "Tables", ["html", "csv"], table="2", shows="time and size"),
        "<results>/paper/table_2.md",
        "<results>/paper/table_2.tex",
        "<results>/paper/table_2_paper.csv",
        observations="<results>/paper/table_2_observations.csv",
        settings="<results>/paper/table_2_settings.json",
    log:
        "<logs>/table_2.log",
    benchmark:
        "<benchmarks>/table_2.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(textual()),
        settings=table_2_settings,
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens table-2 {params.settings} {params.paper}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule table_4:
    input:
        cells=lambda wildcards: best_of_n_files(table_4_cells(wildcards)),
        reported=ROOT / "lens/report/reported.json",
        code=code("table_4"),
    output:
        shown("table_4", "Tables", ["html", "csv"], table="4", shows="gold reward by model"),
        "<results>/paper/table_4.md",
        "<results>/paper/table_4.tex",
        "<results>/paper/table_4_paper.csv",
        observations="<results>/paper/table_4_observations.csv",
        settings="<results>/paper/table_4_settings.json",
    log:
        "<logs>/table_4.log",
    benchmark:
        "<benchmarks>/table_4.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(textual(), config["table_4"]),
        cells=table_4_cells,
        scale=lambda wildcards: config["table_4"]["scale"],
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens table-4 --cells {params.cells:q} --scale {params.scale:q} {params.paper}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule textual_spread:
    input:
        cells=lambda wildcards: best_of_n_files(spread_cells(wildcards)),
        reported=ROOT / "lens/report/reported.json",
        code=code("textual_spread"),
    output:
        shown("textual_spread", "Reviews", ["html", "csv"], shows="spread over runs"),
        "<results>/paper/textual_spread.md",
        "<results>/paper/textual_spread.tex",
        "<results>/paper/textual_spread_paper.csv",
        observations="<results>/paper/textual_spread_observations.csv",
        settings="<results>/paper/textual_spread_settings.json",
    log:
        "<logs>/textual_spread.log",
    benchmark:
        "<benchmarks>/textual_spread.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(textual()),
        cells=spread_cells,
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens textual-spread --cells {params.cells:q} {params.paper}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule build_bench:
    input:
        pairs=lambda wildcards: f"results/{config['run']}/build_world/{config['world']['bench']['kind']}.jsonl",
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
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=lasts(10),
    params:
        settings=lambda wildcards: flags(config["world"]["bench"]),
    shell:
        "python -m lens build-bench --apart-from {input.pairs:q} {params.settings}"
        " --out {output.bench:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule judge_bench:
    input:
        data=bench_data,
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        heads=bench_head_files,
        texts=bench_texts,
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
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
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=lasts(720),
    params:
        data=bench_flags,
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        embedding=lambda wildcards: flags(config["models"][wildcards.model]["embedding"]),
        heads=bench_heads,
        texts=bench_text_flags,
        seeds=config["compare"]["seeds"],
    shell:
        "python -m lens judge-bench {params.data} {params.load} {params.embedding}"
        " --pairs {input.pairs:q} --heads {params.heads:q} {params.texts} --seeds {params.seeds:q}"
        " --out {output.judged:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule rewardbench_safety:
    input:
        judged=bench_file("items.parquet"),
        metrics=bench_file("metrics.json"),
        reported=ROOT / "lens/report/reported.json",
        code=code("rewardbench_safety"),
    output:
        shown("rewardbench_safety", "Reviews", ["html", "csv"], shows="RewardBench"),
        "<results>/paper/rewardbench_safety.md",
        "<results>/paper/rewardbench_safety.tex",
        "<results>/paper/rewardbench_safety_paper.csv",
        observations="<results>/paper/rewardbench_safety_observations.csv",
        settings="<results>/paper/rewardbench_safety_settings.json",
    log:
        "<logs>/rewardbench_safety.log",
    benchmark:
        "<benchmarks>/rewardbench_safety.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(textual(), config["reward_bench"]),
        labels=bench_labels,
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens rewardbench-safety --items {input.judged:q} --judged {input.metrics:q}"
        " {params.labels} {params.paper} --out-dir {params.folder:q} 2>&1 | tee {log:q}"
