"""Formulas are in the text once, and exponents stay exponents."""

import pytest

from tasks.clean.extract.html.markup import HtmlExtraction, extract_by_textmill, extract_content

WHOLE_PAGE = HtmlExtraction(main_content=False)
PRESENTATION = "<mrow><msup><mi>a</mi><mn>2</mn></msup><mo>+</mo><mi>b</mi></mrow>"
ANNOTATED = (
    f"<math><semantics>{PRESENTATION}<annotation encoding='application/x-tex'>a^2+b</annotation></semantics></math>"
)


def render(html: str) -> str:
    return extract_by_textmill(html, WHOLE_PAGE).text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (ANNOTATED, "$a^2+b$"),
        (f"<math alttext='a^{{2}}+b' display=block>{PRESENTATION}</math>", "$$a^{2}+b$$"),
        (  # LaTeXML
            (
                f"<math alttext='a^2 &lt; b'><semantics>{PRESENTATION}<annotation-xml encoding='MathML-Content'><apply>"
                "<csymbol>superscript</csymbol></apply></annotation-xml>"
                "<annotation encoding='application/x-tex'>a^2</annotation></semantics></math>"
            ),
            "$a^2 < b$",
        ),
        (  # KaTeX
            (
                f"<span class='katex'><span class='katex-mathml'>{ANNOTATED}</span>"
                "<span class='katex-html' aria-hidden='true'><span class='mord'>a2+b</span></span></span>"
            ),
            "$a^2+b$",
        ),
        ("<span class=katex><span class='katex-html' aria-hidden=true><i>a+b</i></span></span>", "a+b"),
        (  # MediaWiki
            (
                "<span class=mwe-math-element><span class=mwe-math-mathml-inline style='display: none;'>"
                "<math alttext='{\\displaystyle a^{2}}'><mi>a</mi></math></span>"
                "<img class='mwe-math-fallback-image-inline' aria-hidden=true alt='{\\displaystyle a^{2}}'></span>"
            ),
            "$a^{2}$",
        ),
        ("<img class='latex' src=x alt='E = mc^2'>", "$E = mc^2$"),
        ("<img class='photo' src=x alt='a boat'>", ""),
        (  # MathJax 2, as a browser saves it
            (
                "<span class=MathJax_Preview>[math]</span><span class=MathJax><nobr aria-hidden=true>a2</nobr>"
                f"<span class=MJX_Assistive_MathML>{ANNOTATED}</span></span><script type='math/tex'>a^2+b</script>"
            ),
            "$a^2+b$",
        ),
        ("<script type='math/tex; mode=display'>\\sum a < b</script>", "$$\\sum a < b$$"),
        ("<script class='rank-math-schema' type='application/ld+json'>{}</script>", ""),
        ("<script class=math>{}</script><script class=tex type='application/json'>{}</script>", ""),
        ("<script type='text/x-mathjax-config'>tex</script><script type='text/javascript'>tex</script>", ""),
        (f"<math>{PRESENTATION}</math>", "a^2+b"),
        ("<math><mfrac><mn>1</mn><mrow><mi>x</mi><mo>-</mo><mn>1</mn></mrow></mfrac></math>", "1/{x-1}"),
        (
            "<math>\n <msqrt>\n <mi>x</mi></msqrt> <msubsup><mi>y</mi><mi>i</mi><mn>10</mn></msubsup></math>",
            "√xy_i^{10}",
        ),
        ("<math><annotation encoding=TeX><![CDATA[x<y]]></annotation></math>", "$x<y$"),
    ],
)
def test_a_formula_is_in_the_text_once(html: str, expected: str) -> None:
    assert render(f"<p>where {html} holds.</p>") == f"where {expected} holds.".replace("  ", " ")


def test_a_formula_that_begins_an_item_gets_its_mark() -> None:
    assert render(f"<ul><li>{ANNOTATED} is one</li><li><math></math></li></ul>") == "• $a^2+b$ is one"


def test_formulas_that_never_end_take_no_text_with_them_but_their_own() -> None:
    assert render("<p>a <math><mi>x<p>b") != ""
    assert render("<p>a</p><math alttext='x'>") == "a\n\n$x$"
    assert render("<math>" + "<mrow>" * 500 + "x") == "x"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("10<sup>6</sup>", "10⁶"),
        ("10<sup>-12</sup> m", "10⁻¹² m"),
        ("10<sup>&minus;3</sup> and 10<sup>\u22123</sup>", "10⁻³ and 10⁻³"),
        ("H<sub>2</sub>SO<sub>4</sub>", "H₂SO₄"),
        ("x<sup>n+1</sup>", "xⁿ⁺¹"),
        ("e<sup>x</sup>", "e^x"),
        ("e<sup>2x</sup>", "e^2x"),
        ("e<sup>-kt</sup>", "e^(-kt)"),
        ("a<sub>i</sub> b<sub>max</sub> c<sub>i+1</sub>", "aᵢ b_max cᵢ₊₁"),
        ("the 1<sup>st</sup>, le XX<sup>e</sup>, Name<sup>TM</sup>", "the 1st, le XXe, NameTM"),
        ("word<sup><a href=#1>1</a></sup> word<sup>[2]</sup> word<sup>*</sup>", "word¹ word[2] word*"),
        ("<sup>14</sup>C", "¹⁴C"),
        ("a<sup></sup>b<sup> </sup>c", "ab c"),
        ("a<sup>never closed<p>b", "anever closed\n\nb"),
        ("a<sup>a long remark that someone put up here</sup>", "aa long remark that someone put up here"),
    ],
)
def test_raised_and_lowered_numbers(html: str, expected: str) -> None:
    assert render(f"<p>{html}") == expected


@pytest.mark.parametrize("extractor", ["resiliparse", "union"])
def test_the_other_extractors_read_formulas_and_ruby_as_they_always_do(extractor: str) -> None:
    page = f"<article>{'<p>The harbour master keeps a list of every boat.</p>' * 9}<p>where {ANNOTATED} holds.</p>"
    assert "a^2+b" in extract_content(page, HtmlExtraction(extractor=extractor)).text  # type: ignore[arg-type]
