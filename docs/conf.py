"""How the documentation is built: see `make docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import made

import autotrack

made.write_all(Path(__file__).parent / "_made")

project = "autotrack"
author = "The autotrack developers"
copyright = "The autotrack developers"  # noqa: A001 - Sphinx calls it so
version = release = autotrack.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["images"]
default_role = "code"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_rtype = False
# Prompts are not part of what is copied.
copybutton_prompt_text = "$ "

html_theme = "furo"
html_title = f"autotrack {version}"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
