"""What happens at the beginning and the end of each epoch: a Keras callback in each file."""
