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
        made_from=made_from(*map(config.get, OF_SOME_ARTEFACTS)),
        # A second Snakemake works out the jobs, all of them, without running any.
        same_config=lambda wildcards: same_config(),
    shell:
        "python -m lens plan {params.same_config} --everything"
        " --out {output.text:q} {output.numbers:q} 2>&1 | tee {log:q}"
