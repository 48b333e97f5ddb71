"""The Poincare variational auto-encoder of Mathieu et al. 2019 (arXiv 1901.06033), its objectives and checkpoints.

At c = 0 it is the Euclidean one, in the same code. Latent points are in tangent coordinates (exponential coordinates at
the origin) throughout, which hold any radius in float32. Encoder, decoder, likelihood and prior may be one's own: see
``PoincareVAE``, whose example trains in a plain loop. ``training.fit`` takes any of the objectives, with what is given
of each row in further columns,

    def objective(model, rows):
        return elbo(model, rows[:, :-1], given={"library": rows[:, -1]})

    training.fit(model, rows, objective, training.Schedule(epochs=100, batch_size=128, learning_rate=1e-3), folder)

and so does a module of Lightning:

    class Module(lightning.LightningModule):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def training_step(self, batch, index):
            return -elbo(self.model, batch).mean()

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-3)
"""

from hyperdist_torch.vae.checkpoint import load, save
from hyperdist_torch.vae.config import VAEConfig
from hyperdist_torch.vae.counts import NegativeBinomialLikelihood, PoissonLikelihood
from hyperdist_torch.vae.laws import OriginNormal
from hyperdist_torch.vae.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    ContinuousBernoulliLikelihood,
    Likelihood,
    NormalLikelihood,
)
from hyperdist_torch.vae.model import PoincareVAE
from hyperdist_torch.vae.objectives import elbo, iwae, log_likelihood

__all__ = [
    "BernoulliLikelihood",
    "CategoricalLikelihood",
    "ContinuousBernoulliLikelihood",
    "Likelihood",
    "NegativeBinomialLikelihood",
    "NormalLikelihood",
    "OriginNormal",
    "PoincareVAE",
    "PoissonLikelihood",
    "VAEConfig",
    "elbo",
    "iwae",
    "load",
    "log_likelihood",
    "save",
]
