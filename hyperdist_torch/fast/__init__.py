"""Fast twins: chains of operations that training takes at every step, as one node with its derivative by hand.

Each stands beside the generic form in ``hyperdist.geometry`` or ``hyperdist_torch``, which is right everywhere and
differentiable to any order, and gives way to it wherever it does not serve. ``with off():`` turns them all off.
"""

from hyperdist_torch.fast.node import off

__all__ = ["off"]
