rule pick_responses:
    input:
        responses="<results>/sample_responses/{dataset}/{model}/held_out/standard/responses.parquet",
        models=told(inputs.picking_models),
        embeddings=told(inputs.picking_embeddings),
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
    resources:
        gpu=told(resources.picker_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(1440),
    params:
        seeds=CONFIG.compare.seeds,
        models=told(inputs.picking_paths),
        settings=told(flags.picking_flags),
    shell:
        "python -m lens.files.gpus {resources.gpu:q} python -m lens pick-responses --responses {input.responses:q} --seeds {params.seeds:q}"
        " --models {params.models:q} {params.settings}"
        " --out {output.picks:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule train_sft:
    input:
        picks="<results>/pick_responses/{dataset}/{model}/n{n_pairs}/{picker}/picks.parquet",
        model=told(inputs.own_model),
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
    threads: told(resources.text_processes)
    resources:
        gpu=told(resources.text_gpus),
        mem_mb=grows(told(resources.text_memory)),
        runtime=lasts(1440),
    params:
        launch=told(flags.launch),
        seeds=CONFIG.compare.seeds,
        settings=told(flags.sft_flags),
    shell:
        "python -m lens.files.gpus {resources.gpu:q} {params.launch} train-sft --picks {input.picks:q} --seeds {params.seeds:q} {params.settings}"
        " --out-dir {output.models:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


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
    resources:
        gpu=told(resources.model_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(1440),
    params:
        seeds=CONFIG.compare.seeds,
        settings=told(flags.generation_flags),
    shell:
        "python -m lens.files.gpus {resources.gpu:q} python -m lens sample-sft --models {input.models:q} --seeds {params.seeds:q}"
        " --prompts {input.prompts:q} {params.settings}"
        " --out {output.answers:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


use rule score_likelihood as score_sft with:
    input:
        rows="<results>/sample_sft/{dataset}/{model}/n{n_pairs}/{picker}/answers.parquet",
        model=told(inputs.gold_model),
        code=code("score_sft"),
    output:
        table="<results>/score_sft/{dataset}/{model}/n{n_pairs}/{picker}/gold.parquet",
        metrics="<results>/score_sft/{dataset}/{model}/n{n_pairs}/{picker}/metrics.json",
        cost="<results>/score_sft/{dataset}/{model}/n{n_pairs}/{picker}/cost.json",
    log:
        "<logs>/score_sft/{dataset}/{model}/n{n_pairs}/{picker}.log",
    benchmark:
        "<benchmarks>/score_sft/{dataset}/{model}/n{n_pairs}/{picker}.jsonl"
    resources:
        gpu=told(resources.gold_gpus),
        mem_mb=grows(told(resources.gold_memory)),
        runtime=lasts(720),
    params:
        reads="score-sft --candidates",
        settings=told(flags.gold_flags),


use rule score_likelihood as judge_sft with:
    input:
        rows=told(inputs.answers_to_judge),
        model=told(inputs.judge_files),
        template=told(inputs.judge_template),
        code=code("judge_sft"),
    output:
        table="<results>/judge_sft/{dataset}/{model}/n{n_pairs}/verdicts.parquet",
        metrics="<results>/judge_sft/{dataset}/{model}/n{n_pairs}/metrics.json",
        cost="<results>/judge_sft/{dataset}/{model}/n{n_pairs}/cost.json",
    log:
        "<logs>/judge_sft/{dataset}/{model}/n{n_pairs}.log",
    benchmark:
        "<benchmarks>/judge_sft/{dataset}/{model}/n{n_pairs}.jsonl"
    resources:
        gpu=CONFIG.rejection_sampling.judge.gpu,
        mem_mb=grows(16000),
        runtime=lasts(1440),
    params:
        reads="judge-sft --answers",
        settings=told(flags.judge_flags),
