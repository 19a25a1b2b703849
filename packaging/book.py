#!/usr/bin/env python3
"""Lays out the sources of the manual's book: docs/, and whatever its pages lead to outside of it.

    packaging/book.py FOLDER

A book is served from one folder, so a link to a neighbour of docs/ would lead nowhere. A page that is led to becomes
a chapter at the end; another file lies below files/; a link to a folder becomes plain text.
"""

import posixpath
import re
import shutil
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
ENGLISH = "README.md"  # the manual is Chinese, and a README would take its first page's name
LINK = re.compile(r"\[([^\]\[]*)\]\(([^)\s]+)\)")


def place(path):
    """Where a file of the checkout lies in the book."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return ("more/" if path.endswith(".md") else "files/") + path


def rewritten(text, page, found):
    """The page's text with the book's links; what it leads to outside of docs/ is added to `found`."""

    def link(match):
        words, target = match.groups()
        path, mark, anchor = target.partition("#")
        if not path or "://" in target:
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        if not (TOP / path).is_file() or path == ENGLISH:
            return words
        if not path.startswith("docs/"):
            found.append(path)
        # The first page's name in the book; the table of contents calls it by its file.
        is_first = path == "docs/README.md" and page != "docs/SUMMARY.md"
        to = "index.md" if is_first else place(path)
        way = posixpath.relpath(to, posixpath.dirname(place(page)) or ".")
        return f"[{words}]({way}{mark}{anchor})"

    return LINK.sub(link, text)


def main(folder):
    shutil.copytree(TOP / "docs", folder)
    waiting = [f"docs/{it.relative_to(folder)}" for it in sorted(folder.rglob("*.md"))]
    seen, chapters = set(waiting), []
    while waiting:
        path = waiting.pop(0)
        to = folder / place(path)
        to.parent.mkdir(parents=True, exist_ok=True)
        if not path.endswith(".md"):
            shutil.copyfile(TOP / path, to)
            continue
        text, found = (TOP / path).read_text(encoding="utf-8"), []
        # An example is no link.
        parts = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
        parts[::2] = [rewritten(it, path, found) for it in parts[::2]]
        to.write_text("".join(parts), encoding="utf-8")
        if not path.startswith("docs/"):
            chapters.append((text.splitlines()[0].lstrip("# "), place(path)))
        for new in found:
            if new not in seen:
                seen.add(new)
                waiting.append(new)
    with (folder / "SUMMARY.md").open("a", encoding="utf-8") as contents:
        contents.writelines(f"- [{title}]({path})\n" for title, path in chapters)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
