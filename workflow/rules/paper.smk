rule table_1:
    input:
        cells=expand(
            "{cell}/{file}",
            cell=table_1_cells(),
            file=["prompts.parquet", "pairs.parquet", "metrics.json"],
        ),
        reported=ROOT / "lens/report/reported.json",
        code=code("table_1"),
    output:
        shown("table_1", "Tables", ["html", "csv"], table="1", shows="gold reward"),
        expand("<results>/paper/table_1.{suffix}", suffix=["md", "tex"]),
        observations="<results>/paper/table_1_observations.csv",
        pair_accuracy="<results>/paper/table_1_pair_accuracy.csv",
        comparisons="<results>/paper/table_1_comparisons.csv",
        compared="<results>/paper/table_1_paper.csv",
        settings="<results>/paper/table_1_settings.json",
    log:
        "<logs>/table_1.log",
    benchmark:
        "<benchmarks>/table_1.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(textual()),
        cells=table_1_cells(),
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens table-1 --cells {params.cells:q} {params.paper}"
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
        shown("best_of_n_curve", "Figures", ["png", "pdf"], figure="best of n"),
        table="<results>/paper/best_of_n_curve.csv",
        observations="<results>/paper/best_of_n_curve_observations.csv",
        settings="<results>/paper/best_of_n_curve_settings.json",
    log:
        "<logs>/best_of_n_curve.log",
    benchmark:
        "<benchmarks>/best_of_n_curve.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(),
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
        shown("learning_curve", "Figures", ["png", "pdf", "html", "csv"], figure="learning curve"),
        text="<results>/paper/learning_curve.md",
        observations="<results>/paper/learning_curve_observations.csv",
        settings="<results>/paper/learning_curve_settings.json",
    log:
        "<logs>/learning_curve.log",
    benchmark:
        "<benchmarks>/learning_curve.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["learning_curve"]),
        cells=cells(config["learning_curve"]["n_pairs"], unaugmented()),
        folder=subpath(output.text, parent=True),
    shell:
        "python -m lens learning-curve --cells {params.cells:q} --out-dir {params.folder:q}"
        " 2>&1 | tee {log:q}"


rule table_3:
    input:
        scores=table_3_files("score_sft", "gold.parquet"),
        picks=table_3_files("pick_responses", "picks.parquet"),
        verdicts=f"{table_3_folder('judge_sft')}/verdicts.parquet",
        judge=f"{table_3_folder('judge_sft')}/metrics.json",
        untrained=untrained_gold,
        reported=ROOT / "lens/report/reported.json",
        code=code("table_3"),
    output:
        shown("table_3", "Tables", ["html", "csv"], table="3", shows="gold reward after SFT"),
        expand("<results>/paper/table_3.{suffix}", suffix=["md", "tex"]),
        observations="<results>/paper/table_3_observations.csv",
        compared="<results>/paper/table_3_paper.csv",
        settings="<results>/paper/table_3_settings.json",
    log:
        "<logs>/table_3.log",
    benchmark:
        "<benchmarks>/table_3.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(textual(), config["rejection_sampling"]),
        names=list(config["rejection_sampling"]["reward_models"]),
        about=json.dumps(config["rejection_sampling"]["reward_models"]),
        compared=config["rejection_sampling"]["judge"]["compare"],
        dataset=config["rejection_sampling"]["dataset"],
        model=config["rejection_sampling"]["model"],
        n_pairs=config["compare"]["n_pairs"][0],
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens table-3 --names {params.names:q} --scores {input.scores:q}"
        " --about {params.about:q} --picks {input.picks[0]:q} --untrained {input.untrained:q}"
        " --compared {params.compared:q} --verdicts {input.verdicts:q} --judge {input.judge:q}"
        " --dataset {params.dataset:q} --model {params.model:q} --n-pairs {params.n_pairs:q}"
        " {params.paper} --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule table_6:
    input:
        cells=table_6_files,
        reported=ROOT / "lens/report/reported.json",
        code=code("table_6"),
    output:
        shown("table_6", "Tables", ["html", "csv"], table="6", shows="gold reward by temperature"),
        expand("<results>/paper/table_6.{suffix}", suffix=["md", "tex"]),
        observations="<results>/paper/table_6_observations.csv",
        compared="<results>/paper/table_6_paper.csv",
        settings="<results>/paper/table_6_settings.json",
    log:
        "<logs>/table_6.log",
    benchmark:
        "<benchmarks>/table_6.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["textual"]),
        temperatures=table_6_temperatures,
        folders=lambda wildcards: flags(table_6_cells(wildcards)),
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens table-6 --temperatures {params.temperatures:q} {params.folders}"
        " {params.paper} --out-dir {params.folder:q} 2>&1 | tee {log:q}"
