"""The parts of train_features.py: training images, the two networks, and iterates."""
