rule figure_2:
    input:
        gamma=judged(swept_cells("gamma")),
        noise_variance=judged(swept_cells("noise_variance")),
        sizes=judged(size_cells()),
        controls=judged(control_cells()),
        reported=ROOT / "lens/report/reported.json",
        code=code("figure_2"),
    output:
        *[
            shown(f"figure_2{panel}", "Figures", ["png", "pdf"], "figure_2", figure=f"2{panel}")
            for panel in "abc"
        ],
        shown("figure_2", "Figures", ["html", "csv"], figure="2, its numbers"),
        expand("<results>/paper/figure_2.{suffix}", suffix=["md", "tex"]),
        observations="<results>/paper/figure_2_observations.csv",
        compared="<results>/paper/figure_2_paper.csv",
        settings="<results>/paper/figure_2_settings.json",
    log:
        "<logs>/figure_2.log",
    benchmark:
        "<benchmarks>/figure_2.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(
            [config["sweeps"][key] for key in ("gamma", "noise_variance", "n_pairs", "scale")]
        ),
        gamma=config["sweeps"]["gamma"],
        gamma_cells=swept_cells("gamma"),
        noise=config["sweeps"]["noise_variance"],
        noise_cells=swept_cells("noise_variance"),
        sizes=size_cells(),
        controls=control_cells(),
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens figure-2 --gamma {params.gamma:q} --gamma-cells {params.gamma_cells:q}"
        " --noise-variance {params.noise:q} --noise-variance-cells {params.noise_cells:q}"
        " --size-cells {params.sizes:q} --controls {params.controls:q} {params.paper}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule figure_4:
    input:
        beta=judged(swept_cells("beta")),
        data=judged(data_cells()),
        controls=judged(control_cells()),
        reported=ROOT / "lens/report/reported.json",
        code=code("figure_4"),
    output:
        *[
            shown(f"figure_4{panel}", "Figures", ["png", "pdf"], "figure_4", figure=f"4{panel}")
            for panel in "ab"
        ],
        shown("figure_4", "Figures", ["html", "csv"], figure="4, its numbers"),
        expand("<results>/paper/figure_4.{suffix}", suffix=["md", "tex"]),
        observations="<results>/paper/figure_4_observations.csv",
        compared="<results>/paper/figure_4_paper.csv",
        settings="<results>/paper/figure_4_settings.json",
    log:
        "<logs>/figure_4.log",
    benchmark:
        "<benchmarks>/figure_4.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from([config["sweeps"][key] for key in ("beta", "scale")]),
        beta=config["sweeps"]["beta"],
        beta_cells=swept_cells("beta"),
        data=data_cells(),
        controls=control_cells(),
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens figure-4 --beta {params.beta:q} --beta-cells {params.beta_cells:q}"
        " --data-cells {params.data:q} --controls {params.controls:q} {params.paper}"
        " --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule table_5:
    input:
        sharing=judged(swept_cells("sharing")),
        controls=judged(control_cells()),
        reported=ROOT / "lens/report/reported.json",
        code=code("table_5"),
    output:
        shown("table_5", "Tables", ["html", "csv"], table="5", shows="sharing in the VAE"),
        expand("<results>/paper/table_5.{suffix}", suffix=["md", "tex"]),
        observations="<results>/paper/table_5_observations.csv",
        compared="<results>/paper/table_5_paper.csv",
        settings="<results>/paper/table_5_settings.json",
    log:
        "<logs>/table_5.log",
    benchmark:
        "<benchmarks>/table_5.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from([config["sweeps"][key] for key in ("sharing", "scale")]),
        sharing=config["sweeps"]["sharing"],
        cells=swept_cells("sharing"),
        controls=control_cells(),
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens table-5 --sharing {params.sharing:q} --sharing-cells {params.cells:q}"
        " --controls {params.controls:q} {params.paper} --out-dir {params.folder:q}"
        " 2>&1 | tee {log:q}"


rule layer_sweep:
    input:
        cells=judged(layer_cells()),
        reported=ROOT / "lens/report/reported.json",
        code=code("layer_sweep"),
    output:
        shown("layer_sweep", "Reviews", ["png", "pdf", "html", "csv"], shows="embedding layer"),
        expand("<results>/paper/layer_sweep.{suffix}", suffix=["md", "tex"]),
        observations="<results>/paper/layer_sweep_observations.csv",
        compared="<results>/paper/layer_sweep_paper.csv",
        settings="<results>/paper/layer_sweep_settings.json",
    log:
        "<logs>/layer_sweep.log",
    benchmark:
        "<benchmarks>/layer_sweep.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from([config["sweeps"][key] for key in ("layers", "scale")]),
        layers=config["sweeps"]["layers"],
        cells=layer_cells(),
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens layer-sweep --layers {params.layers:q} --cells {params.cells:q}"
        " {params.paper} --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule scale_sweep:
    input:
        cells=judged(scale_cells()),
        controls=judged(control_cells(repeat=False)),
        reported=ROOT / "lens/report/reported.json",
        code=code("scale_sweep"),
    output:
        shown("scale_sweep", "Reviews", ["png", "pdf", "html", "csv"], shows="scales to 64x"),
        expand("<results>/paper/scale_sweep.{suffix}", suffix=["md", "tex"]),
        observations="<results>/paper/scale_sweep_observations.csv",
        compared="<results>/paper/scale_sweep_paper.csv",
        settings="<results>/paper/scale_sweep_settings.json",
    log:
        "<logs>/scale_sweep.log",
    benchmark:
        "<benchmarks>/scale_sweep.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(config["sweeps"]["scales"]),
        cells=scale_cells(),
        controls=control_cells(repeat=False),
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens scale-sweep --cells {params.cells:q} --controls {params.controls:q}"
        " {params.paper} --out-dir {params.folder:q} 2>&1 | tee {log:q}"


rule size_sweep:
    input:
        cells=judged(size_cells()),
        text=judged(size_text_cells()),
        reported=ROOT / "lens/report/reported.json",
        code=code("size_sweep"),
    output:
        shown("size_sweep", "Reviews", ["png", "pdf", "html", "csv"], shows="many labelled pairs"),
        expand("<results>/paper/size_sweep.{suffix}", suffix=["md", "tex"]),
        observations="<results>/paper/size_sweep_observations.csv",
        compared="<results>/paper/size_sweep_paper.csv",
        settings="<results>/paper/size_sweep_settings.json",
    log:
        "<logs>/size_sweep.log",
    benchmark:
        "<benchmarks>/size_sweep.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        made_from=made_from(
            textual(), [config["sweeps"][key] for key in ("n_pairs", "text_n_pairs", "scale")]
        ),
        cells=size_cells(),
        text=size_text_cells(),
        scale=config["sweeps"]["scale"],
        paper=paper_flags(),
        folder=subpath(output.observations, parent=True),
    shell:
        "python -m lens size-sweep --cells {params.cells:q} --text-cells {params.text:q}"
        " --scale {params.scale:q} {params.paper} --out-dir {params.folder:q} 2>&1 | tee {log:q}"
