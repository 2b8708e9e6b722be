rule theory_points:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        embeddings="<results>/embed_pairs/{dataset}/{model}/embeddings.json",
        shards=pair_shards,
        code=code("theory_points"),
    output:
        reference="<results>/theory_points/{dataset}/{model}/reference.safetensors",
        estimation="<results>/theory_points/{dataset}/{model}/estimation.csv",
        reconstruction="<results>/theory_points/{dataset}/{model}/reconstruction.csv",
        theorem_1="<results>/theory_points/{dataset}/{model}/theorem_1.csv",
        pairs="<results>/theory_points/{dataset}/{model}/theorem_1_pairs.parquet",
        metrics="<results>/theory_points/{dataset}/{model}/metrics.json",
        cost="<results>/theory_points/{dataset}/{model}/cost.json",
    log:
        "<logs>/theory_points/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/theory_points/{dataset}/{model}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=grows(config["theory"].get("mem_mb", 16000)),
        runtime=lasts(1440),
    params:
        folder=subpath(output.metrics, parent=True),
        settings=theory_settings(),
    shell:
        "python -m lens theory-points --pairs {input.pairs:q} --embeddings {input.embeddings:q}"
        " {params.settings} --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule fit_theory:
    input:
        estimation="<results>/theory_points/{dataset}/{model}/estimation.csv",
        reconstruction="<results>/theory_points/{dataset}/{model}/reconstruction.csv",
        metrics="<results>/theory_points/{dataset}/{model}/metrics.json",
        code=code("fit_theory"),
    output:
        constants="<results>/theory/{dataset}/{model}/constants.json",
        predictions="<results>/theory/{dataset}/{model}/predictions.csv",
        replicates="<results>/theory/{dataset}/{model}/replicates.csv",
        points=expand(
            "<results>/theory/{{dataset}}/{{model}}/points_{constant}.csv",
            constant=["C1", "p", "B0"],
        ),
    log:
        "<logs>/fit_theory/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/fit_theory/{dataset}/{model}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        points=subpath(input.metrics, parent=True),
        folder=subpath(output.constants, parent=True),
    shell:
        "python -m lens fit-theory --points {params.points:q} --dataset {wildcards.dataset:q}"
        " --model {wildcards.model:q} --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule figure_5:
    input:
        theory=collect("{folder}/constants.json", folder=theories("theory")),
        reported=ROOT / "lens/report/reported.json",
        code=code("figure_5"),
    output:
        shown("figure_5", "Theory", ["png", "pdf"], shows="Figure 5: reconstruction error"),
        table="<results>/paper/figure_5.csv",
        observations="<results>/paper/figure_5_observations.csv",
        compared="<results>/paper/figure_5_paper.csv",
        settings="<results>/paper/figure_5_settings.json",
    log:
        "<logs>/figure_5.log",
    benchmark:
        "<benchmarks>/figure_5.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["theory"]),
        theory=theories("theory"),
        paper=paper_flags(),
        folder=subpath(output.table, parent=True),
    shell:
        "python -m lens figure-5 --theory {params.theory:q} {params.paper}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule theory_fits:
    input:
        theory=collect("{folder}/constants.json", folder=theories("theory")),
        code=code("theory_fits"),
    output:
        shown("theory_fits", "Theory", ["png", "pdf"], shows="fits of C1 and B0"),
        table="<results>/paper/theory_fits.csv",
        observations="<results>/paper/theory_fits_observations.csv",
        settings="<results>/paper/theory_fits_settings.json",
    log:
        "<logs>/theory_fits.log",
    benchmark:
        "<benchmarks>/theory_fits.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["theory"]),
        theory=theories("theory"),
        folder=subpath(output[0], parent=True),
    shell:
        "python -m lens theory-fits --theory {params.theory:q} --out-dir {params.folder:q}"
        " 2>&1 | tee {log:q}"


rule theory_map:
    input:
        theory=collect("{folder}/constants.json", folder=theories("theory")),
        points=collect("{folder}/estimation.csv", folder=theories("theory_points")),
        code=code("theory_map"),
    output:
        shown("theory_map", "Theory", ["png", "pdf"], shows="predicted and measured ratio"),
        table="<results>/paper/theory_map.csv",
        observations="<results>/paper/theory_map_observations.csv",
        settings="<results>/paper/theory_map_settings.json",
    log:
        "<logs>/theory_map.log",
    benchmark:
        "<benchmarks>/theory_map.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["theory"]),
        theory=theories("theory"),
        points=theories("theory_points"),
        folder=subpath(output.table, parent=True),
    shell:
        "python -m lens theory-map --theory {params.theory:q} --points {params.points:q}"
        " --out-dir {params.folder:q}"
        " 2>&1 | tee {log:q}"


rule theory_table:
    input:
        theory=collect("{folder}/constants.json", folder=theories("theory")),
        points=collect("{folder}/theorem_1.csv", folder=theories("theory_points")),
        reported=ROOT / "lens/report/reported.json",
        code=code("theory_table"),
    output:
        shown("theory", "Theory", ["html", "csv"], shows="constants, predictions, audit"),
        "<results>/paper/theory.md",
        "<results>/paper/theory.tex",
        observations="<results>/paper/theory_observations.csv",
        compared="<results>/paper/theory_paper.csv",
        settings="<results>/paper/theory_settings.json",
    log:
        "<logs>/theory_table.log",
    benchmark:
        "<benchmarks>/theory_table.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["theory"]),
        theory=theories("theory"),
        points=theories("theory_points"),
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens theory-table --theory {params.theory:q} --points {params.points:q}"
        " {params.paper} --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule theory_proxy:
    input:
        truth="<results>/build_world/truth.json",
        pairs=collect(
            "<results>/prepare_pairs/{dataset}/pairs.parquet",
            dataset=config["compare"]["datasets"],
        ),
        points=collect("{folder}/estimation.csv", folder=theories("theory_points")),
        code=code("theory_proxy"),
    output:
        shown("theory_proxy", "The offline world", ["html"], shows="the best possible reward"),
        text="<results>/paper/theory_proxy.md",
        metrics="<results>/paper/theory_proxy.json",
    log:
        "<logs>/theory_proxy.log",
    benchmark:
        "<benchmarks>/theory_proxy.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["theory"]),
        kinds=config["compare"]["datasets"],
        points=theories("theory_points"),
        folder=subpath(output.metrics, parent=True),
    shell:
        "python -m lens theory-proxy --truth {input.truth:q} --kinds {params.kinds:q}"
        " --pairs {input.pairs:q} --points {params.points:q} --out-dir {params.folder:q}"
        " 2>&1 | tee {log:q}"
