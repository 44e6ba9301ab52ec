"""Every built-in in plain NumPy, straight from its equation, as the second of three witnesses.

No trick against overflow, no work shared with a gradient, nothing in place: only the equation.
`minidl.autodiff` differentiates each, and the gradient that was derived by hand must be the same
to 1e-10. What is drawn at random is drawn by the layer, so that both see the same draw.
"""

from .attention import ATTENTION
from .functions import ACTIVATIONS, LOSSES, REGULARIZERS, Definition
from .images import IMAGES
from .normalizations import NORMALIZATIONS
from .plain import PLAIN
from .sequences import SEQUENCES
from .windows import WINDOWS

LAYERS: dict[type, Definition] = {
    **PLAIN,
    **NORMALIZATIONS,
    **WINDOWS,
    **IMAGES,
    **ATTENTION,
    **SEQUENCES,
}
DEFINITIONS: dict[type, Definition] = {**ACTIVATIONS, **LOSSES, **REGULARIZERS, **LAYERS}
