"""Words by which pages name their parts, in `class`, `id`, `role` and `itemprop`.

Two lists read them. Hints decide: they take a part out of the text, or keep it. They count only where they are the
whole name, or where all other parts of it say nothing (`site-footer`): `hidden-markov-models` is no hidden part. Groups
only describe, for the learned score, so each part of a name counts.

The numbers of hints and groups must not change, see `tags`.
"""

# Hints, as bits of a uint32: what an element's attributes tell about it. From its names (the first five), from its
# style, and from whether it has an address.
CHROME, DISCUSSION, POST_DATA, BODY, HIDDEN, LINKED = 1, 2, 4, 8, 16, 32
# The line numbers of code; the mark behind a heading that links to it; a drawing of a formula, which is text only where
# nothing else says the formula; what holds TeX; a formula on a line of its own.
GUTTER, PERMALINK, DRAWING, TEX, DISPLAYED = 64, 128, 256, 512, 1024
# The class of an image says that it shows a formula; `aria-hidden`: for the eye only.
PICTURED, FOR_EYES = 65536, 131072
# Of ordered lists: counted downwards; numbered by letters or Roman numerals; in capitals. Of a dialogue: it is open.
REVERSED, LETTERS, ROMAN, CAPITALS, OPENED = 2048, 4096, 8192, 16384, 32768
# A part of a name that says nothing; an element whose `id` alone names it; an element with an `id`.
NEUTRAL, NAMED_BY_ID, WITH_ID = 262144, 524288, 1048576
# A name of which some parts, but not all, are words of CHROME. Right in three of four names, so it counts
# only in articles, see `block_scores.selection`.
LOOSE = 2097152
# Hints of words that count as a part of a name, too.
PART_HINTS = CHROME | DISCUSSION | POST_DATA
LOOSE_HINTS = CHROME
UNSEEN = HIDDEN | GUTTER | PERMALINK | DRAWING | FOR_EYES  # what may take an element out of the text

WORDS = {
    CHROME: """nav navbar navigation navi navheader navfooter menu menus menubar submenu breadcrumb breadcrumbs crumbs
        sidebar sidebars sidecolumn rail footer foot masthead banner complementary contentinfo toolbar tooltip skip
        skiplink share sharing shares sharebar sharetools socialshare sharedaddy social socials socialmedia follow
        followus related relatedposts relatedlinks recommended recommendations recommendation readmore morelinks
        outbrain taboola trending popular mostread mostpopular teaser teasers promo promos promotion promoted advert
        adverts advertisement advertising ads adsense sponsor sponsored sponsors newsletter newsletters subscribe
        subscription signup login signin register cookie cookies consent gdpr modal popup overlay lightbox paywall
        pagination pager paging alert copyright disclaimer legal feedback rating ratings print printonly
        noprint carousel slideshow gallery donate donation searchbox""",
    DISCUSSION: "comment comments commentlist disqus discussion respond replies reply livefyre",
    POST_DATA: """byline author authors authorbio bio dateline date datetime timestamp published pubdate meta
        metadata postmeta entrymeta tags taglist tagcloud categories category credit credits""",
    BODY: "articlebody articletext articlecontent storybody storytext entrycontent postcontent postbody",
    HIDDEN: "hidden visuallyhidden",
    NEUTRAL: """left right top bottom main site page global primary secondary mobile desktop wrapper wrap container
        outer inner box block list items item area section bar links link buttons button icons icon group content
        contents widget widgets wp post entry article story holder row col column blocks region panel module component
        div media name info""",
}
# Names as a whole, whatever signs stand between their parts.
NAMES = {
    GUTTER: """gutter lineno linenos linenr linenum linenumber linenumbers linenodiv line-number line-numbers line-no
        lnt rouge-gutter blob-num hljs-ln-numbers hljs-ln-n code-line-number react-syntax-highlighter-line-number""",
    PERMALINK: """headerlink header-link header-anchor heading-anchor heading-link hash-link anchor-link anchorjs-link
        permalink section-link""",
    DRAWING: """katex-html mathjax mathjax-display mathjax-preview mathjax-svg mathjax-svg-display mathjax-chtml
        mjx-chtml""",
    PICTURED: "tex latex math math-image mimetex mwe-math-fallback-image-inline mwe-math-fallback-image-display",
}

