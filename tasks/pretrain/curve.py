"""The loss curve as a small picture that needs nothing but a browser."""

import base64
from collections.abc import Sequence

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 260, 44, 28
POINTS = 200
Points = Sequence[tuple[float, float]]


def thinned(points: Points) -> Points:
    """At most POINTS points: means over windows of equal size."""
    size = -(-len(points) // POINTS)
    windows = [points[begin : begin + size] for begin in range(0, len(points), max(size, 1))]
    return [(sum(x for x, _ in w) / len(w), sum(y for _, y in w) / len(w)) for w in windows]


def loss_curve(training: Points, validation: Points) -> str:
    """An SVG with both losses over the steps."""
    training = thinned(training)
    everything = [*training, *validation]
    right = max(x for x, _ in everything)
    low, high = min(y for _, y in everything), max(y for _, y in everything)
    span = (high - low) or 1.0

    def place(x: float, y: float) -> str:
        across = LEFT + x / right * (WIDTH - LEFT - 12)
        down = 12 + (high - y) / span * (HEIGHT - BOTTOM - 12)
        return f"{across:.1f},{down:.1f}"

    lines = [_line([place(*point) for point in training], "#7aa6d8"), _line([place(*p) for p in validation], "#c8442b")]
    centres = [place(*point).split(",") for point in validation]
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="2.5" fill="#c8442b"/>' for x, y in centres)
    marks = [(4, 16, f"{high:.2f}"), (4, HEIGHT - BOTTOM, f"{low:.2f}"), (LEFT, HEIGHT - 8, "0")]
    marks += [(WIDTH - 70, HEIGHT - 8, f"step {right:.0f}")]
    words = "".join(f'<text x="{x}" y="{y}">{text}</text>' for x, y, text in marks)
    legend = f'<text x="{WIDTH - 220}" y="20" fill="#7aa6d8">training</text>'
    legend += f'<text x="{WIDTH - 130}" y="20" fill="#c8442b">validation loss</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="12" fill="#555"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(lines)}{dots}{words}{legend}</svg>"
    )


def _line(places: Sequence[str], colour: str) -> str:
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{" ".join(places)}"/>' if places else ""


def as_image(svg: str, alt: str) -> str:
    """Markdown of a picture that carries its own data."""
    return f"![{alt}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
