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
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        seeds=config["compare"]["seeds"],
    shell:
        "python -m lens training-prompts --pairs {input.pairs:q} --n-pairs {wildcards.n_pairs:q}"
        " --seeds {params.seeds:q} --out {output.prompts:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule held_out_prompts:
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
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        prompts=lambda wildcards: config["rejection_sampling"]["prompts"],
        seed=lambda wildcards: config["rejection_sampling"]["seed"],
    shell:
        "python -m lens held-out-prompts --pairs {input.pairs:q} --test-prompts {input.test_prompts:q}"
        " --count {params.prompts:q} --seed {params.seed:q} --out {output.prompts:q}"
        " --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule sample_responses:
    input:
        prompts=prompt_table,
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("sample_responses"),
    output:
        shard=temp(
            "<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.parquet"
        ),
        report=temp(
            "<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.json"
        ),
    log:
        "<logs>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.log",
    benchmark:
        "<benchmarks>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=shard_minutes("sample_responses"),
    params:
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        sampling=sampling,
        shard=shard_flags("sample_responses"),
    shell:
        "python -m lens sample-responses --prompts {input.prompts:q} {params.load} {params.sampling}"
        " {params.shard} --out {output.shard:q} --metrics {output.report:q} 2>&1 | tee {log:q}"


rule embed_responses:
    input:
        responses="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/responses.parquet",
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("embed_responses"),
    output:
        shard="<results>/embed_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.safetensors",
        report="<results>/embed_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.json",
    log:
        "<logs>/embed_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=shard_minutes("embed_responses"),
    params:
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        embedding=lambda wildcards: flags(config["models"][wildcards.model]["embedding"]),
        shard=shard_flags("embed_responses"),
    shell:
        "python -m lens embed-responses --responses {input.responses:q} {params.load} {params.embedding}"
        " {params.shard} --out {output.shard:q} --metrics {output.report:q} 2>&1 | tee {log:q}"


rule train_annotator:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        model=lambda wildcards: model_files(annotator()["load"]["model"]),
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
    threads: training_processes
    resources:
        gpu=textual_gpus,
        mem_mb=textual_memory,
        runtime=text_minutes,
    params:
        launch=launch(),
        load=lambda wildcards: flags(annotator()["load"]),
        finetuning=lambda wildcards: flags(annotator_settings()),
    shell:
        "{params.launch} train-annotator --pairs {input.pairs:q} {params.load} {params.finetuning}"
        " --out {output.annotator:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule score_responses:
    input:
        responses="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/responses.parquet",
        annotator="<results>/train_annotator/{dataset}/annotator",
        code=code("score_responses"),
    output:
        shard=temp(
            "<results>/score_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.parquet"
        ),
        report=temp(
            "<results>/score_responses/{dataset}/{model}/{prompts}/{sampling}/shards/{shard}.json"
        ),
    log:
        "<logs>/score_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.log",
    benchmark:
        "<benchmarks>/score_responses/{dataset}/{model}/{prompts}/{sampling}/{shard}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lambda wildcards: annotator()["gpu"],
        mem_mb=annotator_memory,
        runtime=shard_minutes("score_responses"),
    params:
        load=lambda wildcards: flags(scoring(annotator())),
        shard=shard_flags("score_responses"),
    shell:
        "python -m lens score-responses --responses {input.responses:q} --annotator {input.annotator:q}"
        " {params.load} {params.shard} --out {output.shard:q} --metrics {output.report:q} 2>&1 | tee {log:q}"


