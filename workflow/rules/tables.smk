rule table_2:
    input:
        costs=table_2_files,
        reported=ROOT / "lens/paper/reported.json",
        code=code("table_2"),
    output:
        report(
            "<results>/paper/table_2.html",
            caption="../report/table_2.rst",
            category="Tables",
            labels={"table": "2", "shows": "time and size"},
        ),
        report(
            "<results>/paper/table_2.csv",
            caption="../report/table_2.rst",
            category="Tables",
            labels={"table": "2", "shows": "time and size (CSV)"},
        ),
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
        made_from=made_from(),
        settings=table_2_settings,
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens table-2 {params.settings} {params.paper}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule table_4:
    input:
        cells=lambda wildcards: best_of_n_files(table_4_cells(wildcards)),
        reported=ROOT / "lens/paper/reported.json",
        code=code("table_4"),
    output:
        report(
            "<results>/paper/table_4.html",
            caption="../report/table_4.rst",
            category="Tables",
            labels={"table": "4", "shows": "gold reward by model"},
        ),
        report(
            "<results>/paper/table_4.csv",
            caption="../report/table_4.rst",
            category="Tables",
            labels={"table": "4", "shows": "gold reward by model (CSV)"},
        ),
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
        made_from=made_from(),
        cells=table_4_cells,
        scale=lambda wildcards: config["table_4"]["scale"],
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens table-4 --cells {params.cells:q} --scale {params.scale} {params.paper}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule textual_spread:
    input:
        cells=lambda wildcards: best_of_n_files(spread_cells(wildcards)),
        reported=ROOT / "lens/paper/reported.json",
        code=code("textual_spread"),
    output:
        report(
            "<results>/paper/textual_spread.html",
            caption="../report/textual_spread.rst",
            category="Tables",
            labels={"table": "spread over runs", "shows": "standard deviations"},
        ),
        report(
            "<results>/paper/textual_spread.csv",
            caption="../report/textual_spread.rst",
            category="Tables",
            labels={"table": "spread over runs", "shows": "standard deviations (CSV)"},
        ),
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
        made_from=made_from(),
        cells=spread_cells,
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens textual-spread --cells {params.cells:q} {params.paper}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"
