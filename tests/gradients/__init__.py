"""The gradient suite: every layer, activation, loss and regularizer against central differences."""
