"""The Poincare variational auto-encoder of Mathieu et al. 2019 (arXiv 1901.06033), its objectives and checkpoints.

At c = 0 it is the Euclidean one, in the same code. Latent points are in tangent coordinates (exponential coordinates at
the origin) throughout, which hold any radius in float32.
"""

from hyperdist_torch.vae.checkpoint import load, save
from hyperdist_torch.vae.config import VAEConfig
from hyperdist_torch.vae.laws import OriginNormal
from hyperdist_torch.vae.model import PoincareVAE
from hyperdist_torch.vae.objectives import elbo, iwae, log_likelihood

__all__ = ["OriginNormal", "PoincareVAE", "VAEConfig", "elbo", "iwae", "load", "log_likelihood", "save"]
