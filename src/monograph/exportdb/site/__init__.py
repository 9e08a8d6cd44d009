"""The catalogue as pages: HTML that needs no network, parts of another site, and RST for Sphinx."""

from monograph.exportdb.site.build import Fragment, build, fragments, search_script
from monograph.exportdb.site.content import Page, page_of

__all__ = ["Fragment", "Page", "build", "fragments", "page_of", "search_script"]
