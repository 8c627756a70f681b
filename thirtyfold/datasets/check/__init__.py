"""What is wrong with a dataset, told before an hour of training: by file, with the mend."""
