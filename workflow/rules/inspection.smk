rule figure_3:
    input:
        pairs=inspected_files()["pairs"],
        embeddings=inspected_files()["embeddings"],
        shards=inspected_files()["shards"],
        vaes=[vae for _, vaes in gamma_vaes() for vae in vaes],
        code=code("figure_3"),
    output:
        shown("figure_3", "Figures", ["png", "pdf", "html"], figure="3"),
        "<results>/paper/figure_3.md",
        "<results>/paper/figure_3_paper.csv",
        table="<results>/paper/figure_3.csv",
        observations="<results>/paper/figure_3_observations.csv",
        settings="<results>/paper/figure_3_settings.json",
    log:
        "<logs>/figure_3.log",
    benchmark:
        "<benchmarks>/figure_3.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["inspection"], config["sweeps"]["gamma"]),
        gammas=[gamma for gamma, _ in gamma_vaes()],
        chosen=flags({key: inspected()[key] for key in ("n_pairs", "dataset", "model")}),
        seeds=inspected_seeds(),
        training=flags(config["training"]),
        folder=subpath(output.table, parent=True),
    shell:
        "python -m lens figure-3 --pairs {input.pairs:q} --embeddings {input.embeddings:q}"
        " --gammas {params.gammas:q} --seeds {params.seeds:q} --vaes {input.vaes:q}"
        " {params.chosen} {params.training}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule inspect_synthetic:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        embeddings="<results>/embed_pairs/{dataset}/{model}/embeddings.json",
        shards=pair_shards,
        vae=inspected_files()["vae"],
        reference="<results>/theory_points/{dataset}/{model}/reference.safetensors",
        code=code("inspect_synthetic"),
    output:
        embeddings="<results>/inspect_synthetic/{dataset}/{model}/embeddings.parquet",
        examples="<results>/inspect_synthetic/{dataset}/{model}/examples.json",
        metrics="<results>/inspect_synthetic/{dataset}/{model}/metrics.json",
        cost="<results>/inspect_synthetic/{dataset}/{model}/cost.json",
    log:
        "<logs>/inspect_synthetic/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/inspect_synthetic/{dataset}/{model}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=grows(16000),
        runtime=lasts(240),
    params:
        settings=inspection_settings(),
        folder=subpath(output.metrics, parent=True),
    shell:
        "python -m lens inspect-synthetic --pairs {input.pairs:q} --embeddings {input.embeddings:q}"
        " --vae {input.vae:q} --reference {input.reference:q} {params.settings}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule inspector:
    input:
        embeddings=f"{inspected_files()['inspected']}/embeddings.parquet",
        examples=f"{inspected_files()['inspected']}/examples.json",
        metrics=f"{inspected_files()['inspected']}/metrics.json",
        reported=ROOT / "lens/report/reported.json",
        code=code("inspector"),
    output:
        shown("inspector", "Examples", ["html", "png", "pdf", "csv"], shows="synthetic embeddings"),
        "<results>/paper/inspector.md",
        "<results>/paper/inspector.tex",
        "<results>/paper/inspector_paper.csv",
        observations="<results>/paper/inspector_observations.csv",
        settings="<results>/paper/inspector_settings.json",
    log:
        "<logs>/inspector.log",
    benchmark:
        "<benchmarks>/inspector.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["inspection"], config["theory"]),
        inspected=subpath(input.metrics, parent=True),
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens inspector --inspected {params.inspected:q} {params.paper}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule qualitative:
    input:
        files=qualitative_files(),
        code=code("qualitative"),
    output:
        shown("qualitative", "Examples", ["html", "csv"], shows="picks that augmentation changes"),
        "<results>/paper/qualitative.md",
        "<results>/paper/qualitative.tex",
        "<results>/paper/qualitative_paper.csv",
        observations="<results>/paper/qualitative_observations.csv",
        settings="<results>/paper/qualitative_settings.json",
    log:
        "<logs>/qualitative.log",
    benchmark:
        "<benchmarks>/qualitative.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["inspection"]),
        datasets=config["compare"]["datasets"],
        chosen=flags({key: inspected()[key] for key in ("model", "seed")}),
        sources=flags(qualitative_sources()),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens qualitative --datasets {params.datasets:q} {params.chosen}"
        " {params.sources} --out-dir {params.folder:q} 2>&1 | tee {log:q}"
