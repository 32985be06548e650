"""What train_features.py is made of: pictures, the two networks, and iterates to learn from."""
