"""The command line: help, messages, signals. Free of TensorFlow."""
