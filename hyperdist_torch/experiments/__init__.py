"""Published experiments, each one command: ``python -m hyperdist_torch.experiments NAME``."""

from importlib.util import find_spec

if _lacking := [name for name in ("lightning", "matplotlib", "tqdm") if find_spec(name) is None]:
    raise ImportError(f"hyperdist_torch.experiments needs {', '.join(_lacking)}: pip install 'hyperdist[experiments]'")
