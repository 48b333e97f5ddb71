"""The laws of ``hyperdist`` for PyTorch."""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError("hyperdist_torch needs PyTorch: pip install 'hyperdist[torch]'") from error

del _torch
