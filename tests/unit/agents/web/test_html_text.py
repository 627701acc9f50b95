"""Pages become text to read, in one pass, whatever is in them."""

from __future__ import annotations

import pytest

from perdure.agents.web.html_text import readable_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("plain & simple", "plain & simple"),
        ("<p>One <b>two</b>,\n  three</p><p>four", "One two, three\n\nfour"),
        ("<h2>Head</h2>text<hr>more", "## Head\n\ntext\nmore"),
        ("<ul><li>a<li> b </ul>", "- a\n- b"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<table><tr><th>x<th>y<tr><td>1</td><td>2</td></table>", "x | y\n1 | 2"),
        ("<pre>  a\n   b</pre>", "a\n   b"),
        ("x &amp; y &lt;b&gt; &#65;&#x42; &nosuch;", "x & y <b> AB &nosuch;"),
        ("a<script>if (1 < 2) '<p>'</script>b<style>p {}</style>c", "abc"),
        ("a<SCRIPT>x</Script >b", "ab"),
        ("a<svg><text>no</text></svg>b", "ab"),
        ("a<!-- <p>no</p> -->b", "ab"),
        ("<!DOCTYPE html><?xml?>a", "a"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ('<p title="a > b">x</p>', "x"),
        ("<p title='>", ""),
        ("a<!-- never closed <p>b", "a"),
        ("a<script>never closed", "a"),
        ("<title>T</title><body>b", "T\n\nb"),
    ],
)
def test_reads_a_page(source: str, text: str) -> None:
    assert readable_text(source) == text


@pytest.mark.parametrize(
    ("href", "shown"),
    [
        ('"/x?a=1&amp;b=2"', "here (http://h.test/x?a=1&b=2)"),
        ("other.html", "here (http://h.test/dir/other.html)"),
        ("'https://o.test/'", "here (https://o.test/)"),
        ('"#part"', "here"),
        ('"javascript:alert(1)"', "here"),
        ('"http://[bad"', "here"),
        ('"mailto:a@b.c"', "here"),
    ],
)
def test_shows_where_links_lead(href: str, shown: str) -> None:
    assert readable_text(f"<a class=x href={href}>here</a>", "http://h.test/dir/page") == shown


@pytest.mark.parametrize(
    "part",
    [
        "<a ",
        "<!--",
        "<![",
        "</",
        "<?",
        "<a x='",
        "<",
        "&#",
        "<script>",
        "<svg>",
        "</a>",
        "<pre>",
        '<a ">',
        "&#9",
    ],
)
def test_goes_through_hostile_pages_once(part: str) -> None:
    """A parser that looks back would take minutes here; the time limit of the test suite is the judge."""
    readable_text(part * 100_000)


def test_a_number_of_thousands_of_digits_stays_as_it_is() -> None:
    assert readable_text(f"&#{'9' * 5000};").startswith("&#999")


def test_letters_that_change_length_in_lower_case_do_not_shift_anything() -> None:
    assert readable_text("İ" * 20 + "<script>no</script>yes") == "İ" * 20 + "yes"
