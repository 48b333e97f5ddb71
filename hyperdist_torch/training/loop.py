"""One run of training, from its start or from where it was cut off."""

from __future__ import annotations

import signal
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor, nn

from hyperdist import checks
from hyperdist_torch.distributions.hyperbolic import OutOfReach
from hyperdist_torch.training.files import WholeCheckpoints
from hyperdist_torch.training.hardware import device_count, device_type
from hyperdist_torch.training.module import Module, Objective
from hyperdist_torch.training.progress import Progress
from hyperdist_torch.training.schedule import Schedule
from hyperdist_torch.training.selection import Score, Selection


@dataclass(frozen=True)
class Fitted:
    """How a training run went.

    >>> from hyperdist_torch.training import Fitted
    >>> fitted = Fitted(curve=(3.0, 2.0, 1.5), scores=(2.5, 2.2, 2.3), best_epoch=2)
    >>> fitted.curve[-1], fitted.scores[fitted.best_epoch - 1]
    (1.5, 2.2)
    """

    curve: tuple[float, ...]
    """The mean loss, minus the objective, of each epoch from the first."""
    scores: tuple[float, ...] = ()
    """That of each validation."""
    best_epoch: int | None = None
    """The one whose weights the model has, counted from 1; None without validation, where it is the last."""
    seconds: float = field(default=0.0, compare=False)
    """What the epochs took, those from before the run was resumed included."""


def fit(
    model: nn.Module, rows: Tensor, objective: Objective, schedule: Schedule, folder: Path, *,
    validate: Score | None = None, validate_every: int = 1, patience: int | None = None,
    resume: bool = False, accelerator: str = "auto", devices: int | str = 1, num_nodes: int = 1,
    strategy: str = "auto", progress: bool = False, checkpoint_every: int = 1,
) -> Fitted:  # fmt: skip
    """Train ``model`` in place to maximise the mean of ``objective`` over the rows.

    rows       (n, ...)  all of them are kept on the device, and batches are picked there.
    folder     gets last.ckpt at the end of every ``checkpoint_every``-th epoch and of the last, logs in csv/ and
               tensorboard/.
    validate   scores the model, with averaged weights where the schedule averages, in evaluation mode and on its
               device, at the end of every ``validate_every``-th epoch; lower is better. The model ends with the weights
               of the least score. Each call has the same draws from torch's generators.
    patience   ends the run after so many validations in a row without improvement.
    resume     goes on from folder/last.ckpt where that exists. The numbers are then those of an uninterrupted run, on
               the same machine and with the same number of devices.
    accelerator  "cpu", "cuda" or, the same, "gpu"; "auto" is a CUDA device where there is one, else the CPU.
    devices    how many of them share each batch out; "auto" is all CUDA devices, one CPU. Gradients are those of the
               mean over the whole batch, whatever its parts; draws of the objective differ from device to device.
    num_nodes, strategy  as Lightning's ``Trainer`` takes them: so many machines with ``devices`` each, which share the
               folder and are each given the same command, by SLURM, torchrun or hand (MASTER_ADDR, NODE_RANK).
    Raises     ValueError where last.ckpt is damaged or of another run, where there are no such devices, and where a run
               fails on rows that are not finite: it names the first. FloatingPointError where the loss, a parameter or
               a draw is not finite or a score is NaN. KeyboardInterrupt where it is interrupted: last.ckpt stays.

    >>> import tempfile, torch
    >>> from pathlib import Path
    >>> from hyperdist_torch import training
    >>> class Mean(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.mu = torch.nn.Parameter(torch.zeros(2))
    >>> def objective(model, rows):
    ...     return -(rows - model.mu).square().sum(-1)  # log density of each row, up to a constant
    >>> rows, model = torch.randn(64, 2) + 3.0, Mean()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     schedule = training.Schedule(epochs=2, batch_size=32, learning_rate=0.1)
    ...     fitted = training.fit(model, rows, objective, schedule, Path(folder), accelerator="cpu")
    >>> fitted.curve[1] < fitted.curve[0], bool((model.mu > 0.0).all())
    (True, True)
    """
    kind = device_type(accelerator)
    count = device_count(devices, kind)
    selection = _selection(validate, validate_every, patience, schedule)
    module = Module(model, rows, objective, schedule, folder / "last.ckpt", checkpoint_every, selection)
    steps = len(module.batches)
    if steps == 0:
        raise ValueError(f"rows must be at least batch_size = {schedule.batch_size} where drop_last, got {len(rows)}")
    trainer = L.Trainer(
        accelerator=kind,
        devices=count,
        num_nodes=checks.dimension(num_nodes, "num_nodes"),
        strategy=strategy,
        max_epochs=schedule.epochs,
        gradient_clip_val=schedule.clip or None,
        logger=[CSVLogger(folder, name="csv"), TensorBoardLogger(folder, name="", version="tensorboard")],
        log_every_n_steps=module.log_every,
        callbacks=[Progress(steps)] if progress else [],
        plugins=[WholeCheckpoints()],
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
    )
    module.train()
    handler = signal.getsignal(signal.SIGINT)
    # The generators of the caller's process are left as they were.
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*", FutureWarning)  # Lightning 2.6 with torch 2.13
        try:
            trainer.fit(module, module.batches, ckpt_path=str(module.path) if resume and module.path.exists() else None)
        except SystemExit as left:
            # Lightning ends the process with status 1, and leaves it deaf to Ctrl-C.
            if not isinstance(left.__context__, KeyboardInterrupt):
                raise
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from None
        except (RuntimeError, ValueError, FloatingPointError) as error:
            # What rows or parameters that are not finite lead to first depends on the objective: often its own error.
            _check_rows(rows, error)
            if isinstance(error, FloatingPointError):
                raise
            epoch = len(module.curve) + 1
            if not _finite(model):
                got = f"parameters must stay finite, got NaN or infinity in epoch {epoch}"
            elif isinstance(error, OutOfReach):
                got = f"draws must stay finite, got in epoch {epoch}: {error}"
            else:
                raise
            raise FloatingPointError(got) from error
    module.finish()
    if not _finite(model):  # the last step, after which no loss was worked out
        raise FloatingPointError(f"parameters must stay finite, got NaN or infinity in epoch {len(module.curve)}")
    if selection is None:
        return Fitted(tuple(module.curve), seconds=module.seconds)
    return Fitted(tuple(module.curve), tuple(selection.scores), selection.best_epoch, module.seconds)


def _finite(model: nn.Module) -> bool:
    return all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())


def _check_rows(rows: Tensor, error: Exception) -> None:
    """ValueError for the first of the rows that is not finite: an objective may know what to do with it, or fail."""
    good = torch.isfinite(rows).reshape(len(rows), -1).all(dim=1)
    if not bool(good.all()):
        row = int(torch.nonzero(~good)[0])
        value = rows[row][~torch.isfinite(rows[row])][0].item()
        count = int((~good).sum())
        raise ValueError(f"rows must be finite, got {value} in row {row} ({count} of {len(rows)} rows)") from error


def _selection(validate: Score | None, every: int, patience: int | None, schedule: Schedule) -> Selection | None:
    if validate is None:
        if patience is not None:
            raise ValueError(f"patience needs validate, got patience {patience!r} alone")
        return None
    if every > schedule.epochs:
        raise ValueError(f"validate_every must be <= epochs = {schedule.epochs}, got {every}")
    return Selection(validate, every, patience, schedule.seed)
