rule build_world:
    input:
        code=code("build_world"),
    output:
        dialogue="<results>/build_world/dialogue.jsonl",
        summary="<results>/build_world/summary.jsonl",
        corpus="<results>/build_world/corpus.jsonl",
        gold_corpus="<results>/build_world/gold_corpus.jsonl",
        truth="<results>/build_world/truth.json",
    log:
        "<logs>/build_world.log",
    benchmark:
        "<benchmarks>/build_world.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=grows(2000),
        runtime=lasts(10),
    params:
        folder=subpath(output.truth, parent=True),
        settings=told(flags.world_flags, "texts"),
    shell:
        "python -m lens build-world {params.settings} --out {params.folder:q} 2>&1 | tee {log:q}"


rule train_base_model:
    input:
        corpus="<results>/build_world/corpus.jsonl",
        code=code("train_base_model"),
    output:
        config="<results>/train_base_model/model/config.json",
        weights="<results>/train_base_model/model/model.safetensors",
        tokenizer="<results>/train_base_model/model/tokenizer.json",
        metrics="<results>/train_base_model/metrics.json",
        cost="<results>/train_base_model/cost.json",
    log:
        "<logs>/train_base_model.log",
    benchmark:
        "<benchmarks>/train_base_model.jsonl"
    conda:
        "../../environment.yml"
    threads: told(resources.world_threads, "base_model")
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        folder=subpath(output.config, parent=True),
        settings=told(flags.world_flags, "base_model"),
    shell:
        "python -m lens train-base-model --corpus {input.corpus:q} {params.settings}"
        " --out {params.folder:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule train_gold_model:
    input:
        corpus="<results>/build_world/gold_corpus.jsonl",
        base="<results>/train_base_model/model/model.safetensors",
        code=code("train_gold_model"),
    output:
        config="<results>/train_gold_model/model/config.json",
        weights="<results>/train_gold_model/model/model.safetensors",
        tokenizer="<results>/train_gold_model/model/tokenizer.json",
        metrics="<results>/train_gold_model/metrics.json",
        cost="<results>/train_gold_model/cost.json",
    log:
        "<logs>/train_gold_model.log",
    benchmark:
        "<benchmarks>/train_gold_model.jsonl"
    priority: 1  # gold scores wait for it, and tables for them
    conda:
        "../../environment.yml"
    threads: told(resources.world_threads, "gold_model")
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        base=subpath(input.base, parent=True),
        folder=subpath(output.config, parent=True),
        settings=told(flags.world_flags, "gold_model"),
    shell:
        "python -m lens train-gold-model --base {params.base:q} --corpus {input.corpus:q}"
        " {params.settings} --out {params.folder:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"
