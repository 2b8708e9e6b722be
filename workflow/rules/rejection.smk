rule pick_responses:
    input:
        responses="<results>/sample_responses/{dataset}/{model}/held_out/standard/responses.parquet",
        models=picking_models,
        embeddings=picking_embeddings,
        code=code("pick_responses"),
    output:
        picks="<results>/pick_responses/{dataset}/{model}/n{n_pairs}/{picker}/picks.parquet",
        metrics="<results>/pick_responses/{dataset}/{model}/n{n_pairs}/{picker}/metrics.json",
        cost="<results>/pick_responses/{dataset}/{model}/n{n_pairs}/{picker}/cost.json",
    log:
        "<logs>/pick_responses/{dataset}/{model}/n{n_pairs}/{picker}.log",
    benchmark:
        "<benchmarks>/pick_responses/{dataset}/{model}/n{n_pairs}/{picker}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=picker_gpus,
        mem_mb=model_memory,
        runtime=lasts(1440),
    params:
        seeds=config["compare"]["seeds"],
        models=picking_paths,
        embeddings=picking_flag,
        load=lambda wildcards: flags(scoring(config["models"][wildcards.model])),
    shell:
        "python -m lens pick-responses --responses {input.responses:q} --seeds {params.seeds:q}"
        " --models {params.models:q} {params.embeddings} {params.load}"
        " --out {output.picks:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule train_sft:
    input:
        picks="<results>/pick_responses/{dataset}/{model}/n{n_pairs}/{picker}/picks.parquet",
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("train_sft"),
    output:
        models=temp(directory("<results>/train_sft/{dataset}/{model}/n{n_pairs}/{picker}/models")),
        metrics="<results>/train_sft/{dataset}/{model}/n{n_pairs}/{picker}/metrics.json",
        cost="<results>/train_sft/{dataset}/{model}/n{n_pairs}/{picker}/cost.json",
    log:
        "<logs>/train_sft/{dataset}/{model}/n{n_pairs}/{picker}.log",
    benchmark:
        "<benchmarks>/train_sft/{dataset}/{model}/n{n_pairs}/{picker}.jsonl"
    conda:
        "../../environment.yml"
    threads: training_processes
    resources:
        gpu=textual_gpus,
        mem_mb=textual_memory,
        runtime=lasts(1440),
    params:
        launch=launch(),
        seeds=config["compare"]["seeds"],
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        settings=lambda wildcards: flags(config["rejection_sampling"]["sft"]),
    shell:
        "{params.launch} train-sft --picks {input.picks:q} --seeds {params.seeds:q} {params.load}"
        " {params.settings} --out-dir {output.models:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule sample_sft:
    input:
        models="<results>/train_sft/{dataset}/{model}/n{n_pairs}/{picker}/models",
        prompts="<results>/prepare_pairs/{dataset}/prompts.parquet",
        code=code("sample_sft"),
    output:
        answers="<results>/sample_sft/{dataset}/{model}/n{n_pairs}/{picker}/answers.parquet",
        metrics="<results>/sample_sft/{dataset}/{model}/n{n_pairs}/{picker}/metrics.json",
        cost="<results>/sample_sft/{dataset}/{model}/n{n_pairs}/{picker}/cost.json",
    log:
        "<logs>/sample_sft/{dataset}/{model}/n{n_pairs}/{picker}.log",
    benchmark:
        "<benchmarks>/sample_sft/{dataset}/{model}/n{n_pairs}/{picker}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=lasts(1440),
    params:
        seeds=config["compare"]["seeds"],
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        generation=lambda wildcards: flags(config["models"][wildcards.model]["generation"]),
    shell:
        "python -m lens sample-sft --models {input.models:q} --seeds {params.seeds:q}"
        " --prompts {input.prompts:q} {params.load} {params.generation}"
        " --out {output.answers:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule score_sft:
    input:
        answers="<results>/sample_sft/{dataset}/{model}/n{n_pairs}/{picker}/answers.parquet",
        model=lambda wildcards: model_files(config["gold"]["load"]["model"]),
        code=code("score_sft"),
    output:
        gold="<results>/score_sft/{dataset}/{model}/n{n_pairs}/{picker}/gold.parquet",
        metrics="<results>/score_sft/{dataset}/{model}/n{n_pairs}/{picker}/metrics.json",
        cost="<results>/score_sft/{dataset}/{model}/n{n_pairs}/{picker}/cost.json",
    log:
        "<logs>/score_sft/{dataset}/{model}/n{n_pairs}/{picker}.log",
    benchmark:
        "<benchmarks>/score_sft/{dataset}/{model}/n{n_pairs}/{picker}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lambda wildcards: config["gold"]["gpu"],
        mem_mb=gold_memory,
        runtime=lasts(720),
    params:
        load=lambda wildcards: flags(config["gold"]["load"]),
        batch_tokens=lambda wildcards: config["gold"]["batch_tokens"],
    shell:
        "python -m lens score-sft --candidates {input.answers:q} {params.load}"
        " --batch-tokens {params.batch_tokens:q} --out {output.gold:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule judge_sft:
    input:
        answers=collect(
            "<results>/sample_sft/{{dataset}}/{{model}}/n{{n_pairs}}/{picker}/answers.parquet",
            picker=config["rejection_sampling"]["judge"]["compare"],
        ),
        model=judge_files,
        template=judge_template,
        code=code("judge_sft"),
    output:
        verdicts="<results>/judge_sft/{dataset}/{model}/n{n_pairs}/verdicts.parquet",
        metrics="<results>/judge_sft/{dataset}/{model}/n{n_pairs}/metrics.json",
        cost="<results>/judge_sft/{dataset}/{model}/n{n_pairs}/cost.json",
    log:
        "<logs>/judge_sft/{dataset}/{model}/n{n_pairs}.log",
    benchmark:
        "<benchmarks>/judge_sft/{dataset}/{model}/n{n_pairs}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lambda wildcards: config["rejection_sampling"]["judge"].get("gpu", 0),
        mem_mb=grows(16000),
        runtime=lasts(1440),
    params:
        judge=judge_settings,
    shell:
        "python -m lens judge-sft --answers {input.answers:q} {params.judge}"
        " --out {output.verdicts:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"
