"""What leaves, put together from recipes, and results on their way back."""
