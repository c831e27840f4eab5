"""The picture of a workflow's steps, laid out here and drawn as SVG by a template.

Works on the raw steps of a definition, right or wrong, so that the picture follows while someone types. `Picture` has
it in three forms: `draw` goes across the page, `draw_rail` down it in a given width, `outline` says it in words.
"""

from workflows.graph.across import draw
from workflows.graph.outline import Entry, outline
from workflows.graph.parts import Edge, Graph, Lane, Node, NodeState
from workflows.graph.picture import Picture
from workflows.graph.rail import draw_rail

__all__ = ["Edge", "Entry", "Graph", "Lane", "Node", "NodeState", "Picture", "draw", "draw_rail", "outline"]
