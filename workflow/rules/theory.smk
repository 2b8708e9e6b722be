rule theory_points:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        embeddings="<results>/embed_pairs/{dataset}/{model}/embeddings.json",
        shards=told(inputs.shards_of, "embed_pairs"),
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
    resources:
        mem_mb=grows(CONFIG.theory.mem_mb),
        runtime=lasts(1440),
    params:
        folder=subpath(output.metrics, parent=True),
        settings=told(flags.theory_flags),
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
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        points=subpath(input.metrics, parent=True),
        folder=subpath(output.constants, parent=True),
    shell:
        "python -m lens fit-theory --points {params.points:q} --dataset {wildcards.dataset:q}"
        " --model {wildcards.model:q} --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule inspect_synthetic:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        embeddings="<results>/embed_pairs/{dataset}/{model}/embeddings.json",
        shards=told(inputs.shards_of, "embed_pairs"),
        vae=inputs.inspected_vae(CONFIG),
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
    resources:
        mem_mb=grows(16000),
        runtime=lasts(240),
    params:
        settings=told(flags.inspection_flags),
        folder=subpath(output.metrics, parent=True),
    shell:
        "python -m lens inspect-synthetic --pairs {input.pairs:q} --embeddings {input.embeddings:q}"
        " --vae {input.vae:q} --reference {input.reference:q} {params.settings}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"
