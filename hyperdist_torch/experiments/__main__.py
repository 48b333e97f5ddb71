"""``python -m hyperdist_torch.experiments NAME``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hyperdist.runs.engine import Lost
from hyperdist_torch.experiments import (
    branching,
    earth,
    hyperbolic,
    mammals,
    mnist,
    products,
    table_vae,
    torsion,
    torus,
    trees,
    vmf,
)
from hyperdist_torch.experiments.options import alone

_EXPERIMENTS = {
    "branching": branching,
    "mnist": mnist,
    "products": products,
    "vmf": vmf,
    "earth": earth,
    "torus": torus,
    "hyperbolic": hyperbolic,
    "torsion": torsion,
    "mammals": mammals,
    "trees": trees,
    "vae": table_vae,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one experiment; 2 where it cannot be done, with what is wrong on stderr, 130 where it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m hyperdist_torch.experiments", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name, module in _EXPERIMENTS.items():
        about = (module.__doc__ or "").partition("\n")[0]
        module.add_arguments(names.add_parser(name, help=about, description=module.__doc__))
    options = parser.parse_args(arguments)
    try:
        with alone(options):
            _EXPERIMENTS[options.name].main(options, _say)
    except (ValueError, OSError, ImportError, Lost) as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{parser.prog}: interrupted; the same command with --resume goes on from here\n")
        return 130
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
