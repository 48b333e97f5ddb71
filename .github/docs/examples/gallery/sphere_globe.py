"""
The globe from far away
=======================

A von Mises-Fisher law over the North Atlantic, the shortest ways from London to four cities, and the coastlines of the
extra ``maps``. What lies behind is hidden.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

cities = {"London": (51.5, -0.1), "New York": (40.7, -74.0), "Rio": (-22.9, -43.2), "Cairo": (30.0, 31.2)}
places = hd.plot.unit_vectors(*np.array(list(cities.values())).T)
q = hd.VonMisesFisher(hd.plot.unit_vectors(48.0, -35.0), kappa=40.0)

plt.figure(figsize=(6.5, 6))
ax = hd.plot.sphere(projection="orthographic", centre=(30.0, -30.0))
hd.plot.sphere_density(q, ax, colorbar=False)
hd.plot.sphere_coastlines(ax)
hd.plot.sphere_geodesic(places[:1], places[1:], ax)
hd.plot.sphere_points(places, ax, groups=list(cities), s=30)
hd.plot.legend(ax)