rule score_likelihood:
    input:
        responses="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/responses.parquet",
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("score_likelihood"),
    output:
        scores="<results>/score_likelihood/{dataset}/{model}/{prompts}/{sampling}/scores.parquet",
        metrics="<results>/score_likelihood/{dataset}/{model}/{prompts}/{sampling}/metrics.json",
        cost="<results>/score_likelihood/{dataset}/{model}/{prompts}/{sampling}/cost.json",
    log:
        "<logs>/score_likelihood/{dataset}/{model}/{prompts}/{sampling}.log",
    benchmark:
        "<benchmarks>/score_likelihood/{dataset}/{model}/{prompts}/{sampling}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=lasts(1440),
    params:
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        batch_tokens=lambda wildcards: config["models"][wildcards.model]["embedding"].get(
            "batch_tokens", 8192
        ),
    shell:
        "python -m lens score-likelihood --responses {input.responses:q} {params.load}"
        " --batch-tokens {params.batch_tokens:q} --out {output.scores:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule judge_responses:
    input:
        responses="<results>/sample_responses/{dataset}/{model}/{prompts}/{sampling}/responses.parquet",
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
        code=code("judge_responses"),
    output:
        verdicts="<results>/judge_responses/{dataset}/{model}/{prompts}/{sampling}/verdicts.parquet",
        metrics="<results>/judge_responses/{dataset}/{model}/{prompts}/{sampling}/metrics.json",
        cost="<results>/judge_responses/{dataset}/{model}/{prompts}/{sampling}/cost.json",
    log:
        "<logs>/judge_responses/{dataset}/{model}/{prompts}/{sampling}.log",
    benchmark:
        "<benchmarks>/judge_responses/{dataset}/{model}/{prompts}/{sampling}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=lasts(2880),
    params:
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        judge=lambda wildcards: flags(config["textual"]["self_rewarding"]),
    shell:
        "python -m lens judge-responses --responses {input.responses:q} {params.load} {params.judge}"
        " --out {output.verdicts:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule label_pairs:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        labels=labels_file,
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
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=lasts(30),
    params:
        seeds=config["compare"]["seeds"],
        scale=lambda wildcards: largest_scale(wildcards),
        kind=labels_flag,
    shell:
        "python -m lens label-pairs --pairs {input.pairs:q} --n-pairs {wildcards.n_pairs:q}"
        " --seeds {params.seeds:q} --scale {params.scale:q} {params.kind} {input.labels:q}"
        " --annotated {input.annotated:q} --out {output.pairs:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule evolve_pairs:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        responses="<results>/sample_responses/{dataset}/{model}/n{n_pairs}/{sampling}/responses.parquet",
        annotated="<results>/score_responses/{dataset}/{model}/n{n_pairs}/{sampling}/scores.parquet",
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
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
    threads: training_processes
    resources:
        gpu=textual_gpus,
        mem_mb=textual_memory,
        runtime=text_minutes,
    params:
        launch=launch(),
        seeds=config["compare"]["seeds"],
        scales=config["compare"]["scales"],
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        settings=lambda wildcards: flags(
            config["textual"]["self_evolved"] | finetuning_settings("full")
        ),
    shell:
        "{params.launch} evolve-pairs --pairs {input.pairs:q} --n-pairs {wildcards.n_pairs:q}"
        " --seeds {params.seeds:q} --scales {params.scales:q} --responses {input.responses:q}"
        " --annotated {input.annotated:q} {params.load} {params.settings}"
        " --out {output.pairs:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule train_text:
    input:
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        synthetic=synthetic_pairs,
        model=lambda wildcards: model_files(config["models"][wildcards.model]["load"]["model"]),
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
    threads: training_processes
    resources:
        gpu=textual_gpus,
        mem_mb=textual_memory,
        runtime=text_minutes,
    params:
        launch=launch(),
        seeds=config["compare"]["seeds"],
        scales=job_scales,
        synthetic=synthetic_flag,
        load=lambda wildcards: flags(config["models"][wildcards.model]["load"]),
        settings=lambda wildcards: flags(text_settings(wildcards)),
    shell:
        "{params.launch} train-text --pairs {input.pairs:q} --n-pairs {wildcards.n_pairs:q}"
        " --seeds {params.seeds:q} --scales {params.scales:q} {params.synthetic} {params.load}"
        " {params.settings} --out-dir {output.models:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"


rule best_of_n_text:
    input:
        models="<results>/train_text/{dataset}/{model}/n{n_pairs}/{method}/{sampling}/{job}/models",
        pairs="<results>/prepare_pairs/{dataset}/pairs.parquet",
        candidates=candidate_table,
        gold=gold_table,
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
    threads: 1
    resources:
        gpu=lookup("models/{model}/gpu", within=config),
        mem_mb=model_memory,
        runtime=lasts(1440),
    params:
        seeds=config["compare"]["seeds"],
        scales=job_scales,
        load=lambda wildcards: flags(scoring(config["models"][wildcards.model])),
    shell:
        "python -m lens best-of-n-text --models {input.models:q} --seeds {params.seeds:q}"
        " --scales {params.scales:q} --pairs {input.pairs:q} --candidates {input.candidates:q}"
        " --gold {input.gold:q} {params.load} --dataset {wildcards.dataset:q}"
        " --model {wildcards.model:q} --method {wildcards.method:q} --n-pairs {wildcards.n_pairs:q}"
        " --out-prompts {output.prompts:q} --out-pairs {output.pairs:q} --metrics {output.metrics:q} 2>&1 | tee {log:q}"
