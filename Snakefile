from snakemake.utils import min_version

min_version("9.10")


configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/common_text.smk"
include: "workflow/rules/common_sweeps.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/common_folder.smk"
include: "workflow/rules/common_shards.smk"
include: "workflow/rules/common_resources.smk"
include: "workflow/rules/common_inspection.smk"
include: "workflow/rules/common_tables.smk"
include: "workflow/rules/common_prefetch.smk"


pathvars:
    results=f"results/{config['run']}",
    logs=f"logs/{config['run']}",
    benchmarks=f"results/{config['run']}/benchmarks",


resource_scopes:
    gpu="local",


wildcard_constraints:
    dataset="|".join(map(re.escape, config["datasets"])),
    model="|".join(map(re.escape, config["models"])),
    source="|".join(map(re.escape, [*config["models"], "pool"])),
    method="|".join(["[a-z_]+", *map(re.escape, variants())]),
    vae="|".join(["standard", *map(re.escape, variants())]),
    scale="[0-9]+",
    shard="[0-9]+",
    n_pairs="[0-9]+",
    prompts="held_out|n[0-9]+",
    labels="annotator|ipo|self_rewarding",
    sampling="|".join(map(re.escape, config["textual"]["sampling"])),
    job="|".join(map(re.escape, [*config["textual"]["jobs"], "table_6"])),
    picker="|".join(map(re.escape, config["rejection_sampling"]["reward_models"])),


include: "workflow/rules/demo.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/embedding.smk"
include: "workflow/rules/gather.smk"
include: "workflow/rules/synthesis.smk"
include: "workflow/rules/textual.smk"
include: "workflow/rules/reward.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/rejection.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/sweeps.smk"
include: "workflow/rules/inspection.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/overview.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/prefetch.smk"


report: "workflow/report/workflow.rst"


onerror:
    set_damaged_aside()


rule paper:
    default_target: True
    input:
        [getattr(rules, artefact).output for artefact in config["artefacts"]],
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
        same_config=lambda wildcards: same_config(),
    shell:
        "python -m snakemake paper --report {output.html:q} --report-stylesheet {input.style:q}"
        " {params.same_config} 2>&1 | tee {log:q}"
