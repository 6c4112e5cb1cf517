"""What goes out: plain dictionaries from the model, with the differences between API versions."""
