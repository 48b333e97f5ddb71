"""What a result depends on, read off the graph that automatic differentiation has of it."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor


def leaves(outputs: Collection[Tensor], stop: Collection[Tensor] = ()) -> dict[int, Tensor]:
    """The tensors with gradient that outputs were worked out from and that nothing else was, by their ids.

    stop : tensors behind which not to look.
    """
    found = {id(output): output for output in outputs if output.requires_grad and output.grad_fn is None}
    seen = {tensor.grad_fn for tensor in stop}
    waiting = [output.grad_fn for output in outputs]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        # The nodes at the ends of the graph, which add up gradients, know their tensors.
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            found[id(leaf)] = leaf
        waiting += [before for before, _ in node.next_functions]
    return found
