# No other job waits for this one, and it has no output, so that it looks again whenever it is asked
# for (a benchmark would count as output): the cache may be another one since, or empty. What lies
# there is not downloaded again.
rule prefetch:
    input:
        code=code("prefetch"),
    log:
        "<logs>/prefetch.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        wanted=told(flags.hub_downloads),
        record=f"{CONFIG.results}/prefetch.json",
    shell:
        "python -m lens prefetch {params.wanted} --out {params.record:q} 2>&1 | tee {log:q}"
