"""HTML in which every text and attribute is escaped, because only `element` and `raw` return `Markup`."""

from html import escape

_VOID = frozenset({"meta"})


class Markup(str):
    """HTML that is complete and escaped."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str) -> Markup:
    """Return an element. Children that are no `Markup` are text; `class_` is the attribute `class`, `_` means `-`."""
    named = "".join(
        f' {attribute.rstrip("_").replace("_", "-")}="{escape(value)}"' for attribute, value in attributes.items()
    )
    if tag in _VOID:
        return Markup(f"<{tag}{named}>")
    return Markup(f"<{tag}{named}>{join(*children)}</{tag}>")


def join(*children: str) -> Markup:
    """Return children side by side."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def raw(text: str) -> Markup:
    """Return a text that is not escaped: only for constants of the program."""
    return Markup(text)
