"""Categories and texts: numbers into bins, tokens into indices, indices into vectors.

encoding            indices as one-hot, multi-hot or counted vectors
category_encoding   the layer that does just that
discretization quantiles    numbers into bins, and where the bins begin
index_lookup        tokens to indices by a vocabulary: what the next two share
string_lookup integer_lookup
hashing strings     unknown strings dealt out to several indices; strings of all kinds made alike
text_vectorization text_steps   whole texts
"""

from minidl.layers.categorical.category_encoding import CategoryEncoding
from minidl.layers.categorical.discretization import Discretization
from minidl.layers.categorical.integer_lookup import IntegerLookup
from minidl.layers.categorical.string_lookup import StringLookup
from minidl.layers.categorical.text_vectorization import TextVectorization

__all__ = [
    "CategoryEncoding",
    "Discretization",
    "IntegerLookup",
    "StringLookup",
    "TextVectorization",
]
