"""Reading, whole-or-nothing writing and fetching of files. Free of TensorFlow."""
