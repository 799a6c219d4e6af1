"""Draws a chart as PNG, to be read on a phone: large letters, few lines, colours that everybody can tell apart.

Texts are shown as they are: `$` begins no formula. Only this module and what it uses know matplotlib.
"""

import io
import warnings

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from bot.charts import driftplot, timeplot
from bot.charts.sheet import RC
from bot.domain.chart import Chart, TimeChart

COLOURS = 128
"""Of the palette: as good to the eye, and a third of the size."""


def draw(chart: Chart) -> bytes:
    """The picture. It only depends on the chart: no clock, no file, no network."""
    with mpl.rc_context(RC), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font does not have are shown as boxes
        figure = timeplot.plot(chart) if isinstance(chart, TimeChart) else driftplot.plot(chart)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = Image.frombuffer("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba()))
        out = io.BytesIO()
        picture.convert("RGB").quantize(COLOURS).save(out, "png", optimize=True)
        return out.getvalue()
