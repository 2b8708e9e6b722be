rule training_prompts:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        code=code("training_prompts"),
    output:
        prompts="<results>/training_prompts/{dataset}/n{n_pairs}/prompts.parquet",
        metrics="<results>/training_prompts/{dataset}/n{n_pairs}/metrics.json",
        cost="<results>/training_prompts/{dataset}/n{n_pairs}/cost.json",
    log:
        "<logs>/training_prompts/{dataset}/n{n_pairs}.log",
    benchmark:
        "<benchmarks>/training_prompts/{dataset}/n{n_pairs}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        command="training-prompts",
        settings=told(flags.training_prompts_flags),
    shell:
        "python -m lens {params.command} --pairs {input.pairs:q} {params.settings}"
        " --out {output.prompts:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


use rule training_prompts as held_out_prompts with:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        test_prompts="<results>/prepare_pairs/{dataset}/prompts.parquet",
        code=code("held_out_prompts"),
    output:
        prompts="<results>/held_out_prompts/{dataset}/prompts.parquet",
        metrics="<results>/held_out_prompts/{dataset}/metrics.json",
        cost="<results>/held_out_prompts/{dataset}/cost.json",
    log:
        "<logs>/held_out_prompts/{dataset}.log",
    benchmark:
        "<benchmarks>/held_out_prompts/{dataset}.jsonl"
    params:
        command="held-out-prompts",
        settings=told(flags.held_out_flags),


rule train_annotator:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        model=told(inputs.annotator_model),
        code=code("train_annotator"),
    output:
        annotator=temp(directory("<results>/train_annotator/{dataset}/annotator")),
        metrics="<results>/train_annotator/{dataset}/metrics.json",
        cost="<results>/train_annotator/{dataset}/cost.json",
    log:
        "<logs>/train_annotator/{dataset}.log",
    benchmark:
        "<benchmarks>/train_annotator/{dataset}.jsonl"
    conda:
        "../../environment.yml"
    threads: told(resources.text_processes)
    resources:
        gpu=told(resources.text_gpus),
        mem_mb=grows(told(resources.text_memory)),
        runtime=lasts(told(resources.text_minutes)),
    params:
        launch=told(flags.launch),
        settings=told(flags.annotator_flags),
    shell:
        "python -m lens.files.gpus {resources.gpu:q} {params.launch} train-annotator --pairs {input.pairs:q} {params.settings}"
        " --out {output.annotator:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule score_likelihood:
    input:
        rows="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/responses.parquet",
        model=told(inputs.own_model),
        code=code("score_likelihood"),
    output:
        table="<results>/score_likelihood/{dataset}/{model}/{prompts}/{sampling}/scores.parquet",
        metrics="<results>/score_likelihood/{dataset}/{model}/{prompts}/{sampling}/metrics.json",
        cost="<results>/score_likelihood/{dataset}/{model}/{prompts}/{sampling}/cost.json",
    log:
        "<logs>/score_likelihood/{dataset}/{model}/{prompts}/{sampling}.log",
    benchmark:
        "<benchmarks>/score_likelihood/{dataset}/{model}/{prompts}/{sampling}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        gpu=told(resources.model_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(1440),
    params:
        reads="score-likelihood --responses",
        settings=told(flags.likelihood_flags),
    shell:
        "python -m lens.files.gpus {resources.gpu:q} python -m lens {params.reads} {input.rows:q} {params.settings}"
        " --out {output.table:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


