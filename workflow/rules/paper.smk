# Every table, figure and page: lens.workflow.artefacts says what it is called and made from.
for name in ARTEFACTS:

    rule:
        name:
            name
        input:
            files=told(artefacts.read_files, name),
            reported=ROOT / "lens/report/reported.json" if ARTEFACTS[name].compared else [],
            code=code(name, trains=False),
        output:
            shown(ARTEFACTS[name]),
            expand("<results>/paper/{file}", file=artefacts.other_files(ARTEFACTS[name])),
        log:
            f"<logs>/{name}.log",
        benchmark:
            f"<benchmarks>/{name}.jsonl"
        localrule: True
        conda:
            "../../environment.yml"
        params:
            made_from=told(artefacts.made_from, ARTEFACTS[name].make),
            command=name.replace("_", "-"),
            settings=told(artefacts.artefact_flags, name),
            folder=subpath(output[0], parent=True),
        shell:
            "python -m lens {params.command} {params.settings} --out-dir {params.folder:q}"
            " 2>&1 | tee {log:q}"


rule overview:
    input:
        # All are waited for, for their claims and costs; but a figure that is drawn anew in another
        # style makes no new first page. What is written, not drawn, does.
        written=[file for file in artefact_files() if not DRAWN.search(file)],
        drawn=ancient([file for file in artefact_files() if DRAWN.search(file)]),
        table_1="<results>/paper/table_1.csv",
        observations="<results>/paper/table_1_observations.csv",
        comparisons="<results>/paper/table_1_comparisons.csv",
        gold=artefacts.gold_card(CONFIG, "overview"),
        code=code("overview", trains=False),
    output:
        shown(artefacts.OVERVIEW),
        expand("<results>/paper/{file}", file=artefacts.other_files(artefacts.OVERVIEW)),
    log:
        "<logs>/overview.log",
    benchmark:
        "<benchmarks>/overview.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=told(artefacts.made_from, artefacts.OVERVIEW.make),
        name=CONFIG.run,
        results=subpath(output[0], ancestor=2),
        claims=artefact_files("_paper.csv"),
        settings=told(artefacts.overview_flags),
        folder=subpath(output[0], parent=True),
    shell:
        "python -m lens overview --name {params.name:q} --results {params.results:q}"
        " --table-1 {input.table_1:q} --observations {input.observations:q}"
        " --comparisons {input.comparisons:q} --claims {params.claims:q}"
        " {params.settings} --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule plan:
    input:
        facts=ROOT / "lens/plan/architectures.json",
        code=code("plan"),
    output:
        text="<results>/plan.md",
        numbers="<results>/plan.json",
    log:
        "<logs>/plan.log",
    benchmark:
        "<benchmarks>/plan.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=told(artefacts.made_from, artefacts.OVERVIEW.make),
        # A second Snakemake works out the jobs, all of them, without running any.
        same_config=same_config,
    shell:
        "python -m lens plan {params.same_config} --everything"
        " --out {output.text:q} {output.numbers:q} 2>&1 | tee {log:q}"
