"""The network: weights, encoder, fast convolution."""
