"""
A tree in the disc
==================

A binary tree of seven levels: in the plane its leaves would crowd, on the disc every branch has the room it needs,
since circumferences grow exponentially.
"""

import matplotlib.pyplot as plt

import hyperdist as hd

edges = [(node // 2, node) for node in range(2, 2**7)]
T = hd.trees.embed(edges, root=1, scale=0.9)
plt.figure(figsize=(6, 6))
hd.plot.disc_tree(T, color=[plt.cm.viridis(1 - node.bit_length() / 8) for node in T.nodes])
