"""Published experiments, each one command: ``python -m hyperdist_torch.experiments NAME``."""
