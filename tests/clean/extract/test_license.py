import pytest
from resiliparse.parse.html import HTMLTree

from tasks.clean.extract.license import detect_license

CC = "https://creativecommons.org/licenses"


@pytest.mark.parametrize(
    ("html", "name"),
    [
        (f'<a rel="license noopener" href="{CC}/by/4.0/deed.de">x</a>', "CC-BY-4.0"),
        (f'<link rel="license" href="{CC}/by-nc-nd/3.0/">', "CC-BY-NC-ND-3.0"),
        ('<a href="https://creativecommons.org/publicdomain/zero/1.0/">x</a><i>license</i>', "CC0-1.0"),
        ('<a rel="license" href="https://example.org/terms">x</a>', "https://example.org/terms"),
        (f'<a href="{CC}/by/4.0/">a</a><a href="{CC}/by/4.0/">b</a>', "CC-BY-4.0"),
        (f'<a href="{CC}/by/4.0/">a</a><a href="{CC}/by-sa/4.0/">b</a>', None),
        (f'<a rel=license href="{CC}/by/4.0/">a</a><a href="{CC}/by-sa/4.0/">photo</a>', "CC-BY-4.0"),
        ('<a rel="license" href="javascript:x">x</a>', None),
        ("<p>the license of this page</p>", None),
        ("This site is licensed under the <b>Creative Commons</b> Attribution-ShareAlike 4.0 License.", "CC-BY-SA-4.0"),
        ("Content available under CC BY-NC-SA 3.0 unless noted", "CC-BY-NC-SA-3.0"),
        (
            "text is available under the <a href=/>Creative Commons Attribution-ShareAlike License 4.0</a>; see",
            "CC-BY-SA-4.0",
        ),
        ("Licensed under the Apache License, Version 2.0", "Apache-2.0"),
        ("released under the GNU Free Documentation License version 1.3", "GFDL-1.3"),
        ("distributed under the MIT license", "MIT"),
        ("available under CC BY 4.0. Code is licensed under the MIT License.", None),
        (f'<a rel=license href="{CC}/by/4.0/">a</a> code licensed under the MIT License', "CC-BY-4.0"),
        ("licensed under terms of its own", None),
        ("<p>nothing</p>", None),
    ],
)
def test_the_licence_that_a_page_declares(html: str, name: str | None) -> None:
    assert detect_license(HTMLTree.parse(html), html) == name
