"""What a Poincare VAE is made of, as one checked value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from hyperdist import checks
from hyperdist_torch.vae import signature

LAWS = ("normal", "wrapped", "riemannian")
"""Posteriors and priors on hyperbolic and flat space; those on the others are in ``_CHOICES``."""
ENCODERS = ("linear", "wrapped", "mobius")
DECODERS = ("linear", "wrapped", "geo", "horosphere", "klein", "mobius")
LIKELIHOODS = ("bernoulli", "continuous_bernoulli", "normal", "categorical", "poisson", "negative_binomial")
COUNTS = ("poisson", "negative_binomial")

_CURVED = {"posterior": LAWS, "prior": LAWS, "encoder": ENCODERS, "decoder": DECODERS}
_LINEAR = {"prior": ("uniform",), "encoder": ("linear",), "decoder": ("linear",)}
_CHOICES = {
    "hyperbolic": _CURVED,
    "flat": _CURVED,
    "sphere": {"posterior": ("von_mises_fisher", "power_spherical", "riemannian"), **_LINEAR},
    "torus": {"posterior": ("wrapped",), **_LINEAR},
}
"""What each latent space has; the defaults are the first on compact spaces, and these on the others."""
_DEFAULTS = {"posterior": "riemannian", "prior": "riemannian", "encoder": "wrapped", "decoder": "geo"}

_LATER = ("latent", "classes", "covariates")
"""Fields that files and records of earlier versions lack: they are written where they are not their default."""


@dataclass(frozen=True)
class VAEConfig:
    """The settings of a ``PoincareVAE``; ValueError that names the field, its value and the bound.

    latent_dim, data_shape : dimension of the latent space, shape of one observation
    latent                 : the latent space by its signature, "h2", "e2", "s2" or "t2", instead of latent_dim; "" is
                             hyperbolic, or flat at c = 0. "s2" is the unit sphere S^2, whose points are unit vectors of
                             R^3, "t2" the flat torus, whose points are angles. "h2,s2,e2" is a product, see below
    hidden, layers         : width and number of hidden layers, of the encoder and of the decoder
    c, learn_c             : size of the curvature (at its start, if it is learnt); 0 is Euclidean. To be learnt it
                             needs c > 0 and a model that depends on it: not so where every part works in tangent
                             coordinates (encoder "linear" or "wrapped", posterior "normal", prior "normal" or
                             "wrapped", decoder "wrapped"), nor on a line with decoder "wrapped", "geo" or "horosphere"
    posterior, prior       : "normal" (exp_0 of a normal), "wrapped" (``WrappedNormal``) or "riemannian"
                             (``RiemannianNormal``, the default); at c = 0 all are normals, "riemannian" with one scale.
                             On the sphere "von_mises_fisher" (the default), "power_spherical" or "riemannian", on
                             the torus "wrapped", with prior "uniform"
    prior_std              : scale of the prior in geodesic length (at its start, with ``learn_prior_std``)
    encoder                : head of the encoder's mean, see ``encoders``; "wrapped" by default
    decoder                : first layer of the decoder, see ``decoders``; "geo" by default. On compact spaces both are
                             "linear", in unit vectors or in cosines and sines of angles
    likelihood             : "bernoulli" on grey levels in [0, 1], "continuous_bernoulli", its normalised relative,
                             "normal" with standard deviation ``noise_std``, "categorical" of ``classes`` >= 2 classes,
                             "poisson" or "negative_binomial" of counts, with ``covariates`` numbers a row if any
    riemannian_gradient    : whether the head's exponential map hands back the Riemannian gradient; see ``ExpOrigin``
    A product, "h2,s2,e2" (or a single space whose c is a tuple), has the laws, heads and first layers of each factor,
    side by side: the encoder's output and the decoder's first layer are theirs joined and added up. Its c and learn_c
    are tuples with an entry a factor, or one for all that have a curvature, where spheres have one too: c = 1/R^2 of
    a sphere of radius R, whose points the decoder reads as vectors of length R. The posterior is that of the unit
    sphere, moved there: its divergence from the uniform law is the same for every R. posterior, prior, encoder and
    decoder have a word a factor, with commas between them, as "wrapped,von_mises_fisher,normal"; an empty one is the
    default. prior_std and riemannian_gradient are for the factors that are not compact.
    Of a part of one's own that ``PoincareVAE`` is given, the fields that describe the ready one mean nothing.

    >>> from hyperdist_torch.vae import VAEConfig
    >>> config = VAEConfig(latent_dim=2, data_shape=(28, 28), posterior="wrapped")
    >>> config.data_dim, config.flat, config.scales, config.factor, config.one_c
    (784, False, 2, Factor(space='hyperbolic', d=2), 1.0)
    >>> VAEConfig.from_dict(config.to_dict()) == config
    True
    >>> VAEConfig(latent="s2", data_shape=(28, 28)).posterior
    'von_mises_fisher'
    >>> VAEConfig(latent_dim=2, data_shape=(28, 28), c=0.0, learn_c=True)
    Traceback (most recent call last):
    ValueError: learn_c needs c > 0 to start from, got c = 0.0
    >>> both = VAEConfig(latent="h2,s2", data_shape=(28, 28), posterior="wrapped,")
    >>> both.product, both.width, [factor.space for factor in both.factors], [part.posterior for part in both.parts]
    (True, 5, ['hyperbolic', 'sphere'], ['wrapped', 'von_mises_fisher'])
    """

    latent_dim: int = 0
    data_shape: tuple[int, ...] = ()
    hidden: int = 600
    layers: int = 1
    c: float | tuple[float, ...] = 1.0
    learn_c: bool | tuple[bool, ...] = False
    posterior: str = ""
    prior: str = ""
    prior_std: float = 1.0
    learn_prior_std: bool = False
    encoder: str = ""
    decoder: str = ""
    likelihood: str = "bernoulli"
    noise_std: float = 1.0
    riemannian_gradient: bool = False
    classes: int = 0
    covariates: int = 0
    latent: str = ""

    def __post_init__(self) -> None:
        for name in ("c", "learn_c"):
            if isinstance(getattr(self, name), list):
                self._set(name, tuple(getattr(self, name)))
        if self.latent and not isinstance(self.latent, str):
            raise TypeError(f"latent must be a string that names spaces, as 'h2,s2', got {self.latent!r}")
        if self.product:
            self._read_product()
        elif self.latent:
            self._read_latent()
        for name in ("latent_dim", "hidden", "layers"):
            self._set(name, checks.dimension(getattr(self, name), name))
        shape = self.data_shape if isinstance(self.data_shape, tuple | list) else (self.data_shape,)
        if not shape:
            raise ValueError("data_shape must have at least one axis, got ()")
        self._set("data_shape", tuple(checks.dimension(n, "data_shape") for n in shape))
        if not self.product:
            self._set("c", float(checks.curvature(_number(self.c, "c"))))
        for name in ("prior_std", "noise_std"):
            self._set(name, float(checks.positive(_number(getattr(self, name), name), name)))
        for name in ("learn_prior_std", "riemannian_gradient") + (() if self.product else ("learn_c",)):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        checks.choice(self.likelihood, "likelihood", LIKELIHOODS)
        for name, words in ({} if self.product else _CHOICES[self.factor.space]).items():
            if not getattr(self, name):
                self._set(name, words[0] if self.factor.compact else _DEFAULTS[name])
            checks.choice(getattr(self, name), name, words)
        for name in ("classes", "covariates"):
            self._set(name, checks.dimension(getattr(self, name), name, 0))
        self._set("_parts", self._factor_by_factor() if self.product else (self,))
        self._check_together()

    def _read_latent(self) -> None:
        """Dimension and curvature from the signature; ValueError where they contradict it."""
        factor, given = self.factor, self.latent_dim
        if given not in (0, factor.d):
            raise ValueError(f"latent_dim must be left out or {factor.d} for latent {self.latent!r}, got {given!r}")
        self._set("latent_dim", factor.d)
        c = float(checks.curvature(_number(self.c, "c")))
        allowed = {"hyperbolic": c > 0.0, "sphere": c == 1.0}.get(factor.space, c in (0.0, 1.0))
        if not allowed:
            least = {"hyperbolic": "> 0", "sphere": "1, since spheres are unit spheres,"}.get(factor.space, "left out")
            raise ValueError(f"c must be {least} for latent {self.latent!r}, got {c}")
        if factor.space in ("flat", "torus"):
            self._set("c", 0.0)

    def _read_product(self) -> None:
        """The sum of the dimensions; c, learn_c and the words with an entry for each factor."""
        factors = self.factors
        total = sum(factor.d for factor in factors)
        if self.latent_dim not in (0, total):
            raise ValueError(
                f"latent_dim must be left out or {total} for latent {self.latent!r}, got {self.latent_dim}"
            )
        self._set("latent_dim", total)
        for name in ("c", "learn_c"):
            given = getattr(self, name)
            one = not isinstance(given, tuple)
            if not one and len(given) != len(factors):
                raise ValueError(f"{name} must have an entry for each factor of latent {self.latent!r}, got {given!r}")
            none = 0.0 if name == "c" else False
            self._set(name, tuple(given if f.curved else none for f in factors) if one else given)
        for entry in self.learn_c:  # type: ignore[union-attr]
            if not isinstance(entry, bool):
                raise TypeError(f"learn_c must be True or False, for each factor, got {self.learn_c!r}")
        numbers = tuple(float(checks.curvature(_number(entry, "c"))) for entry in self.c)  # type: ignore[union-attr]
        for factor, c, learnt in zip(factors, numbers, self.learn_c, strict=True):  # type: ignore[arg-type]
            if (c > 0.0) != factor.curved or learnt > factor.curved:
                wanted = "> 0" if factor.curved else "0, and not learnt,"
                raise ValueError(f"c must be {wanted} on the {factor.space} of latent {self.latent!r}, got {c!r}")
        self._set("c", numbers)
        for name in _DEFAULTS:
            words = [word.strip() for word in getattr(self, name).split(",")] if getattr(self, name) else []
            if words and len(words) != len(factors):
                raise ValueError(
                    f"{name} must have a word for each factor of latent {self.latent!r}, with commas between them, "
                    f"got {getattr(self, name)!r}"
                )

    def _factor_by_factor(self) -> tuple[VAEConfig, ...]:
        """The configuration of each factor by itself; the words in full."""
        found, settled = [], {name: list[str]() for name in _DEFAULTS}
        for i, factor in enumerate(self.factors):
            own: dict[str, Any] = {name: (getattr(self, name) or "," * i).split(",")[i].strip() for name in _DEFAULTS}
            if factor.space == "hyperbolic":
                own |= {"c": self.c[i], "learn_c": self.learn_c[i]}  # type: ignore[index]
            if not factor.compact:
                own |= {"prior_std": self.prior_std, "learn_prior_std": self.learn_prior_std}
                own |= {"riemannian_gradient": self.riemannian_gradient}
            shared = {"data_shape": self.data_shape, "hidden": self.hidden, "layers": self.layers}
            try:
                found.append(VAEConfig(latent=factor.text, **shared, **own))
            except ValueError as error:
                raise ValueError(f"of {factor.text!r} in latent {self.latent!r}: {error}") from None
            for name, words in settled.items():
                words.append(getattr(found[-1], name))
        for name, words in settled.items():
            self._set(name, ",".join(words))
        return tuple(found)

    def _check_together(self) -> None:
        if self.product:
            self._check_product()
        else:
            self._check_space()
        if (self.likelihood == "categorical") != (self.classes > 0) or self.classes == 1:
            raise ValueError(
                f"classes must be >= 2 for likelihood 'categorical' and 0 for others, got {self.classes} for "
                f"{self.likelihood!r}"
            )
        if self.covariates and self.likelihood not in COUNTS:
            raise ValueError(f"covariates need likelihood {' or '.join(map(repr, COUNTS))}, got {self.likelihood!r}")

    def _check_product(self) -> None:
        """What no factor of its own would say."""
        if all(factor.compact for factor in self.factors):
            self._check_compact("learn_prior_std", "prior_std")
            if self.riemannian_gradient:
                raise ValueError("riemannian_gradient needs a factor with encoder 'wrapped' or 'mobius'")

    def _check_space(self) -> None:
        """What goes together on a single space."""
        if self.factor.compact:
            self._check_compact("learn_c", "learn_prior_std", "prior_std")
        if self.learn_c and self.flat:
            raise ValueError("learn_c needs c > 0 to start from, got c = 0.0")
        if self.learn_c and not self._depends_on_c:
            raise ValueError(
                f"learn_c needs a model that depends on c, which one of latent_dim {self.latent_dim}, "
                f"encoder {self.encoder!r}, posterior {self.posterior!r}, prior {self.prior!r}, "
                f"decoder {self.decoder!r} does not: leave learn_c out, or take another decoder, such as 'klein'"
            )
        if self.encoder == "linear" and self.factor.space == "hyperbolic" and self.posterior != "normal":
            raise ValueError(
                f"encoder 'linear' gives a plain vector: it needs c = 0 or posterior 'normal', got c = {self.c!r} "
                f"and posterior {self.posterior!r}"
            )
        if self.riemannian_gradient and self.encoder == "linear":
            raise ValueError("riemannian_gradient needs encoder 'wrapped' or 'mobius', got 'linear'")

    def _check_compact(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) != (1.0 if name == "prior_std" else False):
                raise ValueError(f"{name} must be left out for latent {self.latent!r}, got {getattr(self, name)!r}")

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def _depends_on_c(self) -> bool:
        """Whether the model is another one for another c > 0.

        In tangent coordinates a normal at the origin, its divergence from another one and the layers that read or give
        those coordinates are the same for all c. A line has no curvature: its laws and distances are flat space's.
        """
        plain = self.encoder != "mobius" and self.posterior == "normal" and self.prior != "riemannian"
        if self.latent_dim == 1:
            return self.decoder not in ("wrapped", "geo", "horosphere")
        return not (plain and self.decoder == "wrapped")

    @property
    def factors(self) -> tuple[signature.Factor, ...]:
        """The factors of the latent space: one, unless it is a product of more."""
        if self.latent:
            return signature.parse(self.latent)
        return (signature.Factor("flat" if self.c == 0.0 else "hyperbolic", self.latent_dim),)

    @property
    def product(self) -> bool:
        """Whether the latent space is a product, of one factor where its c is a tuple."""
        return bool(self.latent) and (isinstance(self.c, tuple) or "," in self.latent)

    @property
    def parts(self) -> tuple[VAEConfig, ...]:
        """The configuration of each factor by itself, with c = 1 on spheres; of a single space this one."""
        return self._parts  # type: ignore[attr-defined]

    @property
    def factor(self) -> signature.Factor:
        """The latent space, where it is no product of several."""
        (factor,) = self.factors
        return factor

    @property
    def width(self) -> int:
        """Numbers of a latent point."""
        return sum(factor.width for factor in self.factors)

    @property
    def one_c(self) -> float:
        """c of a single latent space; ValueError where it is a product."""
        if isinstance(self.c, tuple):
            raise ValueError(f"c must be one number, that of a single latent space, got {self.c} of {self.latent!r}")
        return self.c

    @property
    def flat(self) -> bool:
        """Whether the latent space is Euclidean."""
        return all(factor.space == "flat" for factor in self.factors)

    @property
    def scales(self) -> int:
        """Scales of the posterior of one observation: one, or one a coordinate, of every factor."""
        if self.product:
            return sum(part.scales for part in self.parts)
        one = self.posterior == "riemannian" or self.factor.space == "sphere"
        return 1 if one else self.latent_dim

    @property
    def data_dim(self) -> int:
        """Numbers in one observation."""
        return math.prod(self.data_shape)

    def to_dict(self) -> dict[str, Any]:
        """The fields as what JSON can hold; without those of later versions where they are at their default."""
        values = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}
        return {name: value for name, value in values.items() if value or name not in _LATER}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The configuration that ``to_dict`` wrote; ValueError where a field is unknown or a needed one lacks."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"unknown fields of a VAEConfig: {', '.join(map(repr, unknown))}")
        needed = {"data_shape"} if values.get("latent") else {"latent_dim", "data_shape"}
        lacking = sorted(needed - set(values))
        if lacking:
            raise ValueError(f"a VAEConfig needs {' and '.join(lacking)}, got {', '.join(sorted(values)) or 'nothing'}")
        return cls(**values)


def _number(value: Any, name: str) -> Any:
    """``value`` where it is one number."""
    array = checks.as_float(value, name)
    if array.ndim:
        raise ValueError(f"{name} must be one number, got shape {array.shape}")
    return array
