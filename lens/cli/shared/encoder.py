"""The encoder that a command's arguments name."""

from lens.cli.shared.arguments import model_options


def encoder(args):
    """The `Encoder` of `add_encoder_arguments`."""
    from lens.language.encoder import Encoder

    return Encoder(
        **model_options(args, path="model"),
        text_style=args.text_style,
        pooling=args.pooling,
        layer=args.layer,
        max_length=args.max_length,
        too_long=args.too_long,
        batch_tokens=args.batch_tokens,
    )
