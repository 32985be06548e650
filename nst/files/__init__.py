"""Files: read, written whole or not at all, and fetched. Free of TensorFlow."""
