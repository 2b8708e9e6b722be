from snakemake.utils import min_version

min_version("9.10")


configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/common.smk"


pathvars:
    results=CONFIG.results,
    logs=f"logs/{CONFIG.run}",
    benchmarks=f"{CONFIG.results}/benchmarks",


resource_scopes:
    gpu="local",


wildcard_constraints:
    dataset=one_of(CONFIG.datasets),
    model=one_of(CONFIG.models),
    source=one_of([*CONFIG.models, "pool"]),
    method=one_of(cells.variants(CONFIG), "[a-z_]+"),
    vae=one_of(["standard", cells.ACTIVE, *cells.variants(CONFIG)]),
    scale="[0-9]+",
    shard="[0-9]+",
    n_pairs="[0-9]+",
    prompts="held_out|n[0-9]+",
    labels=one_of(inputs.STAGE_OF_LABELS),
    sampling=one_of(CONFIG.textual.sampling),
    job=one_of([*CONFIG.textual.jobs, "table_6"]),
    picker=one_of(CONFIG.rejection_sampling.reward_models),


include: "workflow/rules/demo.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/embedding.smk"
include: "workflow/rules/gather.smk"
include: "workflow/rules/synthesis.smk"
include: "workflow/rules/textual.smk"
include: "workflow/rules/reward.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/rejection.smk"
include: "workflow/rules/bench.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/prefetch.smk"


report: "workflow/report/workflow.rst"


onstart:
    if workflow.local_exec:
        server.start()
    else:
        slurm.outlast_controller()


onsuccess:
    timers.cancel_timers()


onerror:
    inputs.set_damaged_aside(CONFIG)
    timers.cancel_timers()


rule paper:
    default_target: True
    input:
        [getattr(rules, artefact).output for artefact in CONFIG.artefacts],
    localrule: True


rule all:
    input:
        rules.paper.input,
    localrule: True


rule report:
    input:
        rules.paper.input,
        texts=sorted(map(str, (ROOT / "workflow/report").glob("*.rst"))),
        style=ROOT / "workflow/report/style.css",
    output:
        html="<results>/report.html",
    log:
        "<logs>/report.log",
    localrule: True
    conda:
        "environment.yml"
    params:
        # A second Snakemake draws it, which reads what this one has noted about each job.
        same_config=same_config,
    shell:
        "python -m snakemake paper --report {output.html:q} --report-stylesheet {input.style:q}"
        " {params.same_config} 2>&1 | tee {log:q}"