# Groups of words for the learned score, a bit of a uint64 each, in this order. At most 64.
GROUPS = """
    nav navbar navigation navi navlink navlinks topnav subnav navheader
    menu menus menubar submenu dropdown megamenu flyout
    breadcrumb breadcrumbs crumbs crumb
    sidebar sidebars sidecolumn rail aside secondary complementary
    footer foot colophon bottom contentinfo
    header masthead topbar head top
    social share sharing shares follow followus twitter facebook pinterest linkedin sharedaddy addthis addtoany socials
    related recommended recommendations recommendation similar relatedposts upnext next prev previous also
    popular trending mostread mostpopular outbrain taboola latest recent
    teaser teasers promo promos promotion promoted featured
    ad ads advert adverts advertisement advertising adsense sponsor sponsored dfp gpt adslot
    newsletter newsletters subscribe subscription signup optin mailchimp
    login signin register account auth logout signout
    cookie cookies consent gdpr privacy onetrust ccpa
    modal popup overlay lightbox dialog tooltip drawer offcanvas popover
    pagination pager paging pages paginate
    widget widgets module
    copyright disclaimer legal terms
    comment comments commentlist disqus discussion respond livefyre
    reply replies answer answers answercell
    post posts hentry postlist
    thread threads topic topics forum forums message messages msg bbcode bbwrapper cooked
    author authors byline authorbio bio
    user username users avatar profile member poster postprofile userinfo
    date dateline datetime timestamp published pubdate time ago
    tag tags taglist tagcloud categories category cat label labels
    meta metadata postmeta entrymeta info details detail stats count
    title heading headline subtitle subheading name
    content contents
    article articles story news blog
    main primary
    body articlebody storybody postbody messagebody
    text txt copy paragraph richtext prose wysiwyg rte markdown html
    entry single postcontent entrycontent articlecontent
    description desc summary excerpt abstract intro lead dek standfirst deck overview
    product products sku woocommerce
    price prices cart basket checkout buy shop addtocart wishlist stock quantity
    review reviews rating ratings stars testimonial testimonials
    spec specs specification specifications attributes features feature
    hero jumbotron splash cta banner
    card cards tile tiles
    grid listing listings results result loop archive
    row col column columns
    wrapper wrap inner outer container
    section block panel box region
    accordion faq faqs collapse toggle tab tabs question questions
    code highlight codehilite snippet syntax
    toc tableofcontents sphinxsidebar
    doc docs documentation document api reference
    form search searchbox input field contact forms
    button buttons btn link links action actions
    image images img photo picture figure caption credit media thumb thumbnail
    gallery carousel slideshow slider swiper slick slide
    video player audio podcast embed
    quote blockquote signature sig cite
    icon icons logo svg brand
    hidden visuallyhidden screen sr invisible none hide
    print noprint skip skiplink toolbar tools
    service services benefits team partners clients project projects
    address location map hours phone
    item items list
    language lang locale translate currency
    alert notice warning note admonition callout
    donate donation support help feedback
"""
GROUP_OF_WORD = {
    word: number for number, line in enumerate(GROUPS.strip().splitlines(), start=1) for word in line.split()
}
GROUP_NAMES = [line.split()[0] for line in GROUPS.strip().splitlines()]


def collect_hints() -> dict[str, int]:
    """Return the hints of each word, and of each name without its signs."""
    hints: dict[str, int] = {}
    for table in (WORDS, NAMES):
        for hint, words in table.items():
            for word in words.split():
                key = word.replace("-", "")
                hints[key] = hints.get(key, 0) | hint
    return hints
