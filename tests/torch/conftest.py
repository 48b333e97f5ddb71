"""Without torch the tests here are skipped by their own import; the module of their laws is not collected either."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["laws.py"]
