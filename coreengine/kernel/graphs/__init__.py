"""Pictures of what comes before what, laid out here and drawn as SVG by templates: ranks, places, lines.

Knows neither workflows nor courses: an upper app gives boxes with a name, a size and what they need.
"""

from coreengine.kernel.graphs.lines import Line
from coreengine.kernel.graphs.order import Needing, in_order, ranks
from coreengine.kernel.graphs.placing import Box, Placing, place_boxes, place_in_bands

__all__ = ["Box", "Line", "Needing", "Placing", "in_order", "place_boxes", "place_in_bands", "ranks"]
