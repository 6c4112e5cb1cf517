"""Small named things that every room may use."""