use rule score_likelihood as judge_responses with:
    input:
        rows="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/responses.parquet",
        model=told(inputs.own_model),
        code=code("judge_responses"),
    output:
        table="<results>/judge_responses/{dataset}/{model}/{prompts}/{sampling}/verdicts.parquet",
        metrics="<results>/judge_responses/{dataset}/{model}/{prompts}/{sampling}/metrics.json",
        cost="<results>/judge_responses/{dataset}/{model}/{prompts}/{sampling}/cost.json",
    log:
        "<logs>/judge_responses/{dataset}/{model}/{prompts}/{sampling}.log",
    benchmark:
        "<benchmarks>/judge_responses/{dataset}/{model}/{prompts}/{sampling}.jsonl"
    resources:
        gpu=told(resources.model_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(2880),
    params:
        reads="judge-responses --responses",
        settings=told(flags.self_rewarding_flags),


rule label_pairs:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        labels=told(inputs.labels_file),
        annotated="<results>/score_responses/{dataset}/{model}/n{n_pairs}/{sampling}/scores.parquet",
        code=code("label_pairs"),
    output:
        pairs="<results>/label_pairs/{dataset}/{model}/n{n_pairs}/{sampling}/{labels}/pairs.parquet",
        metrics="<results>/label_pairs/{dataset}/{model}/n{n_pairs}/{sampling}/{labels}/metrics.json",
        cost="<results>/label_pairs/{dataset}/{model}/n{n_pairs}/{sampling}/{labels}/cost.json",
    log:
        "<logs>/label_pairs/{dataset}/{model}/n{n_pairs}/{sampling}/{labels}.log",
    benchmark:
        "<benchmarks>/label_pairs/{dataset}/{model}/n{n_pairs}/{sampling}/{labels}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        seeds=CONFIG.compare.seeds,
        labels=told(flags.labels_flags),
    shell:
        "python -m lens label-pairs --pairs {input.pairs:q} --n-pairs {wildcards.n_pairs:q}"
        " --seeds {params.seeds:q} {params.labels} --annotated {input.annotated:q}"
        " --out {output.pairs:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule evolve_pairs:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        responses="<results>/sample_responses/{dataset}/{model}/n{n_pairs}/{sampling}/responses.parquet",
        annotated="<results>/score_responses/{dataset}/{model}/n{n_pairs}/{sampling}/scores.parquet",
        model=told(inputs.own_model),
        code=code("evolve_pairs"),
    output:
        pairs="<results>/evolve_pairs/{dataset}/{model}/n{n_pairs}/{sampling}/pairs.parquet",
        metrics="<results>/evolve_pairs/{dataset}/{model}/n{n_pairs}/{sampling}/metrics.json",
        cost="<results>/evolve_pairs/{dataset}/{model}/n{n_pairs}/{sampling}/cost.json",
    log:
        "<logs>/evolve_pairs/{dataset}/{model}/n{n_pairs}/{sampling}.log",
    benchmark:
        "<benchmarks>/evolve_pairs/{dataset}/{model}/n{n_pairs}/{sampling}.jsonl"
    conda:
        "../../environment.yml"
    threads: told(resources.text_processes)
    resources:
        gpu=told(resources.text_gpus),
        mem_mb=grows(told(resources.text_memory)),
        runtime=lasts(told(resources.text_minutes)),
    params:
        launch=told(flags.launch),
        seeds=CONFIG.compare.seeds,
        scales=CONFIG.compare.scales,
        settings=told(flags.evolving_flags),
    shell:
        "python -m lens.files.gpus {resources.gpu:q} {params.launch} evolve-pairs --pairs {input.pairs:q} --n-pairs {wildcards.n_pairs:q}"
        " --seeds {params.seeds:q} --scales {params.scales:q} --responses {input.responses:q}"
        " --annotated {input.annotated:q} {params.settings}"
        " --out {output.pairs:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule train_text:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        synthetic=told(inputs.synthetic_pairs),
        model=told(inputs.own_model),
        code=code("train_text"),
    output:
        models=temp(
            directory(
                "<results>/train_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}/models"
            )
        ),
        metrics="<results>/train_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}/metrics.json",
        cost="<results>/train_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}/cost.json",
    log:
        "<logs>/train_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}.log",
    benchmark:
        "<benchmarks>/train_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}.jsonl"
    conda:
        "../../environment.yml"
    threads: told(resources.text_processes)
    resources:
        gpu=told(resources.text_gpus),
        mem_mb=grows(told(resources.text_memory)),
        runtime=lasts(told(resources.text_minutes)),
    params:
        launch=told(flags.launch),
        seeds=CONFIG.compare.seeds,
        scales=told(cells.job_scales),
        settings=told(flags.text_flags),
    shell:
        "python -m lens.files.gpus {resources.gpu:q} {params.launch} train-text --pairs {input.pairs:q} --n-pairs {wildcards.n_pairs:q}"
        " --seeds {params.seeds:q} --scales {params.scales:q} {params.settings}"
        " --out-dir {output.models:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule best_of_n_text:
    input:
        models="<results>/train_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}/models",
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        candidates=told(inputs.candidate_table),
        gold=told(inputs.gold_table),
        code=code("best_of_n_text"),
    output:
        prompts="<results>/best_of_n_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}/prompts.parquet",
        pairs="<results>/best_of_n_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}/pairs.parquet",
        metrics="<results>/best_of_n_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}/metrics.json",
        cost="<results>/best_of_n_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}/cost.json",
    log:
        "<logs>/best_of_n_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}.log",
    benchmark:
        "<benchmarks>/best_of_n_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        gpu=told(resources.model_gpus),
        mem_mb=grows(told(resources.model_memory)),
        runtime=lasts(1440),
    params:
        seeds=CONFIG.compare.seeds,
        scales=told(cells.job_scales),
        load=told(flags.scoring_flags),
    shell:
        "python -m lens.files.gpus {resources.gpu:q} python -m lens best-of-n-text --models {input.models:q} --seeds {params.seeds:q}"
        " --scales {params.scales:q} --pairs {input.pairs:q} --candidates {input.candidates:q}"
        " --gold {input.gold:q} {params.load} --dataset {wildcards.dataset:q}"
        " --model {wildcards.model:q} --method {wildcards.method:q} --n-pairs {wildcards.n_pairs:q}"
        " --out-prompts {output.prompts:q} --out-pairs {output.pairs:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"
