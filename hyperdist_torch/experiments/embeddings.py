"""Two-dimensional embeddings beside those of the auto-encoders: principal components and a GPLVM."""

from __future__ import annotations

import warnings
from typing import cast

import torch
from torch import Tensor


def pca(x: Tensor, d: int = 2) -> tuple[Tensor, Tensor]:
    """The mean of rows x, (n, D), and their first d principal directions, (D, d)."""
    mean = x.mean(dim=0)
    _, _, directions = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, directions[:d].T


def gplvm(x: Tensor, d: int = 2, *, inducing: int = 25, steps: int = 1000, seed: int = 0) -> Tensor:
    """Latent means, (n, d), of the rows x, (n, D), in a Gaussian process latent variable model, from GPyTorch.

    A Gaussian q of each latent point under a standard normal prior, a squared-exponential kernel with one length a
    latent axis, ``inducing`` inducing points an output, Adam on the evidence lower bound, from principal components.
    Source  Titsias & Lawrence 2010; Lalchand et al. 2022 for this form.
    Raises  ImportError where GPyTorch is missing.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torch.jit.script", DeprecationWarning)  # GPyTorch 1.15 with torch 2.13
        try:
            import gpytorch
            from gpytorch.distributions import MultivariateNormal
            from gpytorch.models.gplvm import BayesianGPLVM, VariationalLatentVariable
            from gpytorch.variational import CholeskyVariationalDistribution, VariationalStrategy
        except ImportError as error:
            raise ImportError("the GPLVM needs GPyTorch: pip install 'hyperdist[experiments]'") from error

    (n, outputs), batch = x.shape, torch.Size([x.shape[1]])

    class Model(BayesianGPLVM):
        def __init__(self, start: Tensor) -> None:
            points = torch.nn.Parameter(torch.randn(outputs, inducing, d))
            law = CholeskyVariationalDistribution(inducing, batch_shape=batch)
            strategy = VariationalStrategy(self, points, law, learn_inducing_locations=True)
            prior = gpytorch.priors.NormalPrior(torch.zeros(n, d), torch.ones(n, d))
            latent = VariationalLatentVariable(n, outputs, d, torch.nn.Parameter(start), prior)
            super().__init__(latent, strategy)
            self.mean_module = gpytorch.means.ZeroMean(batch_shape=batch)
            self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel(ard_num_dims=d))

        def forward(self, z: Tensor) -> MultivariateNormal:  # type: ignore[override]
            return MultivariateNormal(cast(Tensor, self.mean_module(z)), self.covar_module(z))

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        mean, directions = pca(x, d)
        start = (x - mean) @ directions
        model = Model(start / start.std(dim=0))
        likelihood = gpytorch.likelihoods.GaussianLikelihood(batch_shape=batch)
        bound = gpytorch.mlls.VariationalELBO(likelihood, model, num_data=n)
        optimiser = torch.optim.Adam([*model.parameters(), *likelihood.parameters()], lr=0.01)
        model.train()
        for _ in range(steps):
            optimiser.zero_grad()
            loss = -cast(Tensor, bound(model(model.sample_latent_variable()), x.T)).sum()
            loss.backward()
            optimiser.step()
    return model.X.q_mu.detach()
