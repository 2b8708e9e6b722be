rule overview:
    input:
        # All are waited for, for their claims and costs; but a figure that is drawn anew in another
        # style makes no new first page. What is written, not drawn, does.
        written=[file for file in artefact_files() if not DRAWN.search(file)],
        drawn=ancient([file for file in artefact_files() if DRAWN.search(file)]),
        table_1="<results>/paper/table_1.csv",
        observations="<results>/paper/table_1_observations.csv",
        comparisons="<results>/paper/table_1_comparisons.csv",
        code=code("overview"),
    output:
        shown("overview", "Overview", ["png", "pdf", "csv"], shows="difference to the control"),
        shown("overview_flags", "Overview", ["csv"], shows="what to beware of"),
        "<results>/paper/overview.md",
        "<results>/paper/overview.rst",
        observations="<results>/paper/overview_observations.csv",
        settings="<results>/paper/overview_settings.json",
    log:
        "<logs>/overview.log",
    benchmark:
        "<benchmarks>/overview.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(*map(config.get, OF_SOME_ARTEFACTS)),
        name=config["run"],
        results=subpath(output.settings, ancestor=2),
        claims=artefact_files("_paper.csv"),
        paper=paper_flags(),
        folder=subpath(output.settings, parent=True),
    shell:
        "python -m lens overview --name {params.name:q} --results {params.results:q}"
        " --table-1 {input.table_1:q} --observations {input.observations:q}"
        " --comparisons {input.comparisons:q} --claims {params.claims:q}"
        " {params.paper} --out-dir {params.folder:q} 2>&1 | tee {log:q}"
