"""A page of HTML, read: its tags are closed in order."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The tags of a page: what is opened is closed, in order."""

    VOID = {"meta", "br", "img", "input", "link", "hr", "wbr"}

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads, self.open, self.text = [], [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if found.get("id"):
            self.ids.append(found["id"])
        if "href" in found:
            self.links.append(found["href"])
        self.loads += [found["src"]] if "src" in found else []

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
