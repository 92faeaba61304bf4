"""What an instance says it is when it comes in, and when a study is whole."""
