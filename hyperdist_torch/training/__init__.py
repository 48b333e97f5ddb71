"""Training with Lightning: the same numbers whether a run goes through or is killed and resumed, however often.

The order of the rows and every draw of an epoch follow from (seed, epoch) alone, and a checkpoint is written whole at
the ends of epochs; so what a resumed run repeats is exactly what was lost.
"""

from importlib.util import find_spec

if find_spec("lightning") is None:
    raise ImportError("hyperdist_torch.training needs Lightning: pip install 'hyperdist[experiments]'")

from hyperdist_torch.training.hardware import ACCELERATORS, device_count, device_type, leads
from hyperdist_torch.training.loop import Fitted, fit
from hyperdist_torch.training.module import Objective
from hyperdist_torch.training.schedule import Schedule
from hyperdist_torch.training.selection import Score

__all__ = ["ACCELERATORS", "Fitted", "Objective", "Schedule", "Score", "device_count", "device_type", "fit", "leads"]
