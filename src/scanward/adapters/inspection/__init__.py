"""What one file gives away about its patient, for the person who owns it. The only place that shows values."""
