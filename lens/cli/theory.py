"""Say what Theorem 2 predicts from given constants, as the paper reads it and corrected.

Without constants it takes the paper's own: `lens theory --n-pairs 1000 --scale 4`.
"""


def add_arguments(parser):
    parser.add_argument("--constants", help="constants.json from fit-theory")
    parser.add_argument("--c1", type=float, help="of the statistical error (paper: 0.24)")
    parser.add_argument("--p", type=float, help="decay of the reconstruction error (paper: 0.26)")
    parser.add_argument("--b0", type=float, help="of the synthesis bias (paper: 5.63)")
    parser.add_argument("--dim", type=int, help="features of an embedding (paper: 4096)")
    parser.add_argument("--delta", type=float, help="1 - confidence (paper: 0.05)")
    parser.add_argument("--n-pairs", type=float, nargs="+", default=[], help="labelled pairs N")
    parser.add_argument("--scale", type=float, nargs="+", default=[], help="augmentation scales k")
    parser.add_argument("--noise-variance", type=float, help="of the latent noise: gives t_delta")
    parser.add_argument("--latent", type=int, default=16, help="latent dimension of t_delta (16)")


def run(args):
    import math

    from lens.core.errors import LensError
    from lens.theory import bounds

    if args.scale and not args.n_pairs:
        raise LensError("--scale asks about a set of N pairs: give --n-pairs too.")
    for name in ("n_pairs", "scale"):
        if not all(1 <= value < math.inf for value in getattr(args, name)):
            raise LensError(f"--{name.replace('_', '-')} takes numbers of 1 or more.")
    if args.latent < 1 or (args.noise_variance is not None and not args.noise_variance >= 0):
        raise LensError("--noise-variance must be 0 or more and --latent 1 or more.")
    values, flags = _values(args.constants)
    given = {"C1": args.c1, "p": args.p, "B0": args.b0, "dim": args.dim, "delta": args.delta}
    replaced = {name: value for name, value in given.items() if value is not None}
    constants = bounds.Constants(**(values | replaced))
    for line in bounds.sentences(constants, args.n_pairs, args.scale):
        print(line)
    if flags:
        fitted = ", ".join(sorted(set(values) - set(replaced)))
        print(f"Flags of the fit, from which {fitted} are taken:")
        for flag, meaning in flags.items():
            print(f"  {flag}: {meaning}")
    if args.noise_variance is not None:
        radius = bounds.noise_radius(args.noise_variance, args.latent, constants.delta)
        print(
            f"t_delta = {radius:.4f} for noise variance {args.noise_variance:g}, latent dimension "
            f"{args.latent}, delta {constants.delta:g} (Eq. 15)"
        )


def _values(path: str | None) -> tuple[dict, dict]:
    """(constants, {flag: meaning}) of a file, or the paper's without flags."""

    from lens.core.errors import LensError
    from lens.files.artifacts import read_json
    from lens.report.reported import reported

    if path is None:
        paper = reported()["theory"]
        values = {key: paper[key] for key in ("C1", "p", "B0", "delta")}
        return values | {"dim": paper["embedding_dim"]}, {}
    try:
        fitted = read_json(path)
        values = {key: fitted[key]["estimate"] for key in ("C1", "p", "B0")}
        values |= {key: fitted[key] for key in ("dim", "delta")}
        return values, fitted["flag_meanings"]
    except (ValueError, KeyError, TypeError) as error:
        raise LensError(
            f"{path}: not a constants.json of fit-theory ({type(error).__name__}: {error})."
        ) from error
