"""HTML that is escaped by construction."""

from qwen_gateway_cli.compare.markup import element, join


def test_text_and_attributes_are_escaped() -> None:
    made = element("p", "<script>", element("b", "&"), title='"quoted" <i>')

    assert made == '<p title="&quot;quoted&quot; &lt;i&gt;">&lt;script&gt;<b>&amp;</b></p>'


def test_elements_side_by_side_are_not_escaped_twice() -> None:
    assert join(element("i", "<"), "<") == "<i>&lt;</i>&lt;"


def test_names_of_attributes_are_those_of_html() -> None:
    assert element("meta", http_equiv="a", class_="b") == '<meta http-equiv="a" class="b">'
