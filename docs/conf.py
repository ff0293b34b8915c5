"""Sphinx's settings: `make docs` builds the site into ``docs/_build/html``."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

__all__ = ["setup"]

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

# The tutorials train networks while the site is built; more threads than one would not wait well for each other.
for library in ("OMP", "MKL", "NUMBA"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

project = "pd4ml"
author = "The pd4ml developers"
project_copyright = author
html_title = "pd4ml"

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "results", "figures"]
suppress_warnings = ["config.cache"]
nitpicky = True
# Types of other packages, and what docstrings say of a type in words: there is no page of theirs to lead to.
nitpick_ignore_regex = [(r"py:.*", r"(?!pd4ml).*")]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

autosummary_generate = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
default_role = "py:obj"

sphinx_gallery_conf: dict[str, Any] = {
    "examples_dirs": "_build/examples",
    "gallery_dirs": "tutorials",
    "within_subsection_order": "FileNameSortKey",
    "only_warn_on_example_error": False,
    "reset_modules": ("matplotlib", "site_pages.reset_state"),
    "capture_repr": (),
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 10**6,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["pd4ml.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars: dict[str, list[str]] = {"index": []}
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "collapse_navigation": True,
}


def setup(app: Any) -> None:
    """Write the pages that follow from the code before Sphinx looks for pages.

    Warnings are errors while the tutorials run, and then what they were: Sphinx and its extensions have some.
    """
    from site_pages import copy_examples, link_within_the_site, write_pages

    app.connect("config-inited", lambda _app, _config: copy_examples(), priority=1)
    before = warnings.catch_warnings()
    app.connect("builder-inited", lambda _app: write_pages(), priority=1)
    app.connect("builder-inited", lambda _app: before.__enter__(), priority=2)
    # After the gallery, whose priority is 500.
    app.connect("builder-inited", lambda _app: before.__exit__(None, None, None), priority=900)
    app.connect("source-read", link_within_the_site)
