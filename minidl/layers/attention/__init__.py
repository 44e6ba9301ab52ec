"""Attention: each step of a sequence gathers from the steps that it looks at.

masks             who may look at whom, as one mask
heads             how heads stand in arrays
dot_product       softmax(Q Kᵀ) V and its gradient
projection        features into heads, and back
projected         what the next two share: projections, the call, masks
multi_head_attention, grouped_query_attention
additive_scores   scores by a sum
attention         Attention and AdditiveAttention, which have no projections
"""

from minidl.layers.attention.attention import AdditiveAttention, Attention
from minidl.layers.attention.grouped_query_attention import GroupQueryAttention
from minidl.layers.attention.multi_head_attention import MultiHeadAttention

__all__ = ["AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"]
