"""Say what Theorem 2 predicts from given constants, as the paper reads it and corrected.

Without constants it takes the paper's own. `lens theory --n-pairs 1000 --scale 4` asks them.
"""


def add_arguments(parser):
    parser.add_argument("--constants", help="constants.json from fit-theory")
    parser.add_argument("--c1", type=float, help="of the statistical error (Eq. 27)")
    parser.add_argument("--p", type=float, help="decay of the reconstruction error")
    parser.add_argument("--b0", type=float, help="of the synthesis bias (Eq. 32)")
    parser.add_argument("--dim", type=int, help="features of an embedding")
    parser.add_argument("--delta", type=float, help="1 - confidence")
    parser.add_argument("--n-pairs", type=float, help="labelled pairs N to ask about")
    parser.add_argument("--scale", type=float, help="augmentation scale k to ask about")
    parser.add_argument("--noise-variance", type=float, help="of the latent noise, for t_delta")
    parser.add_argument("--latent", type=int, default=16, help="latent dimension, for t_delta")


def run(args):
    from lens import artifacts, theory
    from lens.errors import LensError
    from lens.paper.reported import reported

    if args.scale is not None and args.n_pairs is None:
        raise LensError("--scale asks about a set of N pairs: give --n-pairs too.")
    for name, least in (("n_pairs", 1), ("scale", 1)):
        if getattr(args, name) is not None and getattr(args, name) < least:
            raise LensError(f"--{name.replace('_', '-')} must be {least} or more.")
    if args.constants:
        fitted = artifacts.read_json(args.constants)
        values = {key: fitted[key]["estimate"] for key in ("C1", "p", "B0")}
        values |= {key: fitted[key] for key in ("dim", "delta")}
    else:
        paper = reported()["theory"]
        values = {key: paper[key] for key in ("C1", "p", "B0", "delta")}
        values["dim"] = paper["embedding_dim"]
    given = {"C1": args.c1, "p": args.p, "B0": args.b0, "dim": args.dim, "delta": args.delta}
    values |= {name: value for name, value in given.items() if value is not None}
    constants = theory.Constants(**values)
    for line in theory.sentences(constants, args.n_pairs, args.scale):
        print(line)
    if args.constants and fitted["flags"]:
        print("Flags of the fit:")
        for flag in fitted["flags"]:
            print(f"  {flag}: {fitted['flag_meanings'][flag]}")
    if args.noise_variance is not None:
        radius = theory.noise_radius(args.noise_variance, args.latent, constants.delta)
        print(
            f"t_delta = {radius:.4f} for noise variance {args.noise_variance:g}, latent dimension "
            f"{args.latent}, delta {constants.delta:g} (Eq. 15)"
        )
