"""Sphinx's settings for both languages; ``make docs`` says which one it is, and where its pages are."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "src")]

import generated  # noqa: E402
import mathml  # noqa: E402

import leonui  # noqa: E402

project = "leonui"
version = release = leonui.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["site", "vi"]
templates_path = [str(HERE / "templates")]

myst_enable_extensions = ["dollarmath", "attrs_inline"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_member_order = "groupwise"
autodoc_typehints = "none"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = "leonui"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/languages.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0072b2",
        "color-brand-content": "#0072b2",
        "color-background-primary": "#ffffff",
        "color-background-secondary": "#fbfaf8",
    },
    "dark_css_variables": {
        "color-brand-primary": "#56b4e9",
        "color-brand-content": "#56b4e9",
        "color-background-primary": "#12171d",
        "color-background-secondary": "#1a2129",
    },
}
pygments_style = "tango"
pygments_dark_style = "nord"


def fill(app, name, source):
    """Put what is generated where the page has a place for it."""
    source[0] = generated.filled(source[0], app.config.language)


def setup(app):
    """Connect what is ours."""
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", generated.plain)
    app.add_html_math_renderer("mathml", (mathml.inline, None), (mathml.display, None))
    app.config.html_math_renderer = "mathml"
