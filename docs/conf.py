"""How Sphinx makes the documentation: `make docs`."""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from monograph import __version__

logging.getLogger("monograph").setLevel(logging.WARNING)  # cases are exported

project = "Monograph"
author = "the authors of Monograph"
version = release = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "machinery.catalogue",
    "machinery.commands",
    "machinery.models",
    "machinery.searching",
]
exclude_patterns = ["notes", "machinery"]
templates_path = ["machinery/templates"]
html_static_path = ["machinery/static"]
html_css_files = ["site.css"]
html_theme = "furo"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_title = "Monograph"
html_copy_source = False
html_show_copyright = False
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_theme_options = {
    "light_css_variables": {
        "bad": "#b42318",
        "bad-back": "#fdecea",
        "good": "#16713a",
        "good-back": "#e6f4ea",
        "warn": "#8a5300",
        "warn-back": "#fff4e0",
        "box": "#eef3fb",
        "box-line": "#7d95bb",
    },
    "dark_css_variables": {
        "bad": "#ff8f85",
        "bad-back": "#3a1a18",
        "good": "#6fd08f",
        "good-back": "#14301d",
        "warn": "#f3bd6b",
        "warn-back": "#352712",
        "box": "#1c2735",
        "box-line": "#55739f",
    },
    "footer_icons": [],
}
