rule table_1:
    input:
        cells=expand(
            "{cell}/{file}",
            cell=cells(config["compare"]["n_pairs"], compared()),
            file=["prompts.parquet", "pairs.parquet", "metrics.json"],
        ),
        reported=ROOT / "lens/paper/reported.json",
        code=code("table_1"),
    output:
        report(
            "<results>/paper/table_1.md",
            caption="../report/table_1.rst",
            category="Tables",
            labels={"table": "1", "shows": "gold reward"},
        ),
        report(
            "<results>/paper/table_1.csv",
            caption="../report/table_1.rst",
            category="Tables",
            labels={"table": "1", "shows": "gold reward (CSV)"},
        ),
        "<results>/paper/table_1.tex",
        observations="<results>/paper/table_1_observations.csv",
        pair_accuracy="<results>/paper/table_1_pair_accuracy.csv",
        settings="<results>/paper/table_1_settings.json",
    log:
        "<logs>/table_1.log",
    benchmark:
        "<benchmarks>/table_1.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        cells=cells(config["compare"]["n_pairs"], compared()),
        paper_names=json.dumps(paper_names()),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens table-1 --cells {params.cells:q} --paper-names {params.paper_names:q}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule best_of_n_curve:
    input:
        cells=expand(
            "{cell}/{file}",
            cell=cells(config["compare"]["n_pairs"], compared()),
            file=["prompts.parquet", "pairs.parquet", "metrics.json"],
        ),
        code=code("best_of_n_curve"),
    output:
        report(
            expand("<results>/paper/best_of_n_curve.{suffix}", suffix=["png", "pdf"]),
            caption="../report/best_of_n_curve.rst",
            category="Figures",
            labels={"figure": "best of n"},
        ),
        table="<results>/paper/best_of_n_curve.csv",
    log:
        "<logs>/best_of_n_curve.log",
    benchmark:
        "<benchmarks>/best_of_n_curve.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        cells=cells(config["compare"]["n_pairs"], compared()),
        folder=subpath(output.table, parent=True),
    shell:
        "python -m lens best-of-n-curve --cells {params.cells:q} --out-dir {params.folder:q}"
        " 2>&1 | tee {log:q}"


rule learning_curve:
    input:
        cells=expand(
            "{cell}/{file}",
            cell=cells(config["learning_curve"]["n_pairs"], unaugmented()),
            file=["prompts.parquet", "pairs.parquet", "metrics.json"],
        ),
        code=code("learning_curve"),
    output:
        report(
            expand("<results>/paper/learning_curve.{suffix}", suffix=["png", "pdf"]),
            caption="../report/learning_curve.rst",
            category="Figures",
            labels={"figure": "learning curve"},
        ),
        "<results>/paper/learning_curve.md",
        table="<results>/paper/learning_curve.csv",
    log:
        "<logs>/learning_curve.log",
    benchmark:
        "<benchmarks>/learning_curve.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        cells=cells(config["learning_curve"]["n_pairs"], unaugmented()),
        folder=subpath(output.table, parent=True),
    shell:
        "python -m lens learning-curve --cells {params.cells:q} --out-dir {params.folder:q}"
        " 2>&1 | tee {log:q}"
