"""How plots look: the field's conventions, a palette for all eyes, and one figure in three formats.

A figure is drawn once. As PDF and PNG it is for a paper; as SVG it becomes part of a page, with the page's
colours, so that it follows its dark mode. This module loads matplotlib; import it where drawing starts.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, NullLocator
from PIL import Image

__all__ = [
    "CLASS_COLOURS",
    "Picture",
    "house_style",
    "line",
    "new_figure",
    "new_panels",
    "picture",
    "plain_text",
    "save",
]

# Okabe and Ito's palette, without black and without yellow, which is faint on white.
_PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
# Lines differ by their dashes, too, for those who see no colours and for printers.
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1)), (0, (8, 2, 1, 2, 1, 2)))
CLASS_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_INK, _PAPER = "#1b1b1f", "#fefefe"
# What a page calls the colours; `var` is understood in style attributes, which is where matplotlib writes them.
_VARIABLES = {colour: f"var(--c{i})" for i, colour in enumerate(_PALETTE)}
_VARIABLES |= {_INK: "var(--ink)", _PAPER: "var(--paper)"}
_RAISED = str.maketrans("-0123456789.", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹·")
_LONGEST_TEXT = 48
_DPI = 200
# What matplotlib would write into a file: the day, its version.
_METADATA = {
    "svg": ("Date", "Creator", "Format", "Type"),
    "pdf": ("CreationDate", "Producer", "Creator"),
}

_INKED = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")
_STYLE: dict[Any, Any] = {
    # Conventions of the field, as mplhep's styles have them: ticks inwards on all sides, labels at the ends.
    **{
        f"{axis}tick.{key}": value
        for axis in "xy"
        for key, value in (("direction", "in"), ("minor.visible", True))
    },
    "xtick.top": True,
    "ytick.right": True,
    "xaxis.labellocation": "right",
    "yaxis.labellocation": "top",
    "legend.frameon": False,
    "legend.fontsize": "small",
    "legend.handlelength": 2.2,
    "axes.titlesize": "medium",
    "axes.linewidth": 0.8,
    "font.size": 10,
    "lines.linewidth": 1.6,
    "image.cmap": "viridis",
    # Colours of the page.
    **dict.fromkeys(_INKED, _INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), _PAPER),
    # Text remains text: it can be read aloud, searched and edited.
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Picture:
    """A figure: SVG for a page (no XML head, ids of its own), PDF and PNG for a paper; what it shows in words.

    ``wide``: it has panels side by side, and takes a row of the page.
    """

    name: str
    caption: str
    svg: str
    pdf: bytes
    png: bytes
    wide: bool = False


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the style of the reports while the block runs; the user's settings come back."""
    with mpl.rc_context(), warnings.catch_warnings():
        # A name in a record may hold any character; what the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def new_figure(columns: int = 1, rows: int = 1, size: tuple[float, float] = (4.4, 3.4)) -> tuple[Figure, Any]:
    """A figure that belongs to no window, and its axes; ``size`` of one panel in inches."""
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    return figure, figure.subplots(rows, columns)


def new_panels(n: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Any]]:
    """A figure of ``n`` panels of ``size`` inches, ``columns`` side by side, and their axes."""
    columns = min(n, columns)
    figure, axes = new_figure(columns, -(-n // columns), size)
    flat = list(np.ravel(axes))
    for empty in flat[n:]:
        empty.set_axis_off()
    return figure, flat[:n]


def line(i: int) -> dict[str, Any]:
    """Colour and dashes of the i-th curve."""
    return {"color": _PALETTE[i % len(_PALETTE)], "linestyle": _DASHES[i % len(_DASHES)]}


def points(i: int) -> dict[str, Any]:
    """Colour and shape of the i-th set of points."""
    return {"color": _PALETTE[i % len(_PALETTE)], "fmt": "os^Dv*"[i % 6]}


def plain_text(text: str) -> str:
    """Text from a record, as matplotlib draws it unchanged: no formulae, no control characters, not too long."""
    text = "".join(c if c.isprintable() else "?" for c in text) or "(no name)"
    text = text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
    # A label that begins with an underscore is left out of legends.
    return re.sub("^_", "\u2009_", text.replace("\\", "\u2216")).replace("$", r"\$")


class _Powers(Formatter):
    """What ``inner`` writes as a formula, 10^{-2}, as plain text, 10⁻²: formulae are a third of drawing."""

    def __init__(self, inner: Formatter) -> None:
        self._inner = inner

    def set_locs(self, locs: Any) -> None:
        """Where labels are, of which the formatter leaves some out."""
        self._inner.set_locs(locs)

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = self._inner(x, pos)
        if (formula := re.fullmatch(r"\$\\mathdefault\{(.*)\}\$", text)) is None:
            return text
        plain = formula[1].replace(r"\times", "×")
        return re.sub(r"\^\{(.*?)\}", lambda power: power[1].translate(_RAISED), plain)


def picture(figure: Figure, name: str, caption: str, *, wide: bool = False) -> Picture:
    """Save ``figure`` in all formats, the same bytes each time; ``name`` must be unique on its page."""
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) if axis.get_scale() == "log"):
        axis.set_major_formatter(_Powers(axis.get_major_formatter()))
        axis.set_minor_formatter(_Powers(axis.get_minor_formatter()))
    _lay_out(figure)
    written = {suffix: save(figure, suffix, name) for suffix in ("svg", "pdf", "png")}
    svg = inline_svg(written["svg"].decode(), name)
    return Picture(name, caption, svg, written["pdf"], written["png"], wide)


def _lay_out(figure: Figure) -> None:
    """Make room for labels, once for all formats, as that takes as long as drawing: minor ticks take none."""
    ticks = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) if axis.get_scale() == "linear"]
    minor = [axis.get_minor_locator() for axis in ticks]
    for axis in ticks:
        axis.set_minor_locator(NullLocator())
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
    figure.set_layout_engine("none")
    for axis, locator in zip(ticks, minor, strict=True):
        axis.set_minor_locator(locator)


def save(figure: Figure, suffix: str, salt: str) -> bytes:
    """The bytes of a figure in a format, without dates and version numbers."""
    if suffix == "png":
        return _png(figure)
    stream, metadata, dpi = io.BytesIO(), dict.fromkeys(_METADATA[suffix]), figure.dpi
    # As `Figure.savefig`, which draws twice for the sake of layouts: this figure's is done.
    canvas: Any = FigureCanvasSVG(figure) if suffix == "svg" else FigureCanvasPdf(figure)
    with mpl.rc_context({"svg.hashsalt": salt}):
        getattr(canvas, f"print_{suffix}")(stream, metadata=metadata)
    figure.set_dpi(dpi)
    return stream.getvalue()


def _png(figure: Figure) -> bytes:
    """The figure as an image with a palette of 256 colours, which takes a third of the bytes."""
    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    stream = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True, dpi=(_DPI, _DPI))
    return stream.getvalue()


def inline_svg(svg: str, name: str) -> str:
    """An SVG file as a part of a page: its colours those of the page, its ids begin with ``name``."""
    svg = svg[svg.index("<svg") :]
    # The style would hold for the whole page; the page's own has it.
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r"<svg\b[^>]*", lambda m: re.sub(r' (?:width|height)="[^"]*"', "", m[0]), svg, count=1)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"#[0-9a-f]{6}\b", lambda m: _VARIABLES.get(m[0], m[0]), svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--font)", svg)
    # Decimals beyond a hundredth of a point are not seen.
    svg = re.sub(r"(?<=\d\.)(\d{2})\d+", r"\1", svg)
    return re.sub(r"\s*\n\s*", "\n", svg).strip()
