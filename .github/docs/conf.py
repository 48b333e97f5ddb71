"""The site of hyperdist: ``.github/docs/build`` calls Sphinx with it, quick or in full."""

from __future__ import annotations

import os
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import matplotlib as mpl

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE / "_extensions")]

import docstrings  # noqa: E402
import pages  # noqa: E402

import hyperdist  # noqa: E402
import hyperdist_torch  # noqa: E402

FULL = os.environ.get("HYPERDIST_DOCS", "quick") == "full"
"""Whether examples run at full size, and names of other packages become links to their sites."""

project = "hyperdist"
author = "The hyperdist authors"
project_copyright = author
version = release = hyperdist.__version__

extensions = [
    "mathml",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_*", "examples", "**.md.inc"]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # the gallery's settings hold classes

# What is written for this build; git ignores these folders.
TITLES = {
    "hyperdist": "Laws and spaces",
    "hyperdist.directional": "Directions",
    "hyperdist.distributed": "Larger than one machine",
    "hyperdist.earth": "The globe",
    "hyperdist.jax": "Laws under JAX",
    "hyperdist.numpyro": "NumPyro",
    "hyperdist.plot": "Pictures",
    "hyperdist.spaces": "Spaces",
    "hyperdist.testing": "Samplers under test",
    "hyperdist.trees": "Trees",
    "hyperdist_torch": "Laws in PyTorch",
    "hyperdist_torch.constraints": "Constraints",
    "hyperdist_torch.datasets": "Data",
    "hyperdist_torch.fast": "Fast twins",
    "hyperdist_torch.flows": "Flows",
    "hyperdist_torch.nn": "Layers",
    "hyperdist_torch.pyro": "Pyro",
    "hyperdist_torch.training": "Training",
    "hyperdist_torch.transforms": "Transforms",
    "hyperdist_torch.vae": "Auto-encoders",
}
"""Of packages whose pages have a title beside their name; others that load on demand have a page too."""
PACKAGES = {name: f"{title}: {name}" for name, title in TITLES.items()}
for package in (hyperdist, hyperdist_torch):
    for part in package._ON_DEMAND:
        PACKAGES.setdefault(f"{package.__name__}.{part}", f"{package.__name__}.{part}")
pages.examples(HERE / "examples", HERE / "_made" / "examples", quick=not FULL)
pages.tables(HERE / "tables" / "records")
pages.api(HERE / "api" / "packages", PACKAGES)
pages.power(HERE / "_made" / "power.md")
pages.report(HERE / "_made" / "validation.md")

# Markdown
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "substitution"]
myst_heading_anchors = 3
myst_substitutions = {"version": version}

# API
autosummary_generate = True
autosummary_imported_members = True
autodoc_default_options = {"member-order": "groupwise"}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
autodoc_type_aliases = {name: name for name in ("AnyArray", "ArrayLike", "DTypeLike", "SampleShape", "Scalar", "Seed")}
maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"
smartquotes = False  # "normal" is what one writes

# Examples
sphinx_gallery_conf: dict[str, Any] = {
    "examples_dirs": ["_made/examples/gallery", "_made/examples/tutorials"],
    "gallery_dirs": ["gallery", "tutorials"],
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"__init__\.py$",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("hyperdist", "hyperdist_torch"),
    "backreferences_dir": "_made/backreferences",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "reset_modules": ("matplotlib",),
    "image_scrapers": ("matplotlib",),
    "image_srcset": ["2x"] if FULL else [],
    "min_reported_time": 10_000,
    "write_computation_times": False,
}
mpl.use("agg")

# Links to other packages' sites. Where there is no network, as in a quick build, an inventory of nothing serves.
EMPTY = HERE / "_made" / "objects.inv"
EMPTY.write_bytes(
    b"# Sphinx inventory version 2\n# Project: none\n# Version: 0\n"
    b"# The remainder of this file is compressed using zlib.\n" + zlib.compress(b"")
)
SITES = {
    "python": "https://docs.python.org/3",
    "numpy": "https://numpy.org/doc/stable",
    "scipy": "https://docs.scipy.org/doc/scipy",
    "matplotlib": "https://matplotlib.org/stable",
    "torch": "https://docs.pytorch.org/docs/stable",
    "pyro": "https://docs.pyro.ai/en/stable",
}
intersphinx_mapping = {name: (site, (None, str(EMPTY)) if FULL else str(EMPTY)) for name, site in SITES.items()}
intersphinx_timeout = 10

# HTML
html_theme = "pydata_sphinx_theme"
html_title = f"hyperdist {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
ALONE = (
    "index",
    "choosing",
    "accuracy",
    "guides/*",
    "extending",
    "migration",
    "changelog",
    "api/packages/objects/**",
    "*/*_*",
)
html_sidebars = {name: [] for name in ALONE}
html_theme_options = {
    "collapse_navigation": True,
    "navigation_depth": 2,
    "show_prev_next": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
}
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True


def skip_member(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what a class has from another package, as a module of torch has a hundred methods."""
    owner = getattr(obj, "fget", None) or getattr(obj, "func", None) or obj
    module = getattr(owner, "__module__", None)
    return True if isinstance(module, str) and not module.startswith("hyperdist") else None


def short_types(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Names of types that stand for themselves, where a union has wrapped them."""
    plain = [text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text) for text in (signature, returned)]
    return plain[0], plain[1]


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", docstrings.process)
    app.connect("autodoc-process-signature", short_types)
    app.connect("autodoc-skip-member", skip_member)
