"""VAEs whose output is known: their input, or constants."""

import torch

from lens.latent.vae import VAE


def identity_vae(dim):
    """An exact autoencoder without spread: relu(x) - relu(-x) = x on both ways."""
    vae = VAE(dim, 2 * dim, dim, "share_everything")
    eye = torch.eye(dim)
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.zero_()
        for layer in (vae.trunk["both"][0], vae.decoder["both"][0]):
            layer.weight.copy_(torch.cat([eye, -eye]))
        for layer in (vae.mean_head["both"], vae.decoder["both"][2]):
            layer.weight.copy_(torch.cat([eye, -eye], dim=1))
        vae.log_variance_head["both"].bias.fill_(-1e4)
    return vae


def constant_vae(means):
    """A VAE whose posterior means are these constants, one a side, whatever it reads."""
    vae = VAE(3, 4, 2, "shared_trunk_separate_heads")
    with torch.no_grad():
        for parts in (vae.trunk, vae.mean_head, vae.log_variance_head, vae.decoder):
            for value in parts.parameters():
                value.zero_()
        for side, mean in means.items():
            vae.mean_head[side].bias.fill_(mean)
    return vae.eval()
