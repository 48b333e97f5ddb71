"""
A wrapped normal in nats
========================

One scale per coordinate, in the frame at the mean: the law is wide along one axis and narrow along the other, and the
disc bends it. The log density shows what lies 12 nats below the peak.
"""

import hyperdist as hd

q = hd.WrappedNormal([0.3, 0.25], sigma=[0.2, 0.6])
hd.plot.disc_density(q, log=True)
hd.plot.disc_points(q.mean)
