"""One split of one Earth set: its baselines' held-out scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from hyperdist import earth


def evaluate(folder: str, digest: str, name: str, kind: str, seed: int, settings: earth.Settings) -> dict[str, Any]:
    """Held-out negative log-likelihoods in nats with respect to area on the unit sphere.

    ``digest`` is that of the file, so that results kept from an earlier run are of the same data.
    """
    parts = earth.load_parts(folder, name, kind, seed)
    x, y, z = map(earth.unit, parts)
    mixture = earth.fit_mixture(x, y, settings, seed=seed)
    kernel, variable = (earth.KernelEstimate.fit(x, y, variable=which) for which in (False, True))
    return {
        "set": name, "kind": kind, "seed": seed, "sizes": [len(part) for part in parts],
        "coinciding": earth.coinciding(parts.test, parts.training),
        "mixture": -float(np.mean(mixture.log_prob(z))), "components": int(mixture.weights.size),
        "kernel": -float(np.mean(kernel.log_prob(z))), "bandwidths": kernel.bandwidths.ravel().tolist(),
        "variable kernel": -float(np.mean(variable.log_prob(z))),
    }  # fmt: skip
