"""What a model computes on one sample, written out: each formula with its shapes and numbers.

`model.explain(x, y)` makes an `Explanation`: forwards through every layer, the loss and its
gradient, backwards through every layer, and the update to come. The numbers are those of the very
`forward` and `backward` that training runs, on a copy of the model: nothing of yours changes.

    recording.py    runs the steps of a batch, and keeps what each took and gave
    narration.py    tells the record as steps, from the inputs to the update
    formulas/       one file a family: a layer's equations, and an entry of it worked through
    text.py html.py the steps on paper
"""

from minidl.explain.content import Equation, Explanation, Note, Numbers, Step, Worked
from minidl.explain.narration import explain_model

__all__ = ["Equation", "Explanation", "Note", "Numbers", "Step", "Worked", "explain_model"]
