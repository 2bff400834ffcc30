"""The frame of the report: one HTML page without anything from outside, readable in light and dark and on a phone."""

from collections.abc import Collection, Iterable, Sequence
from html import escape

STYLE = """
:root{--ink:#1b1f24;--soft:#5d6672;--line:#dde1e6;--paper:#fff;--panel:#f6f7f9;--pretrained:#0b63ce;--random:#c2570c;--unlabelled:#8250c4;
--continued:#0e7c86;--augmented:#b0307a;--tfidf:#0f7b55;--further:#b3261e;
--second-further:#8a6500;--third-further:#3f4cc9;--majority:#7a8190;--good:#0b63ce;--bad:#c2410c}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a3abb6;--line:#353b44;--paper:#14171b;--panel:#1d2126;
--pretrained:#6cabff;--random:#ff9d57;--unlabelled:#b992f0;
--continued:#4fc3cf;--augmented:#f07ab8;--tfidf:#4cc794;--further:#f2827a;
--second-further:#d9b44a;--third-further:#a3adff;--majority:#9aa3b0;--good:#6cabff;--bad:#ff9d57}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif;
overflow-wrap:break-word}
main{max-width:860px;margin:0 auto;padding:24px 18px 60px}
h1{font-size:1.7rem;line-height:1.2;margin:.2em 0 .5em}
h2{font-size:1.2rem;margin:2.2em 0 .5em;padding-top:.6em;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.6em 0 .3em}h4{font-size:.93rem;margin:1.2em 0 .3em}
p{margin:.5em 0}.soft,figcaption,small{color:var(--soft)}
.answer{font-size:1.15rem;background:var(--panel);border-left:4px solid var(--pretrained);
padding:14px 18px;border-radius:4px}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.93rem}
th,td{padding:6px 10px;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}
th{font-weight:600;color:var(--soft)}th:first-child,td:first-child,.words td,.words th{text-align:left}
td{white-space:nowrap}td:first-child,.words td{white-space:normal}.words td:last-child{overflow-wrap:anywhere}
td small{display:block;font-weight:400}td small.name{white-space:normal}
.part th{background:var(--panel);color:var(--ink)}tr.ours td{font-weight:650}
figure{margin:1em 0}figcaption{margin-top:.5em}figure img{width:100%;height:auto}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:8px}svg{width:100%;height:auto;display:block}
svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg .tick{fill:var(--soft)}svg .name{text-anchor:middle}
svg .middle{text-anchor:middle}svg .end{text-anchor:end}svg .start{text-anchor:start}
.grid{stroke:var(--line);fill:none}.axis{stroke:var(--soft);fill:none}.line{fill:none;stroke-width:2}
.band{fill-opacity:.15;stroke:none}
.intervals{display:grid;grid-template-columns:auto 1fr auto;gap:6px 12px;align-items:center;font-size:.93rem;
font-variant-numeric:tabular-nums}.intervals span:nth-of-type(even){text-align:right}
.intervals i{position:relative;height:1.2rem;background:var(--panel)}.intervals i>*{position:absolute}
.intervals b{height:6px;top:calc(50% - 3px);border-radius:3px;opacity:.45}
.intervals u{width:10px;height:10px;border-radius:5px;margin-left:-5px;top:calc(50% - 5px)}
.intervals s{width:1px;height:100%;background:var(--soft)}
.steps{display:grid;grid-template-columns:auto 1fr auto;gap:2px 12px;align-items:center}
.steps span:nth-of-type(odd){text-align:right}.steps i{background:var(--line);border-radius:3px;height:1.2rem}
.steps b{display:block;background:var(--pretrained);border-radius:3px;height:100%}
.steps small{grid-column:2/-1;min-height:.7rem;line-height:1.3;margin-bottom:4px}
.cell.right{fill:var(--good)}.cell.wrong{fill:var(--bad)}
svg .cellcount{font-size:min(20px,calc(var(--cell)*.55px));text-anchor:middle;
dominant-baseline:central}svg .cellcount.on{fill:var(--paper)}
.legend{font-size:.88rem;color:var(--soft)}.legend span{margin-right:18px;white-space:nowrap}
.legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px}
blockquote{margin:.8em 0;padding:10px 14px;background:var(--panel);border-radius:4px;font-size:.92rem;
overflow-wrap:anywhere}
blockquote p.text{white-space:pre-wrap;font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.8rem}
code,pre{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.85em;overflow-wrap:anywhere}
pre{white-space:pre-wrap;margin:.4em 0;text-align:left}
@media(max-width:560px){svg text{font-size:18px}svg .cellcount{font-size:min(32px,calc(var(--cell)*.75px))}
table{font-size:.78rem}th,td{padding:5px 3px}}
a{color:inherit}blockquote u{text-decoration-thickness:2px;text-underline-offset:3px}
details{margin:.4em 0}summary{cursor:pointer;color:var(--soft)}
"""


def page(title: str, parts: Iterable[str]) -> str:
    """The whole document."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title><style>{STYLE}</style></head>\n'
        f"<body><main>\n{chr(10).join(part for part in parts if part)}\n</main></body></html>\n"
    )


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, ours: Collection[int] = (), words: bool = False
) -> str:
    """Cells are HTML already; the rows with numbers in `ours` are bold; `words` aligns all columns to the left.

    A row of one cell is the heading of those below.
    """
    heading = "".join(f"<th>{cell}</th>" for cell in head)
    lines = []
    for number, row in enumerate(rows):
        if len(row) == 1:
            lines.append(f'<tr class="part"><th colspan="{len(head)}">{row[0]}</th></tr>')
            continue
        mark = ' class="ours"' if number in ours else ""
        lines.append(f"<tr{mark}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>")
    kind = ' class="words"' if words else ""
    body = "\n".join(lines)
    return f'<div class="wide"><table{kind}><thead><tr>{heading}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def breakable(name: str) -> str:
    """A name as HTML that may be broken after _ and /, as between words."""
    return escape(name).replace("_", "_<wbr>").replace("/", "/<wbr>")


def unbroken(told: str) -> str:
    """HTML in which no line ends inside `56.5 ± 1.2 %`."""
    return told.replace(" ± ", "&nbsp;±&nbsp;").replace(" %", "&nbsp;%")


def quote(said: str, *texts: str) -> str:
    """Texts as they are written, under what is said of them; all of it HTML."""
    body = "".join(f'<p class="text">{text}</p>' for text in texts)
    return f"<blockquote><p>{said}</p>{body}</blockquote>"


def figure(picture: str, caption: str) -> str:
    """A picture with its caption; nothing without the picture."""
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>" if picture else ""
